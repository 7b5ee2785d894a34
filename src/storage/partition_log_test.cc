#include "storage/partition_log.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "model/batch_builder.h"
#include "model/record_batch.h"
#include "runtime/real/real_runtime.h"
#include "storage/log_dirs.h"
#include "storage/log_loader.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using runtime::Task;

std::vector<std::byte> make_batch(int records, std::int64_t timestamp) {
  model::BatchBuilder builder({});
  for (int i = 0; i < records; ++i) {
    builder.add({.timestamp = model::TimestampMs(timestamp + i), .value = as_bytes("hello")});
  }
  return *builder.finish();
}

struct RealLogTest : ::testing::Test {
  void SetUp() override {
    const std::string pattern = ::testing::TempDir() + "/gregor-storage-XXXXXX";
    std::string path = pattern;
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    root = path;
    runtime.start();
  }
  void TearDown() override {
    runtime.stop();
    std::filesystem::remove_all(root);
  }
  std::string root;
  runtime::real::RealRuntime runtime{{.shard_count = 1, .io_threads = 2}};
};

Task<void> smoke(runtime::Shard& shard, std::string root) {
  auto config = std::make_shared<config::TopicConfig>();
  config->segment_bytes = 1000;
  {
    auto dirs = LogDirs::open(shard.file_system(), {{root + "/a/b"}, 1});
    EXPECT_TRUE(dirs.has_value()) << dirs.error().detail;
    auto loaded =
        (*dirs)->create({"t", model::PartitionIndex(0)}, model::Uuid::make(shard.random()), config);
    EXPECT_TRUE(loaded.has_value()) << loaded.error().detail;
    PartitionLog log(shard, std::move(**loaded));
    auto leading = log.become_leader(LeaderEpoch(3));
    auto led = co_await std::move(leading);
    EXPECT_TRUE(led.has_value());
    for (int i = 0; i < 100; ++i) {
      auto batch = make_batch(3, 1000 + i);
      auto appending = log.append(batch, LeaderEpoch(3));
      auto appended = co_await std::move(appending);
      EXPECT_TRUE(appended.has_value()) << appended.error().error.detail;
      EXPECT_EQ(appended->offsets.first, Offset(3 * i));
    }
    EXPECT_GT(log.segment_count(), 5u);
    auto closing = log.close();
    auto closed = co_await std::move(closing);
    EXPECT_TRUE(closed.has_value()) << closed.error().detail;
    DirCheckpoints points;
    points.recovery_points[log.partition()] = log.recovery_point();
    EXPECT_TRUE((*dirs)->write_checkpoints(0, points).has_value());
    EXPECT_TRUE((*dirs)->write_clean_shutdown_marker(0, 1).has_value());
  }
  auto dirs = LogDirs::open(shard.file_system(), {{root + "/a/b"}, 1});
  EXPECT_TRUE(dirs.has_value()) << dirs.error().detail;
  EXPECT_TRUE((*dirs)->was_clean(0));
  EXPECT_EQ((*dirs)->partitions().size(), 1u);
  auto loaded = (*dirs)->load((*dirs)->partitions()[0], config);
  EXPECT_TRUE(loaded.has_value()) << loaded.error().detail;
  PartitionLog log(shard, std::move(**loaded));
  EXPECT_EQ(log.log_end(), Offset(300));
  Offset next{0};
  while (next < Offset(300)) {
    auto reading = log.read({next, Offset(300), 1000, true});
    auto read = co_await std::move(reading);
    EXPECT_TRUE(read.has_value()) << read.error().detail;
    if (!read) break;
    for (const auto& slice : read->slices) {
      std::vector<std::byte> bytes(slice.size);
      EXPECT_EQ(*slice.file->read_at(slice.position, bytes), bytes.size());
      model::BatchCursor cursor(bytes);
      for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
        EXPECT_EQ((*batch)->base_offset(), next);
        EXPECT_TRUE((*batch)->crc_is_valid());
        next = (*batch)->next_offset();
      }
    }
  }
  auto finding = log.offset_for_time(model::TimestampMs(1050), Offset(300));
  auto found = co_await std::move(finding);
  EXPECT_TRUE(found.has_value()) << found.error().detail;
  EXPECT_EQ(found->offset, Offset(3 * 48 + 2));
  auto finding_max = log.offset_of_max_timestamp(Offset(300));
  auto max = co_await std::move(finding_max);
  EXPECT_EQ(max->offset, Offset(299));
  auto batch = make_batch(1, 5);
  auto appending = log.append(batch, LeaderEpoch(3));
  auto appended = co_await std::move(appending);
  EXPECT_TRUE(appended.has_value()) << appended.error().error.detail;
  EXPECT_EQ(appended->offsets.first, Offset(300));
  auto closing = log.close();
  auto closed = co_await std::move(closing);
  EXPECT_TRUE(closed.has_value()) << closed.error().detail;
}

TEST_F(RealLogTest, Smoke) {
  runtime.run([this] { return smoke(runtime.shard(runtime::ShardId(0)), root); });
}

}  // namespace
}  // namespace gregor::storage
