// Log dirs that fail or are full, and syncing by time.
#include <gtest/gtest.h>

#include <cerrno>

#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using test::Bytes;
using test::make_batch;
using test::small_config;
using test::sim::CrashKind;
using test::sim::FileOperation;

class FlushTimeTest : public ::testing::Test {
 protected:
  void open(std::int64_t flush_ms) {
    config_ = std::make_shared<config::TopicConfig>();
    config_->flush_ms = flush_ms;
    ASSERT_TRUE(host_.open(config_).has_value());
  }
  void append() { ASSERT_TRUE(host_.append(make_batch()).has_value()); }
  [[nodiscard]] std::uint64_t syncs() { return host_.disk().count(FileOperation::sync_data); }

  test::SimulatedHost host_;
  std::shared_ptr<config::TopicConfig> config_;
};

TEST_F(FlushTimeTest, a_record_is_synced_in_time_once) {
  open(1000);
  append();
  host_.settle(std::chrono::milliseconds(500));
  const auto before = syncs();
  append();
  host_.settle(std::chrono::milliseconds(400));
  EXPECT_EQ(syncs(), before);
  host_.settle(std::chrono::milliseconds(200));
  EXPECT_EQ(syncs(), before + 1);  // both with one
  host_.settle(std::chrono::seconds(10));
  EXPECT_EQ(syncs(), before + 1);  // nothing new, nothing to do
  append();
  host_.settle(std::chrono::milliseconds(1200));
  EXPECT_EQ(syncs(), before + 2);
  host_.crash(CrashKind::power);
  ASSERT_TRUE(host_.open(config_).has_value());
  EXPECT_EQ(host_.log().log_end(), Offset(3));
}

TEST_F(FlushTimeTest, without_it_nothing_is_synced) {
  open(INT64_MAX);
  append();
  const auto before = syncs();
  host_.settle(std::chrono::hours(24));
  EXPECT_EQ(syncs(), before);
}

TEST_F(FlushTimeTest, a_shorter_time_counts_for_what_waits_already) {
  open(3'600'000);
  append();
  const auto before = syncs();
  auto config = std::make_shared<config::TopicConfig>(*config_);
  config->flush_ms = 100;
  host_.log().set_config(config);
  host_.settle(std::chrono::milliseconds(200));
  EXPECT_EQ(syncs(), before + 1);
}

TEST_F(FlushTimeTest, closing_does_not_wait_for_it) {
  open(3'600'000);
  append();
  host_.stop();
  open(0);
  append();
  host_.stop();
}

/// Two log dirs with some partitions.
class LogDirFailureTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t reserve = 100'000;

  [[nodiscard]] Result<void> open() {
    auto opened =
        LogDirs::open(host_.node().file_system(), {{"/data", "/more"}, 1, nullptr, reserve});
    if (!opened) return fail(std::move(opened.error()));
    dirs_ = std::move(*opened);
    return dirs_->take();
  }
  [[nodiscard]] static model::TopicPartition name(int index) {
    return {"t", model::PartitionIndex(index)};
  }
  [[nodiscard]] Result<std::unique_ptr<PartitionLog>> create(int index) {
    auto made =
        dirs_->create(name(index), *model::Uuid::parse("AAAAAAAAAAAAAAAAAAAAAQ"), small_config());
    if (!made) return fail(std::move(made.error()));
    return std::make_unique<PartitionLog>(host_.shard(), std::move(**made));
  }
  ErrorCode append(PartitionLog& log) {
    Bytes batch = make_batch();
    const auto appended = host_.wait(log.append(batch, LeaderEpoch(0)));
    return appended ? ErrorCode::none : appended.error().error.code;
  }
  ErrorCode read(PartitionLog& log) {
    const auto result = host_.wait(log.read({Offset(0), log.log_end(), 4096, true}));
    return result ? ErrorCode::none : result.error().code;
  }

  test::SimulatedHost host_{{}, {"/unused"}};
  std::unique_ptr<LogDirs> dirs_;
};

TEST_F(LogDirFailureTest, a_failed_sync_ends_the_use_of_its_dir_and_of_no_other) {
  ASSERT_TRUE(open().has_value());
  const auto in_first = *create(0);
  const auto in_second = *create(1);
  const auto also_in_first = *create(2);
  ASSERT_EQ(dirs_->find(name(0)), dirs_->find(name(2)));
  ASSERT_NE(dirs_->find(name(0)), dirs_->find(name(1)));
  for (auto* log : {in_first.get(), in_second.get(), also_in_first.get()})
    EXPECT_EQ(append(*log), ErrorCode::none);
  host_.disk().fail_nth(FileOperation::sync_data, 1, EIO);
  EXPECT_FALSE(host_.wait(in_first->flush()).has_value());
  EXPECT_TRUE(dirs_->has_failed());
  EXPECT_TRUE(dirs_->states()[0].failure.has_value());
  EXPECT_FALSE(dirs_->states()[1].failure.has_value());
  for (auto* log : {in_first.get(), also_in_first.get()}) {
    EXPECT_TRUE(log->is_offline());
    EXPECT_TRUE(log->failure().has_value());
    EXPECT_EQ(append(*log), ErrorCode::kafka_storage_error);
    EXPECT_EQ(read(*log), ErrorCode::kafka_storage_error);
    EXPECT_FALSE(host_.wait(log->flush()).has_value());
  }
  EXPECT_FALSE(in_second->is_offline());
  EXPECT_EQ(append(*in_second), ErrorCode::none);
  EXPECT_EQ(read(*in_second), ErrorCode::none);
  EXPECT_TRUE(host_.wait(in_second->flush()).has_value());
  // New partitions go where they can.
  for (int i = 3; i < 6; ++i) {
    const auto log = *create(i);
    EXPECT_EQ(dirs_->find(name(i)), 1u);
    EXPECT_TRUE(host_.wait(log->close()).has_value());
  }
  EXPECT_FALSE(dirs_->write_clean_shutdown_marker(0, 1).has_value());
  EXPECT_TRUE(dirs_->write_clean_shutdown_marker(1, 1).has_value());
  EXPECT_FALSE(host_.wait(in_first->close()).has_value());
  EXPECT_TRUE(host_.wait(in_second->close()).has_value());
}

TEST_F(LogDirFailureTest, a_partition_is_made_elsewhere_if_its_dir_fails_meanwhile) {
  ASSERT_TRUE(open().has_value());
  host_.disk().fail_nth(FileOperation::create_directory, 1, EROFS);
  const auto log = create(0);
  ASSERT_TRUE(log.has_value()) << log.error().detail;
  EXPECT_EQ(dirs_->find(name(0)), 1u);
  EXPECT_TRUE(dirs_->states()[0].failure.has_value());
  host_.disk().fail_nth(FileOperation::create_directory, 1, EIO);
  EXPECT_FALSE(create(1).has_value());  // now none is left
}

TEST_F(LogDirFailureTest, a_checkpoint_that_cannot_be_written_takes_the_dir_offline) {
  ASSERT_TRUE(open().has_value());
  const auto log = *create(0);
  DirCheckpoints checkpoints;
  checkpoints.high_watermarks[name(0)] = Offset(7);
  host_.disk().fail_nth(FileOperation::rename, 1, ENOSPC);
  EXPECT_FALSE(dirs_->write_checkpoints(0, checkpoints).has_value());
  EXPECT_FALSE(dirs_->has_failed());
  host_.disk().fail_nth(FileOperation::rename, 1, EIO);
  EXPECT_FALSE(dirs_->write_checkpoints(0, checkpoints).has_value());
  EXPECT_TRUE(log->is_offline());
}

TEST_F(LogDirFailureTest, only_high_watermarks_are_written_when_only_they_are_due) {
  ASSERT_TRUE(open().has_value());
  DirCheckpoints checkpoints;
  checkpoints.with_recovery_points = false;
  checkpoints.recovery_points[name(0)] = Offset(3);
  checkpoints.log_starts[name(0)] = Offset(3);
  checkpoints.high_watermarks[name(0)] = Offset(7);
  ASSERT_TRUE(dirs_->write_checkpoints(0, checkpoints).has_value());
  EXPECT_TRUE(host_.files().stat("/data/replication-offset-checkpoint").has_value());
  EXPECT_FALSE(host_.files().stat("/data/recovery-point-offset-checkpoint").has_value());
  EXPECT_FALSE(host_.files().stat("/data/log-start-offset-checkpoint").has_value());
}

TEST_F(LogDirFailureTest, a_dir_whose_device_is_broken_at_start_is_left_out) {
  ASSERT_TRUE(open().has_value());
  dirs_.reset();
  host_.disk().fail_nth(FileOperation::lock, 2, EROFS);
  ASSERT_TRUE(open().has_value());
  EXPECT_FALSE(dirs_->states()[0].failure.has_value());
  EXPECT_TRUE(dirs_->states()[1].failure.has_value());
  EXPECT_TRUE(dirs_->write_meta(1, "AAAAAAAAAAAAAAAAAAAAAQ").has_value());
  const auto log = *create(0);
  EXPECT_EQ(dirs_->find(name(0)), 0u);
  dirs_.reset();
  // A mistake in the settings is none of the disk's, and with no dir left there is no start.
  host_.disk().fail_nth(FileOperation::lock, 2, EACCES);
  EXPECT_FALSE(open().has_value());
  host_.disk().fail_nth(FileOperation::lock, 1, EIO);
  host_.disk().fail_nth(FileOperation::lock, 2, EIO);
  EXPECT_FALSE(open().has_value());
}

TEST_F(LogDirFailureTest, a_full_disk_takes_no_appends_and_keeps_its_reserve) {
  host_.disk().set_bytes_max(200'000);
  ASSERT_TRUE(open().has_value());
  const auto log = *create(0);
  std::uint64_t appended = 0;
  while (append(*log) == ErrorCode::none && appended < 5000) ++appended;
  EXPECT_GT(appended, 100u);
  EXPECT_LT(appended, 5000u);
  // Without a look at the disk in between: what is written is counted.
  EXPECT_LE(host_.disk().bytes_used(), 200'000 - static_cast<std::uint64_t>(reserve) + 10'000);
  dirs_->measure_room();
  EXPECT_FALSE(dirs_->states()[0].has_room);
  EXPECT_FALSE(dirs_->has_failed());
  EXPECT_EQ(append(*log), ErrorCode::kafka_storage_error);
  EXPECT_EQ(read(*log), ErrorCode::none);
  EXPECT_TRUE(host_.wait(log->flush()).has_value());
  DirCheckpoints checkpoints;
  checkpoints.recovery_points[name(0)] = log->recovery_point();
  EXPECT_TRUE(dirs_->write_checkpoints(0, checkpoints).has_value());
  host_.disk().set_bytes_max(400'000);
  dirs_->measure_room();
  EXPECT_TRUE(dirs_->states()[0].has_room);
  EXPECT_EQ(append(*log), ErrorCode::none);
}

TEST(FailedReadTest, of_a_checkpoint_does_not_bring_deleted_records_back) {
  constexpr std::uint64_t reads_max = 40;
  int refused = 0;
  for (std::uint64_t n = 1; n <= reads_max; ++n) {
    test::SimulatedHost host;
    auto config = std::make_shared<config::TopicConfig>();
    ASSERT_TRUE(host.open(config).has_value());
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(host.append(make_batch()).has_value());
    host.log().set_high_watermark(Offset(3));
    ASSERT_TRUE(host.wait(host.log().move_log_start(Offset(2))).has_value());
    host.stop();
    host.disk().fail_nth(FileOperation::open, n, EIO);
    if (!host.open(config)) {
      ++refused;
    } else {
      EXPECT_EQ(host.log().log_start(), Offset(2)) << n;
    }
    host.disk().clear_failures();
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, static_cast<int>(reads_max));
}

}  // namespace
}  // namespace gregor::storage
