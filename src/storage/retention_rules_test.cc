#include "storage/retention_rules.h"

#include <gtest/gtest.h>

#include <vector>

namespace gregor::storage {
namespace {

using model::Offset;

/// Segments of 10 offsets each; the last one is active.
std::vector<SegmentSpan> log_of(const std::vector<std::uint64_t>& sizes) {
  std::vector<SegmentSpan> segments;
  for (const auto size : sizes) {
    const auto base = Offset(static_cast<std::int64_t>(segments.size()) * 10);
    segments.push_back({base, base + 10, size, false});
  }
  segments.back().is_active = true;
  if (sizes.back() == 0) segments.back().end = segments.back().base;
  return segments;
}

TEST(RetentionRulesTest, whole_segments_below_the_log_start_go) {
  const auto log = log_of({100, 100, 100});
  EXPECT_EQ(count_below(log, Offset(9), Offset(30)), 0u);
  EXPECT_EQ(count_below(log, Offset(10), Offset(30)), 1u);
  EXPECT_EQ(count_below(log, Offset(29), Offset(30)), 2u);
  // The active one stays even if all of its records are gone.
  EXPECT_EQ(count_below(log, Offset(30), Offset(30)), 2u);
}

TEST(RetentionRulesTest, at_least_the_size_to_be_kept_stays) {
  const auto log = log_of({100, 100, 100});
  EXPECT_EQ(count_beyond_size(log, -1, Offset(30)), 0u);
  EXPECT_EQ(count_beyond_size(log, 300, Offset(30)), 0u);
  EXPECT_EQ(count_beyond_size(log, 201, Offset(30)), 0u);
  EXPECT_EQ(count_beyond_size(log, 200, Offset(30)), 1u);
  EXPECT_EQ(count_beyond_size(log, 1, Offset(30)), 2u);
  EXPECT_EQ(count_beyond_size(log, 0, Offset(30)), 3u);  // the active one as well
  EXPECT_EQ(count_beyond_size(log_of({100, 0}), 0, Offset(10)), 1u);
  // The first one that stays keeps all behind it, however small.
  EXPECT_EQ(count_beyond_size(log_of({100, 10, 10}), 50, Offset(30)), 0u);
}

TEST(RetentionRulesTest, nothing_at_the_high_watermark_goes) {
  const auto log = log_of({100, 100, 100});
  EXPECT_EQ(count_beyond_size(log, 0, Offset(29)), 2u);
  EXPECT_EQ(count_beyond_size(log, 0, Offset(9)), 0u);
  EXPECT_EQ(count_below(log, Offset(20), Offset(19)), 1u);
}

TEST(RetentionRulesTest, age_is_counted_from_the_largest_timestamp) {
  EXPECT_FALSE(is_too_old(1000, 1500, 500));
  EXPECT_TRUE(is_too_old(999, 1500, 500));
  EXPECT_FALSE(is_too_old(0, 1500, -1));
  EXPECT_TRUE(is_too_old(1499, 1500, 0));
  EXPECT_FALSE(is_too_old(1500, 1500, 0));
}

TEST(RetentionRulesTest, a_timestamp_in_the_future_is_never_too_old) {
  EXPECT_FALSE(is_too_old(1501, 1500, 0));
  EXPECT_FALSE(is_too_old(INT64_MAX, 1500, 0));
  EXPECT_FALSE(is_too_old(INT64_MAX, 0, INT64_MAX));
}

}  // namespace
}  // namespace gregor::storage
