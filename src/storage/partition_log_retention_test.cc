// Deleting old segments, on a simulated machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "storage/log_counters.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using test::Bytes;
using test::make_batch;
using test::sim::CrashKind;
using test::sim::FileOperation;

constexpr std::int64_t hour_ms = 3'600'000;

class RetentionTest : public ::testing::Test {
 protected:
  RetentionTest() {
    config_->segment_bytes = 1000;
    config_->retention_ms = -1;
  }
  void open() {
    const auto opened = host_.open(config_);
    ASSERT_TRUE(opened.has_value()) << opened.error().detail;
    host_.log().count_in(counters_);
    host_.log().set_high_watermark(host_.log().log_end());
  }
  [[nodiscard]] std::int64_t now_ms() { return host_.shard().clock().wall_ms(); }
  /// One segment of one batch with one record.
  void fill(std::int64_t timestamp, std::size_t value_bytes = 800) {
    const auto appended =
        host_.append(make_batch({.timestamp = timestamp, .value_bytes = value_bytes}));
    ASSERT_TRUE(appended.has_value()) << appended.error().error.detail;
    host_.log().set_high_watermark(host_.log().log_end());
  }
  DeletedSegments check() {
    auto deleted = host_.wait(host_.log().apply_retention());
    EXPECT_TRUE(deleted.has_value()) << deleted.error().detail;
    return deleted ? std::move(*deleted) : DeletedSegments();
  }
  [[nodiscard]] std::int64_t start() { return host_.log().log_start().value(); }
  [[nodiscard]] ErrorCode read_error(std::int64_t from) {
    const auto read =
        host_.wait(host_.log().read({Offset(from), host_.log().log_end(), 4096, true}));
    return read ? ErrorCode::none : read.error().code;
  }
  [[nodiscard]] std::vector<std::string> names() {
    std::vector<std::string> names;
    const auto entries = host_.files().list(host_.log_folder());
    for (const auto& entry : *entries) names.push_back(entry.name);
    return names;
  }
  [[nodiscard]] bool has(const std::string& name) { return std::ranges::count(names(), name) > 0; }
  [[nodiscard]] std::uint64_t deleted_for(DeletionReason reason) const {
    return counters_.deleted_segments[static_cast<std::size_t>(reason)];
  }

  test::SimulatedHost host_;
  std::shared_ptr<config::TopicConfig> config_ = std::make_shared<config::TopicConfig>();
  LogCounters counters_;
};

TEST_F(RetentionTest, segments_go_by_their_largest_timestamp) {
  config_->retention_ms = hour_ms;
  open();
  fill(now_ms() - 3 * hour_ms);
  fill(now_ms() - 2 * hour_ms);
  fill(now_ms());
  fill(now_ms() - 3 * hour_ms);  // behind one that stays
  fill(now_ms());
  const auto deleted = check();
  EXPECT_EQ(deleted.count, 2u);
  EXPECT_EQ(deleted.delay_ms, 60'000);
  EXPECT_EQ(start(), 2);
  EXPECT_EQ(host_.log().first_base(), Offset(2));
  EXPECT_EQ(read_error(1), ErrorCode::offset_out_of_range);
  EXPECT_EQ(read_error(2), ErrorCode::none);
  EXPECT_EQ(deleted_for(DeletionReason::time), 2u);
  EXPECT_EQ(counters_.deleted_bytes, deleted.size_bytes);
  // The files wait under other names.
  EXPECT_TRUE(has("00000000000000000000.log.deleted"));
  EXPECT_TRUE(has("00000000000000000001.timeindex.deleted"));
  EXPECT_TRUE(has("00000000000000000001.snapshot.deleted"));
  EXPECT_FALSE(has("00000000000000000001.log"));
  EXPECT_TRUE(has("00000000000000000002.log"));
  for (const auto& path : deleted.files) EXPECT_TRUE(host_.files().stat(path).has_value()) << path;
  EXPECT_EQ(deleted.files.size(), 7u);  // the first segment has no snapshot
  EXPECT_EQ(check().count, 0u);
}

TEST_F(RetentionTest, nothing_goes_without_limits) {
  open();
  for (int i = 0; i < 5; ++i) fill(1000);
  EXPECT_EQ(check().count, 0u);
  EXPECT_EQ(start(), 0);
}

TEST_F(RetentionTest, new_settings_count_at_once) {
  open();
  for (int i = 0; i < 5; ++i) fill(1000);
  fill(now_ms());
  auto config = std::make_shared<config::TopicConfig>(*config_);
  config->retention_ms = 1;
  config->file_delete_delay_ms = 7;
  host_.settle(std::chrono::seconds(1));
  fill(now_ms());
  host_.log().set_config(config);
  const auto deleted = check();
  EXPECT_EQ(deleted.count, 6u);
  EXPECT_EQ(deleted.delay_ms, 7);
}

TEST_F(RetentionTest, a_timestamp_in_the_future_keeps_all_behind_it) {
  config_->retention_ms = 0;
  open();
  fill(1000);
  fill(now_ms() + hour_ms);
  fill(1000);
  fill(1000);
  EXPECT_EQ(check().count, 1u);
  EXPECT_EQ(start(), 1);
}

TEST_F(RetentionTest, records_without_timestamps_are_as_old_as_their_file) {
  config_->retention_ms = hour_ms;
  open();
  fill(-1);
  fill(-1);
  host_.settle(std::chrono::minutes(40));
  fill(-1);
  EXPECT_EQ(check().count, 0u);
  host_.settle(std::chrono::minutes(30));
  EXPECT_EQ(check().count, 2u);
}

TEST_F(RetentionTest, the_active_segment_is_replaced_before_it_goes) {
  config_->retention_ms = 0;
  open();
  fill(1000);
  fill(1000);
  const auto deleted = check();
  EXPECT_EQ(deleted.count, 2u);
  EXPECT_EQ(start(), 2);
  EXPECT_EQ(host_.log().log_end(), Offset(2));
  EXPECT_EQ(host_.log().segment_count(), 1u);
  EXPECT_EQ(check().count, 0u);  // an empty one stays
  fill(now_ms() + hour_ms);
  EXPECT_EQ(host_.log().log_end(), Offset(3));
  EXPECT_EQ(read_error(2), ErrorCode::none);
  host_.stop();
  open();
  EXPECT_EQ(start(), 2);
  EXPECT_EQ(host_.log().log_end(), Offset(3));
}

TEST_F(RetentionTest, appends_beside_the_replacing_go_into_the_new_segment) {
  config_->retention_bytes = 0;
  open();
  fill(1000, 100);
  const Bytes batch = make_batch({.timestamp = 1000, .value_bytes = 100});
  std::vector<Bytes> batches(3, batch);
  std::vector<std::optional<AppendResult<AppendInfo>>> results(batches.size());
  std::optional<Result<DeletedSegments>> deleted;
  host_.dirs_health().wrote(1, runtime::Instant(), runtime::Instant() + std::chrono::seconds(1));
  host_.shard().post([&] {
    host_.start(host_.log().apply_retention(), &deleted);
    for (std::size_t i = 0; i < batches.size(); ++i)
      host_.start(host_.log().append(batches[i], LeaderEpoch(0)), &results[i]);
  });
  host_.settle();
  ASSERT_TRUE(deleted && deleted->has_value());
  EXPECT_EQ((**deleted).count, 1u);
  EXPECT_EQ(start(), 1);
  EXPECT_EQ(host_.log().log_end(), Offset(4));
  for (const auto& result : results) EXPECT_TRUE(result && result->has_value());
  EXPECT_EQ(read_error(1), ErrorCode::none);
}

TEST_F(RetentionTest, at_least_the_size_to_be_kept_stays) {
  open();
  for (int i = 0; i < 6; ++i) fill(1000);
  const auto segment = static_cast<std::int64_t>(host_.log().size_bytes() / 6);
  auto config = std::make_shared<config::TopicConfig>(*config_);
  config->retention_bytes = 3 * segment + 1;
  host_.log().set_config(config);
  EXPECT_EQ(check().count, 2u);
  EXPECT_EQ(start(), 2);
  EXPECT_EQ(deleted_for(DeletionReason::size), 2u);
  EXPECT_GE(host_.log().size_bytes(), static_cast<std::uint64_t>(config->retention_bytes));
}

TEST_F(RetentionTest, nothing_at_the_high_watermark_goes) {
  config_->retention_ms = 0;
  open();
  for (int i = 0; i < 4; ++i) fill(1000);
  host_.log().set_high_watermark(Offset(2));
  EXPECT_EQ(check().count, 2u);
  EXPECT_EQ(start(), 2);
}

TEST_F(RetentionTest, segments_below_a_moved_start_go_whatever_the_policy) {
  config_->cleanup_delete = false;
  config_->cleanup_compact = true;
  config_->retention_ms = 0;
  config_->retention_bytes = 0;
  open();
  for (int i = 0; i < 4; ++i) fill(1000);
  EXPECT_EQ(check().count, 0u);
  ASSERT_TRUE(host_.wait(host_.log().move_log_start(Offset(2))).has_value());
  EXPECT_EQ(check().count, 2u);
  EXPECT_EQ(deleted_for(DeletionReason::log_start), 2u);
  EXPECT_EQ(start(), 2);
}

TEST_F(RetentionTest, after_a_clean_stop_the_time_index_tells_and_no_file_stays_open) {
  config_->retention_ms = hour_ms;
  open();
  fill(now_ms() - 2 * hour_ms);
  fill(now_ms());
  host_.stop();
  open();
  EXPECT_EQ(check().count, 1u);
  EXPECT_EQ(start(), 1);
  EXPECT_TRUE(host_.log().release_files());
  // What was appended since counts, not what the time index said at first.
  host_.settle(std::chrono::hours(2));
  fill(now_ms(), 10);
  EXPECT_TRUE(host_.log().release_files());
  EXPECT_EQ(check().count, 0u);
  host_.settle(std::chrono::hours(2));
  EXPECT_EQ(check().count, 1u);
  EXPECT_EQ(start(), 3);
}

TEST_F(RetentionTest, what_is_deleted_stays_so_after_power_loss_and_the_files_go_at_the_start) {
  config_->retention_ms = hour_ms;
  open();
  for (int i = 0; i < 3; ++i) fill(1000);
  fill(now_ms());
  EXPECT_EQ(check().count, 3u);
  host_.crash(CrashKind::power);
  EXPECT_TRUE(has("00000000000000000000.log.deleted"));
  open();
  EXPECT_EQ(start(), 3);
  EXPECT_FALSE(has("00000000000000000000.log.deleted"));
}

TEST_F(RetentionTest, readers_of_a_deleted_segment_go_on_or_are_told) {
  config_->retention_bytes = 1000;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    test::sim::WorldOptions options;
    options.seed = seed;
    test::SimulatedHost host(options);
    ASSERT_TRUE(host.open(config_).has_value());
    for (int i = 0; i < 6; ++i) {
      ASSERT_TRUE(host.append(make_batch({.value_bytes = 800})).has_value());
    }
    host.stop();  // nothing is open or checked: all go through the I/O pool
    ASSERT_TRUE(host.open(config_).has_value());
    host.log().set_high_watermark(Offset(6));
    std::vector<std::optional<Result<ReadResult>>> reads(6);
    std::optional<Result<TimestampOffset>> time;
    std::optional<Result<TimestampOffset>> max;
    std::optional<Result<DeletedSegments>> deleted;
    host.shard().post([&] {
      for (std::int64_t i = 0; i < 3; ++i) {
        const ReadRequest request{Offset(i), Offset(6), 4096, true};
        host.start(host.log().read(request), &reads[static_cast<std::size_t>(i)]);
      }
      host.start(host.log().offset_for_time(model::TimestampMs(1), Offset(6)), &time);
      host.start(host.log().apply_retention(), &deleted);
      host.start(host.log().offset_of_max_timestamp(Offset(6)), &max);
      for (std::int64_t i = 3; i < 6; ++i) {
        const ReadRequest request{Offset(i), Offset(6), 4096, true};
        host.start(host.log().read(request), &reads[static_cast<std::size_t>(i)]);
      }
    });
    host.settle();
    ASSERT_TRUE(deleted && deleted->has_value()) << seed;
    EXPECT_EQ((**deleted).count, 4u) << seed;
    for (std::size_t i = 0; i < reads.size(); ++i) {
      ASSERT_TRUE(reads[i].has_value()) << seed;
      const auto& read = *reads[i];
      if (!read) {
        EXPECT_EQ(read.error().code, ErrorCode::offset_out_of_range) << seed;
        EXPECT_LT(i, 4u) << seed;
        continue;
      }
      ASSERT_EQ(read->slices.size(), 1u) << seed;
      EXPECT_EQ(read->first, Offset(static_cast<std::int64_t>(i))) << seed;
      Bytes bytes(read->size);
      const auto got = read->slices[0].file->read_at(read->slices[0].position, bytes);
      ASSERT_TRUE(got && *got == bytes.size()) << seed;
    }
    EXPECT_TRUE(time && time->has_value()) << seed;
    EXPECT_TRUE(max && max->has_value()) << seed;
  }
}

TEST_F(RetentionTest, a_name_that_cannot_be_changed_is_tried_again) {
  config_->retention_ms = hour_ms;
  open();
  for (int i = 0; i < 3; ++i) fill(1000);
  fill(now_ms());
  host_.disk().fail_nth(FileOperation::rename, 7, ENOSPC);
  const auto failed = host_.wait(host_.log().apply_retention());
  EXPECT_FALSE(failed.has_value());
  EXPECT_EQ(start(), 3);  // nobody reads them any more
  EXPECT_EQ(host_.log().first_base(), Offset(1));
  EXPECT_EQ(check().count, 2u);
  EXPECT_EQ(host_.log().first_base(), Offset(3));
  fill(now_ms());
  EXPECT_EQ(read_error(3), ErrorCode::none);
}

TEST_F(RetentionTest, without_room_for_a_new_segment_the_active_one_stays) {
  config_->retention_ms = 0;
  open();
  fill(1000);
  fill(1000);
  host_.disk().fail_nth(FileOperation::create, 1, ENOSPC);
  EXPECT_EQ(check().count, 1u);
  EXPECT_EQ(start(), 1);
  EXPECT_EQ(check().count, 1u);
  EXPECT_EQ(start(), 2);
}

}  // namespace
}  // namespace gregor::storage
