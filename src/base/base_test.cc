// The ground's small pieces: error names, CRC-32C, big-endian access, strong numbers, log rate
// limit.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/duration_histogram.h"
#include "base/error_code.h"
#include "base/log.h"
#include "base/result.h"
#include "base/strong.h"
#include "base/unique_function.h"

namespace gregor {
namespace {

TEST(ErrorCodeTest, NamesAndRetryRules) {
  EXPECT_EQ(error_name(ErrorCode::corrupt_message), "CORRUPT_MESSAGE");
  EXPECT_EQ(error_name(static_cast<ErrorCode>(9999)), "UNKNOWN_SERVER_ERROR");
  EXPECT_TRUE(is_retriable(ErrorCode::corrupt_message));
  EXPECT_FALSE(is_retriable(ErrorCode::invalid_record));
  EXPECT_TRUE(invalidates_metadata(ErrorCode::not_leader_or_follower));
}

TEST(Crc32cTest, KnownVectorAndExtension) {
  const auto text = as_bytes("123456789");
  EXPECT_EQ(crc32c(text), 0xe3069283U);
  EXPECT_EQ(crc32c_extend(crc32c(text.first(4)), text.subspan(4)), 0xe3069283U);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(BytesTest, BigEndianBothWays) {
  std::byte raw[8];
  store_be<std::int32_t>(raw, -2);
  EXPECT_EQ(load_be<std::int32_t>(raw), -2);
  EXPECT_EQ(raw[0], std::byte{0xff});
  store_be<std::uint64_t>(raw, 0x0102030405060708U);
  EXPECT_EQ(raw[0], std::byte{1});
  EXPECT_EQ(load_be<std::uint64_t>(raw), 0x0102030405060708U);
}

TEST(StrongTest, ArithmeticKeepsTheMeaning) {
  using Offset = Strong<struct OffsetTag, std::int64_t>;
  EXPECT_EQ(Offset(5) + 3, Offset(8));
  EXPECT_EQ(Offset(5) - Offset(3), 2);
  EXPECT_LT(Offset(1), Offset(2));
}

TEST(UniqueFunctionTest, OwnsMoveOnlyState) {
  UniqueFunction<int(int)> add = [base = std::make_unique<int>(4)](int n) { return *base + n; };
  auto moved = std::move(add);
  EXPECT_EQ(moved(3), 7);
}

TEST(DurationHistogramTest, BoundsAreInclusiveAndSumsMerge) {
  using namespace std::chrono_literals;
  DurationHistogram first;
  first.add(0ns);
  first.add(100us);
  first.add(100us + 1ns);
  DurationHistogram second;
  second.add(10s);
  second.add(11s);
  first.merge(second);
  EXPECT_EQ(first.in_bucket(0), 2U);
  EXPECT_EQ(first.in_bucket(1), 1U);
  EXPECT_EQ(first.in_bucket(DurationHistogram::bounds.size() - 1), 1U);
  EXPECT_EQ(first.in_bucket(DurationHistogram::bounds.size()), 1U);
  EXPECT_EQ(first.count(), 5U);
  EXPECT_EQ(first.sum(), 21s + 200us + 1ns);
}

TEST(RateLimitTest, HoldsBackAndCounts) {
  log::RateLimit limit(2);
  EXPECT_EQ(limit.admit(0), 0);
  EXPECT_EQ(limit.admit(1), 0);
  EXPECT_EQ(limit.admit(2), -1);
  EXPECT_EQ(limit.admit(3), -1);
  EXPECT_EQ(limit.admit(2'000'000'000), 2);
}

}  // namespace
}  // namespace gregor
