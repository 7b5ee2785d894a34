// Text form, parsing and making of uuids.
#include "model/uuid.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_set>

namespace gregor::model {
namespace {

struct Noise {
  std::uint64_t next() { return random(); }
  std::mt19937_64 random{42};
};

TEST(UuidTest, KnownTexts) {
  // The text forms that Java's Base64.getUrlEncoder().withoutPadding() gives.
  EXPECT_EQ(Uuid{}.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
  Uuid ones;
  ones.bytes.fill(std::byte{0xff});
  EXPECT_EQ(ones.to_string(), "_____________________w");
  Uuid counted;
  for (std::size_t i = 0; i < 16; ++i) counted.bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(counted.to_string(), "AAECAwQFBgcICQoLDA0ODw");
}

TEST(UuidTest, TextAndBackIsTheSame) {
  Noise noise;
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = Uuid::make(noise);
    const auto parsed = Uuid::parse(id.to_string());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, id);
    EXPECT_EQ(id.to_string().size(), 22U);
  }
}

TEST(UuidTest, MadeOnesAreVersion4AndStartWithoutADash) {
  Noise noise;
  std::unordered_set<Uuid> seen;
  for (int i = 0; i < 5000; ++i) {
    const Uuid id = Uuid::make(noise);
    EXPECT_EQ(id.bytes[6] & std::byte{0xf0}, std::byte{0x40});
    EXPECT_EQ(id.bytes[8] & std::byte{0xc0}, std::byte{0x80});
    EXPECT_NE(id.to_string().front(), '-');
    EXPECT_FALSE(id.is_zero());
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 5000U);
}

TEST(UuidTest, FromBitsKeepsAllOtherBits) {
  const Uuid id = Uuid::from_bits(0x0123456789abcdef, 0xfedcba9876543210);
  EXPECT_EQ(id.to_string(), Uuid::parse(id.to_string())->to_string());
  EXPECT_EQ(id.bytes[0], std::byte{0x01});
  EXPECT_EQ(id.bytes[6], std::byte{0x4d});
  EXPECT_EQ(id.bytes[8], std::byte{0xbe});
  EXPECT_EQ(id.bytes[15], std::byte{0x10});
}

TEST(UuidTest, BadTextsAreRefused) {
  for (const char* text : {"", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA",
                           "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAA+A",
                           "AAAAAAAAAAAAAAAAAAAA/A", "AAAAAAAAAA AAAAAAAAAAA"}) {
    const auto parsed = Uuid::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_request);
  }
}

TEST(UuidTest, OrderIsThatOfTheBytes) {
  Uuid low;
  Uuid high;
  low.bytes[15] = std::byte{0xff};
  high.bytes[0] = std::byte{0x01};
  EXPECT_LT(low, high);
}

}  // namespace
}  // namespace gregor::model
