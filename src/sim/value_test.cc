#include "sim/value.h"

#include <gtest/gtest.h>

namespace gregor::sim {
namespace {

TEST(Value, NumberSaysWhoAndHowManieth) {
  const ValueId value = make_value(7, 12345);
  EXPECT_EQ(producer_of(value), 7U);
  EXPECT_EQ(counter_of(value), 12345U);
}

TEST(Value, PayloadIsReadBack) {
  for (const std::size_t size :
       {payload_bytes_min, payload_bytes_min + 1, std::size_t{100}, std::size_t{5000}}) {
    const auto payload = make_payload(make_value(3, 9), size);
    EXPECT_EQ(payload.size(), size);
    EXPECT_EQ(read_payload(payload), make_value(3, 9));
  }
}

TEST(Value, EveryChangedBitIsSeen) {
  const auto payload = make_payload(make_value(1, 2), 40);
  for (std::size_t bit = 0; bit < payload.size() * 8; ++bit) {
    auto changed = payload;
    changed[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
    const auto read = read_payload(changed);
    EXPECT_FALSE(read.has_value()) << "bit " << bit;
  }
}

TEST(Value, CutOrLongerPayloadIsSeen) {
  auto payload = make_payload(make_value(1, 2), 40);
  payload.pop_back();
  EXPECT_FALSE(read_payload(payload).has_value());
  payload.resize(41);
  EXPECT_FALSE(read_payload(payload).has_value());
  EXPECT_FALSE(read_payload(ByteView()).has_value());
}

TEST(Value, SomeKeysAreNull) {
  EXPECT_FALSE(make_key(make_value(1, 4)).has_value());
  EXPECT_TRUE(make_key(make_value(1, 5)).has_value());
  EXPECT_NE(make_key(make_value(1, 5)), make_key(make_value(1, 6)));
}

}  // namespace
}  // namespace gregor::sim
