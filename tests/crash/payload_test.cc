#include "crash/payload.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gregor::crash {
namespace {

constexpr std::uint64_t seed = 7;

TEST(Payload, NumbersHoldTheSendAndThePlace) {
  const RecordNumber number = record_number(0x10000000123, 63);
  EXPECT_EQ(send_of(number), 0x10000000123U);
  EXPECT_EQ(index_of(number), 63);
}

TEST(Payload, ValuesFollowFromNumberAndSeed) {
  EXPECT_EQ(make_value(5, seed), make_value(5, seed));
  EXPECT_NE(make_value(5, seed), make_value(6, seed));
  EXPECT_NE(make_value(5, seed), make_value(5, seed + 1));
  EXPECT_EQ(claimed_number(make_value(5, seed)), 5U);
}

TEST(Payload, SizesStayInTheirRange) {
  std::size_t least = value_bytes_max;
  std::size_t most = 0;
  for (RecordNumber number = 0; number < 20000; ++number) {
    const std::size_t size = make_value(number, seed).size();
    least = std::min(least, size);
    most = std::max(most, size);
  }
  EXPECT_EQ(least, value_bytes_min);
  EXPECT_EQ(most, value_bytes_max);
}

TEST(Payload, EveryChangedByteIsFound) {
  auto value = make_value(99, seed);
  ASSERT_TRUE(value_is_intact(value, seed));
  for (std::byte& byte : value) {
    byte ^= std::byte{0x20};
    EXPECT_FALSE(value_is_intact(value, seed));
    byte ^= std::byte{0x20};
  }
}

TEST(Payload, AnotherLengthIsFound) {
  auto value = make_value(99, seed);
  value.push_back(std::byte{0});
  EXPECT_FALSE(value_is_intact(value, seed));
  value.resize(value.size() - 2);
  EXPECT_FALSE(value_is_intact(value, seed));
  value.resize(value_bytes_min - 1);
  EXPECT_FALSE(value_is_intact(value, seed));
  EXPECT_EQ(claimed_number(value), std::nullopt);
}

}  // namespace
}  // namespace gregor::crash
