// What appends do when the disk is slow, full or broken, and what a sync is good for.
#include <gtest/gtest.h>

#include <cerrno>

#include "storage/planted_bug.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using test::Bytes;
using test::make_batch;
using test::small_config;
using test::stored_batch;
using test::sim::CrashKind;
using test::sim::FileOperation;

class AppendFaultsTest : public ::testing::Test {
 protected:
  void open(std::shared_ptr<config::TopicConfig> config = small_config()) {
    const auto opened = host_.open(std::move(config));
    ASSERT_TRUE(opened.has_value()) << opened.error().detail;
  }
  void open_flushing() {
    auto config = small_config();
    config->flush_messages = 1;
    open(config);
  }
  /// Starts `count` appends in one turn and lets them end. @return those that succeeded
  std::size_t append_at_once(std::size_t count) {
    batches_.assign(count, make_batch());
    results_.assign(count, std::nullopt);
    host_.shard().post([this] {
      for (std::size_t i = 0; i < batches_.size(); ++i) {
        host_.start(host_.log().append(batches_[i], LeaderEpoch(0)), &results_[i]);
      }
    });
    host_.settle();
    std::size_t succeeded = 0;
    for (const auto& result : results_) {
      EXPECT_TRUE(result.has_value());
      if (result && result->has_value()) ++succeeded;
    }
    return succeeded;
  }
  void expect_sound_log() {
    const auto bytes = host_.read_all(Offset(0), host_.log().log_end());
    ASSERT_TRUE(bytes.has_value()) << bytes.error().detail;
    EXPECT_EQ(bytes->size(), host_.log().size_bytes());
    model::BatchCursor cursor(*bytes);
    Offset next(0);
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
      ASSERT_EQ((*batch)->base_offset(), next);
      ASSERT_TRUE((*batch)->crc_is_valid());
      next = (*batch)->next_offset();
    }
    EXPECT_EQ(next, host_.log().log_end());
  }

  test::SimulatedHost host_;
  std::vector<Bytes> batches_;
  std::vector<std::optional<AppendResult<AppendInfo>>> results_;
};

TEST_F(AppendFaultsTest, acknowledged_with_flush_messages_1_survives_power_loss) {
  open_flushing();
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(host_.append(make_batch({.records = 2})).has_value());
  ASSERT_GT(host_.log().segment_count(), 1u);
  host_.crash(CrashKind::power);
  open_flushing();
  EXPECT_EQ(host_.log().log_end(), Offset(60));
  expect_sound_log();
}

TEST_F(AppendFaultsTest, appends_share_a_sync) {
  open_flushing();
  ASSERT_TRUE(host_.append(make_batch()).has_value());
  const auto syncs = host_.disk().count(FileOperation::sync_data);
  EXPECT_EQ(append_at_once(10), 10u);
  EXPECT_EQ(host_.disk().count(FileOperation::sync_data) - syncs, 1u);
}

TEST_F(AppendFaultsTest, the_next_group_forms_while_a_sync_runs) {
  open_flushing();
  ASSERT_TRUE(host_.append(make_batch()).has_value());
  host_.disk().set_extra_delay(std::chrono::milliseconds(100));
  const auto syncs = host_.disk().count(FileOperation::sync_data);
  std::vector<Bytes> batches(10, make_batch());
  std::vector<std::optional<AppendResult<AppendInfo>>> results(batches.size());
  for (std::size_t i = 0; i < batches.size(); ++i) {
    host_.shard().post(
        [&, i] { host_.start(host_.log().append(batches[i], LeaderEpoch(0)), &results[i]); });
    host_.world().run_for(std::chrono::milliseconds(1));
  }
  host_.settle();
  for (const auto& result : results) EXPECT_TRUE(result && result->has_value());
  EXPECT_EQ(host_.disk().count(FileOperation::sync_data) - syncs, 2u);
}

TEST_F(AppendFaultsTest, flush_messages_of_n_syncs_every_nth_record) {
  auto config = std::make_shared<config::TopicConfig>();
  config->flush_messages = 10;
  open(config);
  ASSERT_TRUE(host_.wait(host_.log().become_leader(LeaderEpoch(0))).has_value());
  const auto syncs = host_.disk().count(FileOperation::sync_data);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(host_.append(make_batch()).has_value());
  EXPECT_EQ(host_.disk().count(FileOperation::sync_data) - syncs, 10u);
}

TEST_F(AppendFaultsTest, a_full_disk_refuses_and_passes) {
  open();
  EXPECT_EQ(append_at_once(5), 5u);
  const auto end = host_.log().log_end();
  host_.disk().set_bytes_max(host_.disk().bytes_used() + 10);
  EXPECT_EQ(append_at_once(5), 0u);
  for (const auto& result : results_) {
    EXPECT_EQ(result->error().error.code, ErrorCode::kafka_storage_error);
    EXPECT_EQ(result->error().error.os_error, ENOSPC);
  }
  EXPECT_EQ(host_.log().log_end(), end);
  EXPECT_FALSE(host_.log().failure());
  expect_sound_log();  // reads go on
  host_.disk().set_bytes_max(UINT64_MAX);
  EXPECT_EQ(append_at_once(5), 5u);
  expect_sound_log();
  host_.crash(CrashKind::kill);
  open();
  EXPECT_EQ(host_.log().log_end(), Offset(10));
  EXPECT_EQ(host_.loaded().cut_bytes, 0u);
  expect_sound_log();
}

TEST_F(AppendFaultsTest, a_failed_write_is_cut_back_at_once) {
  open();
  EXPECT_EQ(append_at_once(3), 3u);
  const auto size = host_.log().size_bytes();
  for (int round = 0; round < 20; ++round) {
    host_.disk().fail_nth(FileOperation::write, 1, ENOSPC);  // a prefix may have been written
    EXPECT_EQ(append_at_once(3), 0u);
    EXPECT_EQ(host_.files().stat(host_.segment_path(0, ".log"))->size, size);
  }
  EXPECT_EQ(append_at_once(3), 3u);
  expect_sound_log();
}

TEST_F(AppendFaultsTest, an_io_error_of_a_write_takes_the_log_dir_offline) {
  open();
  EXPECT_EQ(append_at_once(3), 3u);
  host_.disk().fail_nth(FileOperation::write, 1, EIO);
  EXPECT_EQ(append_at_once(3), 0u);
  ASSERT_TRUE(host_.log().failure());
  EXPECT_EQ(append_at_once(3), 0u);
  EXPECT_EQ(results_[0]->error().error.code, ErrorCode::kafka_storage_error);
  EXPECT_TRUE(host_.log().is_offline());
  const auto read = host_.read_all(Offset(0), host_.log().log_end());
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kafka_storage_error);
  EXPECT_FALSE(host_.wait(host_.log().close()).has_value());
  host_.restart();
  open();
  expect_sound_log();
}

TEST_F(AppendFaultsTest, a_failed_cut_is_final) {
  open();
  EXPECT_EQ(append_at_once(3), 3u);
  host_.disk().fail_nth(FileOperation::write, 1, ENOSPC);
  host_.disk().fail_nth(FileOperation::truncate, 1, EIO);
  EXPECT_EQ(append_at_once(1), 0u);
  EXPECT_TRUE(host_.log().failure());
}

TEST_F(AppendFaultsTest, a_failed_sync_is_final_and_nothing_of_it_is_acknowledged) {
  open_flushing();
  EXPECT_EQ(append_at_once(3), 3u);
  host_.disk().fail_nth(FileOperation::sync_data, 1, EIO);
  EXPECT_EQ(append_at_once(3), 0u);
  ASSERT_TRUE(host_.log().failure());
  EXPECT_EQ(append_at_once(3), 0u);  // a later sync would prove nothing
  EXPECT_FALSE(host_.wait(host_.log().flush()).has_value());
}

TEST_F(AppendFaultsTest, an_index_that_cant_be_written_is_written_later) {
  auto config = std::make_shared<config::TopicConfig>();
  config->index_interval_bytes = 0;
  open(config);
  EXPECT_EQ(append_at_once(1), 1u);
  host_.disk().fail_nth(FileOperation::write, 2, ENOSPC);  // 1 is the log
  EXPECT_EQ(append_at_once(1), 1u);
  EXPECT_LT(host_.files().stat(host_.segment_path(0, ".index"))->size, OffsetEntry::size_bytes);
  expect_sound_log();
  EXPECT_EQ(append_at_once(1), 1u);
  EXPECT_EQ(host_.files().stat(host_.segment_path(0, ".index"))->size, 16u);
  host_.stop();
  open(config);
  EXPECT_EQ(host_.log().log_end(), Offset(3));
  expect_sound_log();
}

TEST_F(AppendFaultsTest, a_roll_that_fails_refuses_and_is_tried_again) {
  open();
  const auto big = make_batch({.value_bytes = 1500});
  ASSERT_TRUE(host_.append(big).has_value());
  host_.disk().fail_nth(FileOperation::create, 2, ENOSPC);
  EXPECT_FALSE(host_.append(big).has_value());
  EXPECT_FALSE(host_.log().failure());
  EXPECT_EQ(host_.log().segment_count(), 1u);
  ASSERT_TRUE(host_.append(big).has_value());
  EXPECT_EQ(host_.log().segment_count(), 2u);
  expect_sound_log();
}

TEST_F(AppendFaultsTest, a_failure_while_others_are_staged_fails_them_all) {
  open();
  ASSERT_TRUE(host_.append(make_batch({.value_bytes = 1500})).has_value());
  // These are staged while the roll is under way.
  host_.disk().set_extra_delay(std::chrono::milliseconds(100));
  host_.disk().fail_nth(FileOperation::create, 1, ENOSPC);
  std::vector<Bytes> batches(6, make_batch({.value_bytes = 600}));
  std::vector<std::optional<AppendResult<AppendInfo>>> results(batches.size());
  for (std::size_t i = 0; i < batches.size(); ++i) {
    host_.shard().post(
        [&, i] { host_.start(host_.log().append(batches[i], LeaderEpoch(0)), &results[i]); });
    host_.world().run_for(std::chrono::milliseconds(30));
  }
  host_.settle();
  std::int64_t succeeded = 0;
  for (const auto& result : results) {
    ASSERT_TRUE(result.has_value());
    if (result->has_value()) ++succeeded;
  }
  EXPECT_LT(succeeded, 6);
  EXPECT_GT(succeeded, 0);
  EXPECT_EQ(host_.log().log_end(), Offset(1 + succeeded));
  expect_sound_log();
}

TEST_F(AppendFaultsTest, an_epoch_whose_first_append_failed_has_not_begun) {
  open();
  ASSERT_TRUE(host_.append(make_batch({.records = 3}), 1).has_value());
  host_.disk().fail_nth(FileOperation::write, 2, ENOSPC);  // 1 is the epoch's entry
  std::vector<Bytes> batches(2, make_batch());
  std::optional<AppendResult<AppendInfo>> first;
  std::optional<AppendResult<AppendInfo>> second;
  host_.shard().post([&] {
    host_.start(host_.log().append(batches[0], LeaderEpoch(1)), &first);
    host_.start(host_.log().append(batches[1], LeaderEpoch(2)), &second);
  });
  host_.settle();
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(host_.append(make_batch(), 2).has_value());
  host_.stop();
  open();
  const auto all = *host_.read_all(Offset(0), host_.log().log_end());
  model::BatchCursor cursor(all);
  for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
    EXPECT_EQ(host_.log().epoch_at((*batch)->base_offset()), (*batch)->leader_epoch());
  }
}

TEST_F(AppendFaultsTest, a_slow_disk_moves_the_writes_to_the_io_pool_and_back) {
  open(std::make_shared<config::TopicConfig>());
  ASSERT_TRUE(host_.append(make_batch()).has_value());
  DirHealth health;
  const runtime::Instant start{};
  EXPECT_TRUE(health.is_healthy(start));
  health.wrote(100, start, start + std::chrono::milliseconds(4));
  EXPECT_TRUE(health.is_healthy(start + std::chrono::milliseconds(4)));
  const auto slow_end = start + std::chrono::milliseconds(10);
  health.wrote(100, start, slow_end);
  EXPECT_FALSE(health.is_healthy(slow_end));
  EXPECT_FALSE(health.is_healthy(slow_end + std::chrono::milliseconds(999)));
  EXPECT_TRUE(health.is_healthy(slow_end + std::chrono::seconds(1)));
  health.wrote(std::uint64_t{2} << 30, slow_end, slow_end);
  EXPECT_FALSE(health.is_healthy(slow_end + std::chrono::seconds(2)));
  health.synced(std::uint64_t{2} << 30);
  EXPECT_TRUE(health.is_healthy(slow_end + std::chrono::seconds(2)));
  // On an unhealthy dir appends go through the pool, in order, and share writes.
  host_.dirs_health().wrote(0, host_.world().now(), host_.world().now() + std::chrono::seconds(1));
  const auto writes = host_.disk().count(FileOperation::write);
  const auto before = host_.world().now();
  EXPECT_EQ(append_at_once(10), 10u);
  EXPECT_EQ(host_.disk().count(FileOperation::write) - writes, 1u);
  EXPECT_GT(host_.world().now(), before);
  expect_sound_log();
}

}  // namespace
}  // namespace gregor::storage
