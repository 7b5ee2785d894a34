// The log on real files and threads: what only shows when pool and shard really run at once.
#include <gtest/gtest.h>

#include "runtime/task_group.h"
#include "storage/log_dirs.h"
#include "storage/test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using runtime::Task;
using test::Bytes;
using test::make_batch;

const model::TopicPartition partition{"t", model::PartitionIndex(0)};

class RealLogTest : public ::testing::Test {
 protected:
  void open(std::shared_ptr<config::TopicConfig> config) {
    end_without_closing();
    auto dirs = LogDirs::open(host_.files(), {{host_.root() + "/data"}, 1});
    ASSERT_TRUE(dirs.has_value()) << dirs.error().detail;
    dirs_ = std::move(*dirs);
    const auto id = *model::Uuid::parse("4NfLrYQwRLKtwSxe2X1LkA");
    auto loaded = dirs_->partitions().empty() ? dirs_->create(partition, id, config)
                                              : dirs_->load(dirs_->partitions().front(), config);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().detail;
    log_ = std::make_unique<PartitionLog>(host_.shard(), std::move(**loaded));
  }
  void end_without_closing() {
    if (!log_) return;
    host_.restart([this] {
      log_.reset();
      dirs_.reset();
    });
  }
  void TearDown() override { end_without_closing(); }
  void close() {
    const auto closed = host_.wait(log_->close());
    ASSERT_TRUE(closed.has_value()) << closed.error().detail;
  }

  test::RealHost host_;
  std::unique_ptr<LogDirs> dirs_;
  std::unique_ptr<PartitionLog> log_;
};

struct Progress {
  int producers_left = 0;
  std::int64_t appended = 0;
  std::int64_t read = 0;
  std::int64_t lookups = 0;
  std::string complaint;
};

Task<void> produce(PartitionLog* log, int count, model::Codec codec, Progress* progress) {
  for (int i = 0; i < count; ++i) {
    Bytes batch = make_batch({.records = 1 + i % 4,
                              .timestamp = 1000 + i,
                              .value_bytes = static_cast<std::size_t>(i % 7 == 0 ? 30000 : 100),
                              .codec = codec});
    auto appending = log->append(batch, LeaderEpoch(0));
    const auto appended = co_await std::move(appending);
    if (!appended) {
      progress->complaint = appended.error().error.detail;
      break;
    }
    progress->appended += appended->offsets.end - appended->offsets.first;
  }
  --progress->producers_left;
}

/// Follows the log from `next` on. @return the offset behind what a slice holds
Offset check_slice(const LogSlice& slice, Offset next, Progress* progress) {
  Bytes bytes(slice.size);
  const auto got = slice.file->read_at(slice.position, bytes);
  if (!got || *got != bytes.size()) progress->complaint = "short read";
  model::BatchCursor cursor(bytes);
  for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
    if ((*batch)->base_offset() != next || !(*batch)->crc_is_valid()) {
      progress->complaint = "wrong batch at " + std::to_string(next.value());
    }
    next = (*batch)->next_offset();
  }
  return next;
}

Task<void> consume(runtime::Shard* shard, PartitionLog* log, Progress* progress) {
  Offset next(0);
  while (progress->complaint.empty() && (progress->producers_left > 0 || next < log->log_end())) {
    auto reading = log->read({next, log->log_end(), 20000, true});
    const auto read = co_await std::move(reading);
    if (!read) {
      progress->complaint = read.error().detail;
      break;
    }
    for (const auto& slice : read->slices) next = check_slice(slice, next, progress);
    progress->read = next.value();
    if (read->slices.empty()) {
      const auto soon = shard->clock().now() + std::chrono::microseconds(200);
      co_await runtime::sleep_until(*shard, soon);
    }
  }
}

Task<void> look_up(runtime::Shard* shard, PartitionLog* log, Progress* progress) {
  while (progress->producers_left > 0 && progress->complaint.empty()) {
    auto finding = log->offset_for_time(model::TimestampMs(1050), log->log_end());
    const auto found = co_await std::move(finding);
    auto flushing = log->flush();
    const auto flushed = co_await std::move(flushing);
    auto looking = log->offset_of_max_timestamp(log->log_end());
    const auto max = co_await std::move(looking);
    if (!found || !flushed || !max) progress->complaint = "a lookup failed";
    ++progress->lookups;
    const auto soon = shard->clock().now() + std::chrono::microseconds(200);
    co_await runtime::sleep_until(*shard, soon);
  }
}

Task<void> all_at_once(runtime::Shard* shard, PartitionLog* log, Progress* progress) {
  runtime::TaskGroup tasks;
  progress->producers_left = 4;
  tasks.spawn(produce(log, 150, model::Codec::none, progress));
  tasks.spawn(produce(log, 150, model::Codec::lz4, progress));
  tasks.spawn(produce(log, 150, model::Codec::none, progress));
  tasks.spawn(produce(log, 150, model::Codec::zstd, progress));
  tasks.spawn(consume(shard, log, progress));
  tasks.spawn(consume(shard, log, progress));
  tasks.spawn(look_up(shard, log, progress));
  auto ended = tasks.join();
  co_await std::move(ended);
}

TEST_F(RealLogTest, appends_reads_rolls_and_lookups_run_at_once) {
  for (const std::int64_t flush_messages : {INT64_MAX, std::int64_t{1}}) {
    auto config = std::make_shared<config::TopicConfig>();
    config->segment_bytes = 200'000;
    config->compression_type = flush_messages == 1 ? "lz4" : "producer";
    config->flush_messages = flush_messages;
    open(config);
    const auto before = log_->log_end();
    Progress progress;
    host_.wait_for(all_at_once(&host_.shard(), log_.get(), &progress));
    EXPECT_EQ(progress.complaint, "");
    EXPECT_EQ(log_->log_end() - before, progress.appended);
    EXPECT_EQ(progress.read, log_->log_end().value());
    EXPECT_GT(log_->segment_count(), 3u);
    EXPECT_GT(progress.lookups, 0);
    close();
  }
}

TEST_F(RealLogTest, a_process_that_ends_without_closing_loses_nothing) {
  auto config = std::make_shared<config::TopicConfig>();
  config->segment_bytes = 200'000;
  open(config);
  Progress progress;
  progress.producers_left = 1;
  host_.wait_for(produce(log_.get(), 200, model::Codec::none, &progress));
  const auto end = log_->log_end();
  open(config);  // the files are as a kill -9 leaves them
  EXPECT_EQ(log_->log_end(), end);
  EXPECT_EQ(progress.complaint, "");
  Progress reading;
  host_.wait_for(consume(&host_.shard(), log_.get(), &reading));
  EXPECT_EQ(reading.complaint, "");
  EXPECT_EQ(reading.read, end.value());
  close();
}

TEST_F(RealLogTest, files_are_released_and_opened_again) {
  open(std::make_shared<config::TopicConfig>());
  ASSERT_TRUE(host_.wait(log_->append(test::scratch(make_batch()), LeaderEpoch(0))).has_value());
  const auto descriptors = [] {
    const auto entries = std::filesystem::directory_iterator("/proc/self/fd");
    return std::distance(begin(entries), end(entries));
  };
  const auto open_count = descriptors();
  EXPECT_TRUE(log_->release_files());
  EXPECT_EQ(descriptors(), open_count - 3);
  EXPECT_EQ(log_->log_end(), Offset(1));
  const auto read = host_.wait(log_->read({Offset(0), Offset(1), 1000, true}));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->slices.size(), 1u);
  EXPECT_TRUE(log_->release_files());
  ASSERT_TRUE(host_.wait(log_->append(test::scratch(make_batch()), LeaderEpoch(0))).has_value());
  EXPECT_EQ(log_->log_end(), Offset(2));
  EXPECT_TRUE(log_->release_files());
  close();
  open(std::make_shared<config::TopicConfig>());
  EXPECT_EQ(log_->log_end(), Offset(2));
}

}  // namespace
}  // namespace gregor::storage
