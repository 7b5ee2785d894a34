// Varints: the published vectors, both ways, cut and too long ones.
#include "model/varint.h"

#include <gtest/gtest.h>

#include <limits>
#include <string_view>

#include "model/test_batches.h"

namespace gregor::model {
namespace {

using test::from_hex;
using test::to_hex;

template <class T>
std::string written(T n) {
  std::vector<std::byte> out;
  append_varint(out, n);
  EXPECT_EQ(out.size(), varint_size(n));
  return to_hex(out);
}

template <class T>
std::optional<T> read_all(ByteView bytes) {
  T out{};
  const std::byte* end = bytes.data() + bytes.size();
  if (read_varint(bytes.data(), end, out) != end) return std::nullopt;
  return out;
}

TEST(VarintTest, PublishedVectors) {
  const std::pair<std::int32_t, const char*> vectors[] = {
      {0, "00"},
      {-1, "01"},
      {1, "02"},
      {-2, "03"},
      {2, "04"},
      {63, "7e"},
      {64, "8001"},
      {-64, "7f"},
      {-65, "8101"},
      {300, "d804"},
      {std::numeric_limits<std::int32_t>::max(), "feffffff0f"},
      {std::numeric_limits<std::int32_t>::min(), "ffffffff0f"}};
  for (const auto& [n, hex] : vectors) {
    EXPECT_EQ(written(n), hex);
    EXPECT_EQ(read_all<std::int32_t>(from_hex(hex)), n);
    EXPECT_EQ(read_all<std::int64_t>(from_hex(hex)), n);
  }
}

TEST(VarintTest, EachWidthBothWays) {
  for (int bit = 0; bit < 64; ++bit) {
    for (std::int64_t near : {-1, 0, 1}) {
      const auto n =
          static_cast<std::int64_t>((std::uint64_t{1} << bit) + static_cast<std::uint64_t>(near));
      for (std::int64_t value : {n, static_cast<std::int64_t>(~static_cast<std::uint64_t>(n))}) {
        EXPECT_EQ(read_all<std::int64_t>(from_hex(written(value))), value);
        const auto narrow = static_cast<std::int32_t>(value);
        EXPECT_EQ(read_all<std::int32_t>(from_hex(written(narrow))), narrow);
      }
    }
  }
  EXPECT_EQ(varint_size(std::numeric_limits<std::int64_t>::min()), 10U);
  EXPECT_EQ(varint_size(std::numeric_limits<std::int32_t>::min()), 5U);
}

TEST(VarintTest, CutOnesAreRefused) {
  for (std::int64_t n :
       {std::int64_t{64}, std::int64_t{-1} << 40, std::numeric_limits<std::int64_t>::min()}) {
    const auto whole = from_hex(written(n));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      std::int64_t out = 0;
      EXPECT_EQ(read_varint(whole.data(), whole.data() + size, out), nullptr);
    }
  }
}

TEST(VarintTest, TooLongOnesAreRefusedOverlongOnesAreNot) {
  EXPECT_EQ(read_all<std::int32_t>(from_hex("808080808000")), std::nullopt);
  EXPECT_EQ(read_all<std::int64_t>(from_hex("8080808080808080808000")), std::nullopt);
  EXPECT_EQ(read_all<std::int32_t>(from_hex("8100")), -1);
  EXPECT_EQ(read_all<std::int32_t>(from_hex("8080808000")), 0);
  EXPECT_EQ(read_all<std::int32_t>(from_hex("feffffff7f")),
            std::numeric_limits<std::int32_t>::max());
}

}  // namespace
}  // namespace gregor::model
