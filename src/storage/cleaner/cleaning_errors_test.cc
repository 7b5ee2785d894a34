// Cleanings that meet errors which pass, and how old the segments are that they make.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>

#include "storage/cleaner/log_cleaner.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::Offset;
using model::TimestampMs;
using test::make_batch;
using test::sim::FileOperation;

std::shared_ptr<config::TopicConfig> compacted_config() {
  auto config = test::small_config();
  config->cleanup_compact = true;
  config->cleanup_delete = false;
  config->flush_messages = 1;
  return config;
}

/// A log of several segments whose records all have the same key.
class CleaningErrorsTest : public ::testing::Test {
 protected:
  static constexpr int batches = 9;

  void begin(const std::shared_ptr<config::TopicConfig>& config, std::int64_t timestamp = 1000) {
    host_ = std::make_unique<test::SimulatedHost>();
    ASSERT_TRUE(host_->open(config).has_value());
    for (int i = 0; i < batches; ++i) {
      append(timestamp);
      host_->settle(std::chrono::hours(1));
    }
    ASSERT_GE(host_->log().segment_count(), 4u);
    auto larger = std::make_shared<config::TopicConfig>(*config);
    larger->segment_bytes = 1 << 20;  // so that several become one
    host_->log().set_config(larger);
  }
  void append(std::int64_t timestamp) {
    ASSERT_TRUE(
        host_->append(make_batch({.timestamp = timestamp, .value_bytes = 900})).has_value());
    host_->log().set_high_watermark(host_->log().log_end());
  }
  [[nodiscard]] Result<void> clean() {
    const auto facts = host_->wait(host_->log().cleaning_facts());
    if (!facts) return fail(facts.error());
    CleaningPlan plan{*facts, choose_cleaning(*facts, std::nullopt,
                                              TimestampMs(host_->shard().clock().wall_ms()))};
    outcome_ = {};
    return host_->wait(
        clean_log(host_->shard(), host_->log(), std::move(plan), CleanerOptions{}, outcome_));
  }
  [[nodiscard]] std::int64_t modified_ms(std::int64_t base, const std::string& suffix) {
    const auto info = host_->files().stat(host_->segment_path(base, suffix));
    EXPECT_TRUE(info.has_value());
    return info ? info->modified_ms : 0;
  }
  [[nodiscard]] std::int64_t first_base() { return host_->log().first_base().value(); }

  std::unique_ptr<test::SimulatedHost> host_;
  CleaningOutcome outcome_;
};

TEST_F(CleaningErrorsTest, short_of_descriptors_it_is_tried_again) {
  int refused = 0;
  int waited = 0;
  for (const FileOperation operation :
       {FileOperation::open, FileOperation::create, FileOperation::sync_directory}) {
    for (std::uint64_t n = 1;; ++n) {
      begin(compacted_config());
      const std::uint64_t before = host_->disk().count(operation);
      host_->disk().fail_nth(operation, n, EMFILE);
      const auto done = clean();
      if (host_->disk().count(operation) < before + n) {
        ASSERT_TRUE(done.has_value()) << done.error().detail;
        break;
      }
      waited += done.has_value();
      refused += !done.has_value();
      if (!done) {
        EXPECT_TRUE(may_be_cleaned_later(done.error())) << done.error().detail;
      }
      ASSERT_FALSE(host_->log().failure().has_value()) << host_->log().failure()->detail;
      ASSERT_FALSE(host_->dirs_health().has_failed());
      const auto again = clean();
      ASSERT_TRUE(again.has_value()) << again.error().detail;
      EXPECT_LT(host_->log().segment_count(), 4u);
      EXPECT_TRUE(host_->read_all(Offset(0), host_->log().log_end()).has_value());
    }
  }
  EXPECT_GT(refused, 5);
  EXPECT_GT(waited, 2);  // for a swap that had begun
}

TEST_F(CleaningErrorsTest, errors_of_the_disk_are_not_tried_again) {
  begin(compacted_config());
  host_->disk().fail_nth(FileOperation::read, 1, EIO);
  const auto done = clean();
  ASSERT_FALSE(done.has_value());
  EXPECT_FALSE(may_be_cleaned_later(done.error()));
}

TEST_F(CleaningErrorsTest, a_cleaned_segment_is_as_old_as_the_last_of_those_it_was_made_of) {
  begin(compacted_config());
  const auto facts = host_->wait(host_->log().cleaning_facts());
  ASSERT_TRUE(facts.has_value());
  const std::int64_t last_ms = modified_ms(facts->segments.back().base.value(), ".log");
  EXPECT_GT(last_ms, modified_ms(facts->segments.front().base.value(), ".log"));
  host_->settle(std::chrono::hours(24));
  ASSERT_TRUE(clean().has_value());
  ASSERT_GT(outcome_.segments_before, outcome_.segments_after);
  for (const std::string suffix : {".log", ".index", ".timeindex"})
    EXPECT_EQ(modified_ms(first_base(), suffix), last_ms) << suffix;
}

TEST_F(CleaningErrorsTest, records_without_timestamps_grow_too_old_though_they_were_compacted) {
  auto config = compacted_config();
  config->cleanup_delete = true;
  config->retention_ms = 48 * 3'600'000LL;
  begin(config, -1);
  host_->settle(std::chrono::hours(36));
  ASSERT_TRUE(clean().has_value());
  ASSERT_GT(outcome_.segments_before, outcome_.segments_after);
  append(host_->shard().clock().wall_ms());  // the segment that grows stays
  const std::int64_t base = first_base();
  auto deleted = host_->wait(host_->log().apply_retention());
  ASSERT_TRUE(deleted.has_value());
  EXPECT_EQ(first_base(), base);
  host_->settle(std::chrono::hours(24));
  deleted = host_->wait(host_->log().apply_retention());
  ASSERT_TRUE(deleted.has_value());
  EXPECT_GT(first_base(), base);
}

}  // namespace
}  // namespace gregor::storage
