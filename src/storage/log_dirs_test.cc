// Log directories: who owns them, what lies in them, what is refused.
#include "storage/log_dirs.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "runtime/real/posix_file_system.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::Offset;
using model::PartitionIndex;
using model::TopicPartition;
using test::make_batch;
using test::small_config;
using test::sim::CrashKind;
using test::sim::FileOperation;

/// A machine without a log; dirs are opened by the tests.
class LogDirsTest : public ::testing::Test {
 protected:
  LogDirsTest() { node_.boot(1); }
  runtime::FileSystem& files() { return node_.file_system(); }
  Result<std::unique_ptr<LogDirs>> open(std::vector<std::string> paths = {"/data"}) {
    return LogDirs::open(files(), {std::move(paths), 1});
  }
  std::string refusal(std::vector<std::string> paths = {"/data"}) {
    const auto opened = open(std::move(paths));
    EXPECT_FALSE(opened.has_value());
    if (opened) return "";
    EXPECT_EQ(opened.error().code, ErrorCode::kafka_storage_error);
    return opened.error().detail;
  }
  void write(const std::string& path, std::string_view text) {
    test::write_file(files(), path, as_bytes(text));
  }
  std::string read(const std::string& path) {
    const auto bytes = test::read_file(files(), path);
    return std::string(as_text(bytes));
  }
  void make_dir(const std::string& path) {
    ASSERT_TRUE(files().create_directory(path).has_value());
  }
  void expect_created(LogDirs& dirs, const std::string& topic) {
    const auto made = dirs.create({topic, PartitionIndex(0)}, id_, small_config());
    ASSERT_TRUE(made.has_value()) << made.error().detail;
  }

  test::sim::World world_;
  test::sim::Node& node_ = world_.add_node("broker");
  const model::Uuid id_ = *model::Uuid::parse("4NfLrYQwRLKtwSxe2X1LkA");
};

TEST_F(LogDirsTest, missing_directories_are_made) {
  const auto dirs = open({"/a/b/c/"});
  ASSERT_TRUE(dirs.has_value()) << dirs.error().detail;
  EXPECT_EQ((*dirs)->paths(), std::vector<std::string>{"/a/b/c"});
  EXPECT_FALSE((*dirs)->was_clean(0));
  EXPECT_TRUE((*dirs)->partitions().empty());
  EXPECT_TRUE(test::exists(files(), "/a/b/c/.lock"));
}

TEST_F(LogDirsTest, a_dir_in_use_is_refused) {
  const auto dirs = open();
  ASSERT_TRUE(dirs.has_value());
  EXPECT_NE(refusal().find("in use by another process"), std::string::npos);
  EXPECT_NE(refusal({"/other", "/other"}).find("in use"), std::string::npos);
}

TEST_F(LogDirsTest, the_lock_ends_with_the_object) {
  { ASSERT_TRUE(open().has_value()); }
  EXPECT_TRUE(open().has_value());
}

TEST_F(LogDirsTest, what_is_not_a_directory_is_refused) {
  write("/data", "x");
  EXPECT_NE(refusal().find("/data"), std::string::npos);
  EXPECT_EQ(LogDirs::open(files(), {}).error().code, ErrorCode::kafka_storage_error);
}

TEST_F(LogDirsTest, meta_properties_are_made_once) {
  auto dirs = *open({"/a", "/b"});
  EXPECT_FALSE(dirs->meta().broker_id || dirs->meta().cluster_id);
  ASSERT_TRUE(dirs->write_meta(7, "cluster-x").has_value());
  dirs.reset();
  const std::string text = read("/a/meta.properties");
  EXPECT_NE(text.find("\nbroker.id=7\n"), std::string::npos);
  EXPECT_NE(text.find("\nversion=0\n"), std::string::npos);
  EXPECT_NE(text.find("\ncluster.id=cluster-x\n"), std::string::npos);
  EXPECT_EQ(read("/b/meta.properties"), text);
  dirs = *open({"/a", "/b"});
  EXPECT_EQ(dirs->meta().broker_id, 7);
  EXPECT_EQ(dirs->meta().cluster_id, "cluster-x");
  const auto writes = node_.disk().count(FileOperation::write);
  ASSERT_TRUE(dirs->write_meta(7, "cluster-x").has_value());
  EXPECT_EQ(node_.disk().count(FileOperation::write), writes);
  EXPECT_NE(dirs->write_meta(8, "cluster-x").error().detail.find("Stored node id 7 doesn't match"),
            std::string::npos);
  EXPECT_NE(dirs->write_meta(7, "other").error().detail.find("Invalid cluster.id in: /a/meta"),
            std::string::npos);
}

TEST_F(LogDirsTest, meta_properties_are_completed) {
  make_dir("/data");
  for (const char* text : {"", "\x01\xff junk", "version=0\n", "broker.id=7\n",
                           "cluster.id=cluster-x\n", "# only a comment"}) {
    write("/data/meta.properties", text);
    auto dirs = open();
    ASSERT_TRUE(dirs.has_value()) << text << dirs.error().detail;
    ASSERT_TRUE((*dirs)->write_meta(7, "cluster-x").has_value()) << text;
    dirs->reset();
    dirs = open();
    EXPECT_EQ((*dirs)->meta().broker_id, 7) << text;
    EXPECT_EQ((*dirs)->meta().cluster_id, "cluster-x") << text;
  }
  // No version is version 0; the file is left as it is.
  const std::string without_version = "broker.id=7\ncluster.id=cluster-x\ndirectory.id=d\n";
  write("/data/meta.properties", without_version);
  ASSERT_TRUE((*open())->write_meta(7, "cluster-x").has_value());
  EXPECT_EQ(read("/data/meta.properties"), without_version);
}

TEST_F(LogDirsTest, a_second_dir_without_the_file_gets_one) {
  make_dir("/a");
  write("/a/meta.properties", "broker.id=7\nversion=0\ncluster.id=c\n");
  auto dirs = *open({"/a", "/b"});
  ASSERT_TRUE(dirs->write_meta(7, "c").has_value());
  EXPECT_NE(read("/b/meta.properties").find("cluster.id=c"), std::string::npos);
}

TEST_F(LogDirsTest, meta_properties_of_others_are_refused_and_left_untouched) {
  make_dir("/a");
  make_dir("/b");
  const std::string mine = "broker.id=7\nversion=0\ncluster.id=c\n";
  write("/a/meta.properties", mine);
  for (const char* other :
       {"broker.id=8\nversion=0\ncluster.id=c\n", "broker.id=7\nversion=0\ncluster.id=d\n",
        "version=9\n", "version=1\nnode.id=7\ncluster.id=c\ndirectory.id=x\n",
        "broker.id=seven\n"}) {
    write("/b/meta.properties", other);
    write("/a/.kafka_cleanshutdown", "");
    const auto detail = refusal({"/a", "/b"});
    EXPECT_NE(detail.find("/b/meta.properties"), std::string::npos) << detail;
    EXPECT_EQ(read("/a/meta.properties"), mine);
    EXPECT_EQ(read("/b/meta.properties"), other);
    EXPECT_TRUE(test::exists(files(), "/a/.kafka_cleanshutdown"));  // nothing has begun
  }
}

TEST_F(LogDirsTest, partitions_go_to_the_emptiest_dir) {
  auto dirs = *open({"/a", "/b"});
  for (const char* topic : {"t1", "t2", "t3", "t4"}) expect_created(*dirs, topic);
  EXPECT_EQ(dirs->find({"t1", PartitionIndex(0)}), 0u);
  EXPECT_EQ(dirs->find({"t2", PartitionIndex(0)}), 1u);
  EXPECT_EQ(dirs->find({"t4", PartitionIndex(0)}), 1u);
  EXPECT_FALSE(dirs->find({"t4", PartitionIndex(1)}));
  EXPECT_TRUE(dirs->forget({"t1", PartitionIndex(0)}).has_value());
  expect_created(*dirs, "t5");
  EXPECT_EQ(dirs->find({"t5", PartitionIndex(0)}), 0u);
  EXPECT_FALSE(dirs->create({"t2", PartitionIndex(0)}, id_, small_config()).has_value());
  dirs.reset();
  dirs = *open({"/a", "/b"});
  ASSERT_EQ(dirs->partitions().size(), 5u);
  EXPECT_EQ(dirs->partitions()[0].topic_id, id_);
  EXPECT_EQ(dirs->partitions()[0].last_epoch, model::LeaderEpoch(-1));
}

TEST_F(LogDirsTest, a_forgotten_partition_leaves_the_checkpoint_files) {
  auto dirs = *open({"/a"});
  expect_created(*dirs, "t");
  const model::TopicPartition gone{"t", PartitionIndex(0)};
  DirCheckpoints checkpoints;
  checkpoints.recovery_points[gone] = Offset(3);
  checkpoints.high_watermarks[gone] = Offset(3);
  ASSERT_TRUE(dirs->write_checkpoints(0, checkpoints).has_value());
  dirs.reset();
  dirs = *open({"/a"});
  EXPECT_TRUE(dirs->was_hosted(gone));
  ASSERT_TRUE(dirs->forget(gone).has_value());
  dirs.reset();
  dirs = *open({"/a"});
  EXPECT_FALSE(dirs->was_hosted(gone));
}

TEST_F(LogDirsTest, a_made_partition_survives_power_loss) {
  auto dirs = *open({"/a/b"});
  expect_created(*dirs, "t");
  dirs.reset();
  node_.crash(CrashKind::power);
  node_.drop_work();
  node_.destroy_shards();
  node_.boot(1);
  dirs = *open({"/a/b"});
  ASSERT_EQ(dirs->partitions().size(), 1u);
  EXPECT_EQ(dirs->partitions()[0].topic_id, id_);
  const auto loaded = dirs->load(dirs->partitions()[0], small_config());
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ((*loaded)->log_end, Offset(0));
}

TEST_F(LogDirsTest, a_partition_in_two_dirs_is_refused) {
  for (const char* dir : {"/a", "/b"}) {
    make_dir(dir);
    make_dir(std::string(dir) + "/t-0");
  }
  EXPECT_NE(refusal({"/a", "/b"}).find("t-0 lies in two log dirs"), std::string::npos);
}

TEST_F(LogDirsTest, folders_that_are_no_partitions_are_skipped) {
  make_dir("/data");
  for (const char* name : {"foo", "foo-", "-0", "foo-99999999999", "foo-0.abc-delete", "a\nb-0",
                           "foo-0.0123-stray", "foo-0.0123-future", "__cluster_metadata-0",
                           "remote-log-index-cache", "lost+found", "good-3"}) {
    make_dir(std::string("/data/") + name);
  }
  write("/data/file-0", "");
  const auto dirs = open();
  ASSERT_TRUE(dirs.has_value()) << dirs.error().detail;
  ASSERT_EQ((*dirs)->partitions().size(), 1u);
  EXPECT_EQ((*dirs)->partitions()[0].partition, (TopicPartition{"good", PartitionIndex(3)}));
  EXPECT_EQ((*dirs)->deleted_folders(), std::vector<std::string>{"/data/foo-0.abc-delete"});
}

TEST_F(LogDirsTest, damaged_checkpoints_cost_only_time) {
  auto dirs = *open();
  expect_created(*dirs, "t");
  dirs.reset();
  for (const char* damage : {"", "0\n-1\n", "0\n7\nt 0 1\n", "0\n1\nt 0 -5\n", "0\n1\nt 0 999\n",
                             "0\n2\nt 0 1\nt 0 2\n", "junk", "1\n0\n"}) {
    for (const char* name : {"recovery-point-offset-checkpoint", "log-start-offset-checkpoint",
                             "replication-offset-checkpoint"}) {
      if (std::string_view(damage).find("999") != std::string_view::npos &&
          std::string_view(name).starts_with("log-start")) {
        continue;  // a log start that the log does not reach begins a new log, as in Kafka
      }
      write(std::string("/data/") + name, damage);
    }
    dirs = *open();
    const auto loaded = dirs->load(dirs->partitions()[0], small_config());
    ASSERT_TRUE(loaded.has_value()) << damage;
    EXPECT_EQ((*loaded)->log_end, Offset(0));
    EXPECT_EQ((*loaded)->high_watermark, Offset(0));
    dirs.reset();
  }
}

TEST_F(LogDirsTest, damaged_small_files_of_a_partition_are_made_good) {
  auto dirs = *open();
  expect_created(*dirs, "t");
  dirs.reset();
  test::Bytes bytes = test::stored_batch(0, {}, 2);
  test::append_to(bytes, test::stored_batch(1, {}, 5));
  test::write_file(files(), "/data/t-0/00000000000000000000.log", bytes);
  write("/data/t-0/leader-epoch-checkpoint", "0\n5\n1 1\n");
  write("/data/t-0/partition.metadata", "version: 0");
  dirs = *open();
  ASSERT_EQ(dirs->partitions().size(), 1u);
  EXPECT_FALSE(dirs->partitions()[0].topic_id);
  EXPECT_EQ(dirs->partitions()[0].last_epoch, model::LeaderEpoch(5));
  const auto loaded = dirs->load(dirs->partitions()[0], small_config());
  EXPECT_EQ((*loaded)->epochs.epoch_at(Offset(0)), model::LeaderEpoch(2));
}

TEST_F(LogDirsTest, checkpoints_are_written_when_they_change) {
  auto dirs = *open();
  DirCheckpoints checkpoints;
  checkpoints.recovery_points[{"t", PartitionIndex(0)}] = Offset(5);
  ASSERT_TRUE(dirs->write_checkpoints(0, checkpoints).has_value());
  EXPECT_EQ(read("/data/recovery-point-offset-checkpoint"), "0\n1\nt 0 5\n");
  EXPECT_EQ(read("/data/log-start-offset-checkpoint"), "0\n0\n");
  EXPECT_EQ(read("/data/replication-offset-checkpoint"), "0\n0\n");
  const auto writes = node_.disk().effectful_count();
  ASSERT_TRUE(dirs->write_checkpoints(0, checkpoints).has_value());
  EXPECT_EQ(node_.disk().effectful_count(), writes);
  checkpoints.high_watermarks[{"t", PartitionIndex(0)}] = Offset(4);
  node_.disk().fail_nth(FileOperation::rename, 1, ENOSPC);
  EXPECT_FALSE(dirs->write_checkpoints(0, checkpoints).has_value());
  ASSERT_TRUE(dirs->write_checkpoints(0, checkpoints).has_value());
  EXPECT_EQ(read("/data/replication-offset-checkpoint"), "0\n1\nt 0 4\n");
}

TEST_F(LogDirsTest, how_far_logs_are_compacted_is_kept_until_they_are_forgotten) {
  const TopicPartition a{"a", PartitionIndex(0)};
  const TopicPartition b{"b", PartitionIndex(0)};
  {
    auto dirs = open();
    ASSERT_TRUE(dirs.has_value());
    expect_created(**dirs, "a");
    expect_created(**dirs, "b");
    EXPECT_EQ((*dirs)->first_dirty(a), std::nullopt);
    ASSERT_TRUE((*dirs)->write_first_dirty(a, Offset(7)).has_value());
    ASSERT_TRUE((*dirs)->write_first_dirty(b, Offset(9)).has_value());
    EXPECT_FALSE((*dirs)->write_first_dirty({"c", PartitionIndex(0)}, Offset(1)).has_value());
    EXPECT_EQ(read("/data/cleaner-offset-checkpoint"), "0\n2\na 0 7\nb 0 9\n");
  }
  auto dirs = open();
  ASSERT_TRUE(dirs.has_value());
  EXPECT_EQ((*dirs)->first_dirty(a), Offset(7));
  ASSERT_TRUE((*dirs)->forget(a).has_value());
  EXPECT_EQ((*dirs)->first_dirty(a), std::nullopt);
  EXPECT_EQ(read("/data/cleaner-offset-checkpoint"), "0\n1\nb 0 9\n");
}

TEST_F(LogDirsTest, the_clean_shutdown_marker_counts_once) {
  auto dirs = *open({"/a", "/b"});
  ASSERT_TRUE(dirs->write_clean_shutdown_marker(1, 57).has_value());
  dirs.reset();
  EXPECT_EQ(read("/b/.kafka_cleanshutdown"), R"({"version":0,"brokerEpoch":57})");
  dirs = *open({"/a", "/b"});
  EXPECT_FALSE(dirs->was_clean(0));
  EXPECT_TRUE(dirs->was_clean(1));
  dirs.reset();
  dirs = *open({"/a", "/b"});
  EXPECT_TRUE(dirs->was_clean(1));  // a start that was refused in between used nothing
  ASSERT_TRUE(dirs->take().has_value());
  EXPECT_FALSE(test::exists(files(), "/b/.kafka_cleanshutdown"));
  ASSERT_TRUE(dirs->take().has_value());
  dirs.reset();
  EXPECT_FALSE((*open({"/a", "/b"}))->was_clean(1));
}

TEST_F(LogDirsTest, making_or_loading_a_partition_takes_the_dirs) {
  auto dirs = *open();
  ASSERT_TRUE(dirs->write_clean_shutdown_marker(0, 1).has_value());
  dirs.reset();
  dirs = *open();
  expect_created(*dirs, "t");
  EXPECT_FALSE(test::exists(files(), "/data/.kafka_cleanshutdown"));
  ASSERT_TRUE(dirs->write_clean_shutdown_marker(0, 1).has_value());
  dirs.reset();
  dirs = *open();
  ASSERT_TRUE(dirs->load(dirs->partitions()[0], small_config()).has_value());
  EXPECT_FALSE(test::exists(files(), "/data/.kafka_cleanshutdown"));
}

TEST_F(LogDirsTest, a_partition_that_cant_be_made_leaves_nothing) {
  auto dirs = *open();
  for (std::uint64_t n = 1; n <= 5; ++n) {
    node_.disk().fail_nth(FileOperation::create, n, ENOSPC);
    EXPECT_FALSE(dirs->create({"t", PartitionIndex(0)}, id_, small_config()).has_value()) << n;
    node_.disk().clear_failures();
    EXPECT_FALSE(test::exists(files(), "/data/t-0")) << n;
  }
  expect_created(*dirs, "t");
}

TEST_F(LogDirsTest, every_io_error_at_start_is_reported_or_harmless) {
  auto dirs = *open();
  expect_created(*dirs, "t");
  ASSERT_TRUE(dirs->write_meta(1, "c").has_value());
  dirs.reset();
  for (const auto operation :
       {FileOperation::open, FileOperation::read, FileOperation::list, FileOperation::stat,
        FileOperation::lock, FileOperation::sync_directory}) {
    for (std::uint64_t n = 1; n <= 8; ++n) {
      node_.disk().fail_nth(operation, n, EIO);
      const auto opened = open();
      node_.disk().clear_failures();
      if (!opened) {
        EXPECT_EQ(opened.error().os_error, EIO);
        continue;
      }
      EXPECT_EQ((*opened)->partitions().size(), 1u);
      const auto loaded = (*opened)->load((*opened)->partitions()[0], small_config());
      EXPECT_TRUE(loaded.has_value());
    }
  }
}

TEST(RealLogDirs, links_and_pipes_are_not_followed) {
  const test::TemporaryDirectory directory;
  runtime::real::PosixFileSystem files;
  std::filesystem::create_directory(directory / "data");
  std::filesystem::create_directory_symlink("/etc", directory / "data/etc-0");
  std::filesystem::create_symlink("loop-0", directory / "data/loop-0");
  std::filesystem::create_directory_symlink(directory / "data", directory / "link");
  const auto dirs = LogDirs::open(files, {{directory / "link"}, 1});  // the dir itself may be one
  ASSERT_TRUE(dirs.has_value()) << dirs.error().detail;
  EXPECT_TRUE((*dirs)->partitions().empty());
  const auto made = (*dirs)->create({"t", PartitionIndex(0)},
                                    *model::Uuid::parse("4NfLrYQwRLKtwSxe2X1LkA"), small_config());
  ASSERT_TRUE(made.has_value()) << made.error().detail;
  EXPECT_TRUE(std::filesystem::exists(directory / "data/t-0/00000000000000000000.log"));
}

}  // namespace
}  // namespace gregor::storage
