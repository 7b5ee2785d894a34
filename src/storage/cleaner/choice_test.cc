// Which part of a log is compacted, when, and which segments become one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/cleaner/cleaning_choice.h"
#include "storage/cleaner/segment_groups.h"

namespace gregor::storage {
namespace {

using model::Offset;
using model::TimestampMs;
using testing::ElementsAre;

/// Segments of 100 bytes at 0, 100, 200, 300; the active one at 400.
CleaningFacts facts_of(std::shared_ptr<config::TopicConfig> config) {
  CleaningFacts facts;
  facts.config = std::move(config);
  facts.active_base = facts.bound = Offset(400);
  for (std::int64_t base : {0, 100, 200, 300}) {
    facts.segments.push_back(
        {Offset(base), 100, TimestampMs(base + 1000), TimestampMs(base + 900)});
  }
  return facts;
}

class CleaningChoiceTest : public ::testing::Test {
 protected:
  CleaningChoice choose(std::optional<Offset> checkpoint, std::int64_t now = 5000) {
    return choose_cleaning(facts_, checkpoint, TimestampMs(now));
  }
  std::shared_ptr<config::TopicConfig> config_ = std::make_shared<config::TopicConfig>();
  CleaningFacts facts_ = facts_of(config_);
};

TEST_F(CleaningChoiceTest, all_but_the_active_segment_is_dirty_at_first) {
  const auto choice = choose(std::nullopt);
  EXPECT_EQ(choice.first_dirty, Offset(0));
  EXPECT_EQ(choice.end, Offset(400));
  EXPECT_EQ(choice.clean_bytes, 0U);
  EXPECT_EQ(choice.cleanable_bytes, 400U);
  EXPECT_TRUE(is_worth_cleaning(choice, *config_));
}

TEST_F(CleaningChoiceTest, the_ratio_is_that_of_what_came_since) {
  const auto half = choose(Offset(200));
  EXPECT_EQ(half.clean_bytes, 200U);
  EXPECT_EQ(half.cleanable_bytes, 200U);
  EXPECT_FALSE(is_worth_cleaning(half, *config_));  // it must be above the ratio
  EXPECT_TRUE(is_worth_cleaning(choose(Offset(100)), *config_));
  const auto nothing = choose(Offset(400));
  EXPECT_EQ(nothing.cleanable_bytes, 0U);
  config_->min_cleanable_dirty_ratio = 0;
  EXPECT_FALSE(is_worth_cleaning(nothing, *config_));
}

TEST_F(CleaningChoiceTest, a_checkpoint_that_can_not_be_is_not_believed) {
  facts_.log_start = Offset(150);
  EXPECT_EQ(choose(Offset(100)).first_dirty, Offset(150));
  EXPECT_EQ(choose(Offset(401)).first_dirty, Offset(150));
  EXPECT_EQ(choose(Offset(300)).first_dirty, Offset(300));
}

TEST_F(CleaningChoiceTest, nothing_from_the_bound_on_is_touched) {
  facts_.bound = Offset(250);
  const auto choice = choose(Offset(100));
  EXPECT_EQ(choice.end, Offset(200));
  EXPECT_EQ(choice.cleanable_bytes, 100U);
  facts_.bound = Offset(50);
  EXPECT_EQ(choose(Offset(100)).cleanable_bytes, 0U);
}

TEST_F(CleaningChoiceTest, young_records_wait) {
  config_->min_compaction_lag_ms = 1000;
  EXPECT_EQ(choose(std::nullopt, 2200).end, Offset(300));  // largest timestamp 1200 is old enough
  EXPECT_EQ(choose(std::nullopt, 2300).end, Offset(400));
}

TEST_F(CleaningChoiceTest, old_ones_are_overdue) {
  config_->max_compaction_lag_ms = 1000;
  EXPECT_FALSE(choose(Offset(300), 2200).is_overdue);
  const auto overdue = choose(Offset(300), 2201);
  EXPECT_TRUE(overdue.is_overdue);
  EXPECT_TRUE(is_worth_cleaning(overdue, *config_));  // though only a quarter of it is dirty
}

TEST(SegmentGroupsTest, are_as_large_as_a_segment_may_be) {
  const std::vector<GroupedSegment> segments{{Offset(0), 40, 1, 1},
                                             {Offset(10), 40, 1, 1},
                                             {Offset(20), 30, 1, 1},
                                             {Offset(30), 200, 1, 1},
                                             {Offset(40), 0, 1, 1}};
  EXPECT_THAT(group_segments(segments, {100, 100, Offset(50)}), ElementsAre(2, 1, 1, 1));
  EXPECT_THAT(group_segments(segments, {1000, 100, Offset(50)}), ElementsAre(5));
  EXPECT_THAT(group_segments(segments, {1000, 2, Offset(50)}), ElementsAre(2, 2, 1));
}

TEST(SegmentGroupsTest, reach_over_31_bits_of_offsets) {
  constexpr std::int64_t far = std::int64_t{1} << 31;
  const std::vector<GroupedSegment> segments{{Offset(0), 1}, {Offset(10), 1}, {Offset(far), 1}};
  EXPECT_THAT(group_segments(segments, {100, 100, Offset(far + 5)}), ElementsAre(2, 1));
}

}  // namespace
}  // namespace gregor::storage
