// A log that goes to another log dir while it is used: what is there afterwards, also when the
// process or the machine ends at any step of it, or any call fails.
#include <gtest/gtest.h>

#include <cerrno>

#include "storage/crash_history.h"
#include "storage/file_names.h"
#include "storage/log_move.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using runtime::Task;
using test::Bytes;
using test::make_batch;
using test::SimulatedHost;
using test::sim::CrashKind;
using test::sim::FileOperation;

const std::string suffix(32, 'a');
const std::string first_folder = "/a/t-0";
const std::string second_folder = "/b/t-0";
const std::string future_folder = "/b/t-0." + suffix + "-future";

std::shared_ptr<config::TopicConfig> synced_config() {
  auto config = test::small_config();
  config->segment_bytes = 600;
  config->flush_messages = 1;
  return config;
}

/// As the broker does it, in small steps.
Task<Result<Relocation>> move_log(SimulatedHost& host, std::uint32_t to, std::string unique) {
  LogDirs& dirs = host.dirs();
  runtime::Shard& shard = host.shard();
  auto make = [&dirs, to, &unique] {
    return dirs.begin_move(SimulatedHost::partition(), to, unique,
                           *model::Uuid::parse("AAAAAAAAAAAAAAAAAAAAAQ"));
  };
  const auto move = co_await runtime::offload(shard, make);
  if (!move) co_return fail(move.error());
  LogCopy copy(shard.file_system(), move->directory, move->health);
  for (;;) {
    const auto extent = co_await host.log().extent();
    if (!extent) co_return fail(extent.error());
    auto some = [&copy, &extent] { return copy.step(*extent, 500); };
    const auto copied = co_await runtime::offload(shard, some);
    if (!copied) co_return fail(copied.error());
    if (!copied->is_done) continue;
    RelocationWork work = [&dirs, &copy, &move](const FrozenLog& frozen) {
      return complete_move(dirs, copy, *move, frozen, 1000);
    };
    auto relocating = host.log().relocate(std::move(work));
    auto relocated = co_await std::move(relocating);
    if (relocated || relocated.error().code != ErrorCode::operation_not_attempted)
      co_return relocated;
  }
}

/// Appends while the log is moved, and remembers what was acknowledged.
class LogMoveTest : public ::testing::Test {
 protected:
  void open_new(SimulatedHost& host) {
    ASSERT_TRUE(host.open(synced_config()).has_value());
    acknowledged_.clear();
    for (int i = 0; i < 9; ++i) append_one(host);
    start_ = Offset(5);
    const auto moved = host.wait(host.log().move_log_start(start_));
    ASSERT_TRUE(moved.has_value());
    ASSERT_TRUE(host.write_checkpoints().has_value());
    ASSERT_EQ(host.log().directory(), first_folder);
  }
  void append_one(SimulatedHost& host) {
    const auto batch = next_batch();
    host.log().set_high_watermark(host.log().log_end());
    const auto done = host.append(batch);
    ASSERT_TRUE(done.has_value()) << done.error().error.detail;
    acknowledged_[done->offsets.first] = batch;
    host.log().set_high_watermark(host.log().log_end());
  }
  [[nodiscard]] Bytes next_batch() {
    return make_batch({.timestamp = 1000 + ++count_, .value_bytes = 100, .filling = fill()});
  }
  [[nodiscard]] char fill() const { return static_cast<char>('a' + count_ % 26); }

  /// Appends, one after the other, until the move has ended or nothing goes any more.
  static Task<bool> append_during(SimulatedHost& host, LogMoveTest& test,
                                  const std::optional<Result<Relocation>>& ended) {
    for (int more = 3; more > 0;) {
      Bytes batch = test.next_batch();
      const Bytes sent = batch;
      const auto done = co_await host.log().append(batch, LeaderEpoch(0));
      if (!done) co_return false;
      test.acknowledged_[done->offsets.first] = sent;
      host.log().set_high_watermark(host.log().log_end());
      if (ended) --more;
    }
    co_return true;
  }
  /// Deletes records, one after the other, as DeleteRecords does it.
  static Task<bool> delete_during(SimulatedHost& host, LogMoveTest& test,
                                  const std::optional<Result<Relocation>>& ended) {
    runtime::Shard& shard = host.shard();
    while (!ended) {
      co_await runtime::sleep_until(shard, shard.clock().now() + std::chrono::microseconds(100));
      const Offset start = test.start_ + 1;
      if (start > host.log().high_watermark()) continue;
      const auto deleted = co_await host.log().move_log_start(start);
      if (!deleted || !host.write_checkpoints()) co_return false;
      test.start_ = start;
    }
    co_return true;
  }
  /// The move with a writer beside it, until both have ended or the machine has.
  std::optional<Result<Relocation>> move_while_written(SimulatedHost& host, std::uint32_t to = 1) {
    auto ended = std::make_shared<std::optional<Result<Relocation>>>();
    auto wrote = std::make_shared<std::optional<bool>>();
    ended_.push_back(ended);
    auto deleted = std::make_shared<std::optional<bool>>();
    wrote_.push_back(wrote);
    wrote_.push_back(deleted);
    host.start(move_log(host, to, suffix), ended.get());
    host.start(append_during(host, *this, *ended), wrote.get());
    host.start(delete_during(host, *this, *ended), deleted.get());
    host.settle(std::chrono::seconds(20));
    return *ended;
  }

  /// Everything that was acknowledged and not deleted is there, in order, each once.
  void check_log(SimulatedHost& host) {
    PartitionLog& log = host.log();
    EXPECT_GE(log.log_start(), start_) << "deleted records are back";
    const auto all = host.read_all(log.log_start(), log.log_end());
    ASSERT_TRUE(all.has_value()) << all.error().detail;
    std::map<Offset, Bytes> found;
    model::BatchCursor cursor(*all);
    Offset expected = log.log_start();
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
      EXPECT_EQ((*batch)->base_offset(), expected);
      expected = (*batch)->next_offset();
      const auto bytes = (*batch)->bytes();
      found[(*batch)->base_offset()] = Bytes(bytes.begin(), bytes.end());
    }
    EXPECT_EQ(expected, log.log_end());
    for (const auto& [offset, sent] : acknowledged_) {
      if (offset < log.log_start()) continue;
      ASSERT_TRUE(found.contains(offset)) << offset.value() << " is lost";
      Bytes stored = sent;
      model::set_base_offset(stored, offset);
      model::set_leader_epoch(stored, LeaderEpoch(0));
      EXPECT_EQ(found[offset], stored) << offset.value();
    }
  }
  /// What a broker does with copies that were not finished.
  static void drop_copies(SimulatedHost& host) {
    for (const auto& future : host.dirs().futures()) {
      const auto dropped = host.dirs().drop_future(future.path);
      EXPECT_TRUE(dropped.has_value()) << dropped.error().detail;
    }
    for (const auto& path : host.dirs().deleted_folders()) {
      EXPECT_TRUE(host.dirs().remove_deleted(path).has_value());
    }
  }
  static int folders(SimulatedHost& host) {
    return int{test::exists(host.files(), first_folder)} +
           int{test::exists(host.files(), second_folder)};
  }
  /// A start after whatever happened, one more after a stop, and one more move.
  void check_next_lives(SimulatedHost& host) {
    const auto opened = host.open(synced_config());
    ASSERT_TRUE(opened.has_value()) << opened.error().detail;
    ASSERT_EQ(host.dirs().partitions().size(), 1U);
    EXPECT_EQ(folders(host), 1);
    check_log(host);
    drop_copies(host);
    EXPECT_FALSE(test::exists(host.files(), future_folder));
    append_one(host);
    const auto end = host.log().log_end();
    host.crash(CrashKind::power);
    ASSERT_TRUE(host.open(synced_config()).has_value());
    EXPECT_EQ(host.log().log_end(), end);
    check_log(host);
    const std::uint32_t other = 1 - *host.dirs().find(SimulatedHost::partition());
    const auto moved = move_while_written(host, other);
    ASSERT_TRUE(moved && *moved && (*moved)->done);
    check_log(host);
    host.stop();
    ASSERT_TRUE(host.open(synced_config()).has_value());
    EXPECT_EQ(*host.dirs().find(SimulatedHost::partition()), other);
    check_log(host);
  }

  std::map<Offset, Bytes> acknowledged_;  // as they were sent
  Offset start_;                          // as it was acknowledged
  int count_ = 0;
  // Tasks that a crash ended may still be told of results.
  std::vector<std::shared_ptr<std::optional<Result<Relocation>>>> ended_;
  std::vector<std::shared_ptr<std::optional<bool>>> wrote_;
};

TEST_F(LogMoveTest, a_log_goes_on_in_another_dir_with_all_that_is_known_of_it) {
  SimulatedHost host({}, {"/a", "/b"});
  open_new(host);
  ASSERT_TRUE(host.wait(host.log().become_leader(LeaderEpoch(0))).has_value());
  const auto before = acknowledged_.size();
  const auto moved = move_while_written(host);
  ASSERT_TRUE(moved.has_value() && moved->has_value());
  ASSERT_TRUE((*moved)->done.has_value());
  EXPECT_GT(acknowledged_.size(), before + 3);
  EXPECT_EQ(host.log().directory(), second_folder);
  EXPECT_EQ(*host.dirs().find(SimulatedHost::partition()), 1U);
  EXPECT_EQ((*moved)->retired, "/a/t-0." + suffix + "-delete");
  EXPECT_TRUE(test::exists(host.files(), (*moved)->retired));
  EXPECT_EQ(folders(host), 1);
  EXPECT_FALSE(test::exists(host.files(), second_folder + "/.gregor-moved"));
  check_log(host);
  append_one(host);
  host.crash(CrashKind::power);
  check_next_lives(host);
}

TEST_F(LogMoveTest, appends_wait_for_the_move_and_none_fails) {
  SimulatedHost host({}, {"/a", "/b"});
  open_new(host);
  host.disk().set_extra_delay(std::chrono::milliseconds(20));
  const auto moved = move_while_written(host);
  ASSERT_TRUE(moved && *moved && (*moved)->done);
  for (const auto& went_well : wrote_) {
    ASSERT_TRUE(went_well->has_value());
    EXPECT_TRUE(**went_well);
  }
  check_log(host);
}

TEST_F(LogMoveTest, a_clean_stop_behind_a_move_leaves_nothing_to_recover) {
  SimulatedHost host({}, {"/a", "/b"});
  open_new(host);
  ASSERT_TRUE(move_while_written(host).has_value());
  const auto end = host.log().log_end();
  host.stop();
  ASSERT_TRUE(host.open(synced_config()).has_value());
  EXPECT_EQ(host.loaded().recovered_bytes, 0U);
  EXPECT_EQ(host.log().epoch_at(host.log().log_start()), LeaderEpoch(0));
  EXPECT_EQ(host.log().log_end(), end);
  check_log(host);
}

class LogMoveCrashTest : public LogMoveTest, public ::testing::WithParamInterface<CrashKind> {};

TEST_P(LogMoveCrashTest, nothing_is_lost_at_any_step) {
  const test::QuietLog quiet;
  const test::SeedRange rounds = test::asked_seeds(1);
  for (std::uint64_t round = 0; round < rounds.count && !HasFailure(); ++round) {
    bool has_ended = false;
    int crashes = 0;
    for (std::uint64_t n = 1; n < 400 && !has_ended && !HasFailure(); ++n) {
      SCOPED_TRACE("the machine ends at change " + std::to_string(n));
      test::sim::WorldOptions options;
      options.seed = n + 1000 * (rounds.first + round);
      SimulatedHost host(options, {"/a", "/b"});
      open_new(host);
      host.node().crash_after_file_operations(n, GetParam());
      const auto moved = move_while_written(host);
      has_ended = moved.has_value() && host.node().is_up();
      crashes += host.node().is_up() ? 0 : 1;
      host.crash(GetParam());
      check_next_lives(host);
    }
    EXPECT_TRUE(has_ended);
    EXPECT_GT(crashes, 60);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, LogMoveCrashTest,
                         ::testing::Values(CrashKind::kill, CrashKind::power));

class LogMoveFaultTest : public LogMoveTest, public ::testing::WithParamInterface<FileOperation> {
 protected:
  void fail_each(CrashKind kind);
};

TEST_P(LogMoveFaultTest, nothing_is_lost_when_any_call_fails) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power}) fail_each(kind);
}

void LogMoveFaultTest::fail_each(CrashKind kind) {
  const test::QuietLog quiet;
  bool has_ended = false;
  for (std::uint64_t n = 1; n < 200 && !has_ended && !HasFailure(); ++n) {
    SCOPED_TRACE("call " + std::to_string(n) + " fails");
    test::sim::WorldOptions options;
    options.seed = n;
    SimulatedHost host(options, {"/a", "/b"});
    open_new(host);
    const std::uint64_t calls = host.disk().count(GetParam());
    host.disk().fail_nth(GetParam(), n, EIO);
    const auto moved = move_while_written(host);
    ASSERT_TRUE(moved.has_value());
    has_ended = host.disk().count(GetParam()) < calls + n;
    host.disk().clear_failures();
    host.crash(kind);
    check_next_lives(host);
  }
  EXPECT_TRUE(has_ended);
}

INSTANTIATE_TEST_SUITE_P(Calls, LogMoveFaultTest,
                         ::testing::Values(FileOperation::open, FileOperation::read,
                                           FileOperation::create, FileOperation::write,
                                           FileOperation::sync_data, FileOperation::truncate,
                                           FileOperation::rename, FileOperation::remove,
                                           FileOperation::sync_directory));

TEST_F(LogMoveTest, damage_does_not_take_the_place_of_the_log) {
  SimulatedHost host({}, {"/a", "/b"});
  open_new(host);
  const std::string path = first_folder + "/00000000000000000000.log";
  Bytes bytes = test::read_file(host.files(), path);
  bytes[bytes.size() - 3] ^= std::byte{1};
  test::write_file(host.files(), path, bytes);
  const auto moved = move_while_written(host);
  ASSERT_TRUE(moved.has_value());
  ASSERT_FALSE(moved->has_value());
  EXPECT_EQ(moved->error().code, ErrorCode::corrupt_message);
  EXPECT_EQ(host.log().directory(), first_folder);
  append_one(host);
}

TEST_F(LogMoveTest, a_dir_without_room_ends_a_move_and_not_the_log) {
  SimulatedHost host({}, {"/a", "/b"});
  open_new(host);
  host.disk().set_bytes_max(host.disk().bytes_used() + 300);
  const auto moved = move_while_written(host);
  host.disk().set_bytes_max(UINT64_MAX);
  ASSERT_TRUE(moved.has_value());
  ASSERT_FALSE(moved->has_value());
  EXPECT_EQ(host.log().directory(), first_folder);
  EXPECT_FALSE(host.dirs().has_failed());
  append_one(host);
  check_log(host);
}

/// Two folders of the same partition, some of them marked.
class TwoFoldersTest : public LogMoveTest {
 protected:
  void open_with(bool first_marked, bool second_marked) {
    open_new(host_);
    host_.crash(CrashKind::power);
    ASSERT_TRUE(host_.files().create_directory(second_folder).has_value());
    const auto entries = host_.files().list(first_folder);
    for (const auto& entry : *entries) {
      test::write_file(host_.files(), second_folder + "/" + entry.name,
                       test::read_file(host_.files(), first_folder + "/" + entry.name));
    }
    if (first_marked) mark(first_folder);
    if (second_marked) mark(second_folder);
    host_.disk().sync_all();
  }
  void mark(const std::string& folder) {
    test::write_file(host_.files(), folder + "/.gregor-moved", as_bytes(suffix));
  }

  SimulatedHost host_{{}, {"/a", "/b"}};
};

TEST_F(TwoFoldersTest, the_one_that_was_moved_in_counts) {
  open_with(false, true);
  ASSERT_TRUE(host_.open(synced_config()).has_value());
  EXPECT_EQ(host_.log().directory(), second_folder);
  EXPECT_EQ(folders(host_), 1);
  EXPECT_TRUE(test::exists(host_.files(), "/a/t-0." + suffix + "-delete"));
  EXPECT_FALSE(test::exists(host_.files(), second_folder + "/.gregor-moved"));
}

TEST_F(TwoFoldersTest, in_whichever_dir_it_is) {
  open_with(true, false);
  ASSERT_TRUE(host_.open(synced_config()).has_value());
  EXPECT_EQ(host_.log().directory(), first_folder);
  EXPECT_TRUE(test::exists(host_.files(), "/b/t-0." + suffix + "-delete"));
}

TEST_F(TwoFoldersTest, without_a_mark_a_start_is_refused_and_changes_nothing) {
  open_with(false, false);
  const auto opened = host_.open(synced_config());
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().detail.find("lies in two log dirs"), std::string::npos);
  EXPECT_EQ(folders(host_), 2);
}

TEST_F(TwoFoldersTest, with_two_marks_as_well) {
  open_with(true, true);
  EXPECT_FALSE(host_.open(synced_config()).has_value());
  EXPECT_EQ(folders(host_), 2);
}

TEST_F(TwoFoldersTest, and_if_they_are_of_two_topics) {
  open_with(false, true);
  test::write_file(host_.files(), second_folder + "/partition.metadata",
                   as_bytes("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAg"));
  EXPECT_FALSE(host_.open(synced_config()).has_value());
  EXPECT_EQ(folders(host_), 2);
}

TEST(FutureFolderName, is_read_as_it_is_written) {
  const model::TopicPartition partition{"a.b-c", model::PartitionIndex(12)};
  const auto name = future_folder_name(partition, suffix);
  EXPECT_EQ(name, "a.b-c-12." + suffix + "-future");
  const auto read = parse_future_folder(name);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->partition, partition);
  EXPECT_EQ(read->unique_suffix, suffix);
  for (const char* other : {"t-0", "t-0.x-delete", "t-future", "t-x.y-future", "-future"})
    EXPECT_FALSE(parse_future_folder(other).has_value()) << other;
}

TEST(FutureFolderName, must_fit) {
  EXPECT_TRUE(has_future_folder_name({std::string(213, 't'), model::PartitionIndex(0)}));
  EXPECT_FALSE(has_future_folder_name({std::string(214, 't'), model::PartitionIndex(0)}));
  EXPECT_FALSE(has_future_folder_name({std::string(213, 't'), model::PartitionIndex(10)}));
}

// LogCopy alone.

class LogCopyTest : public LogMoveTest {
 protected:
  void SetUp() override {
    open_new(host_);
    ASSERT_TRUE(host_.files().create_directory("/b/copy").has_value());
  }
  [[nodiscard]] LogExtent extent() { return *host_.wait(host_.log().extent()); }
  void copy_all(const LogExtent& extent) {
    for (;;) {
      const auto step = copy_.step(extent, 300);
      ASSERT_TRUE(step.has_value()) << step.error().detail;
      EXPECT_LE(step->bytes, 300U);
      if (step->is_done) break;
    }
    EXPECT_EQ(copy_.missing_bytes(extent), 0U);
  }
  [[nodiscard]] bool has(std::int64_t base) {
    return test::exists(host_.files(),
                        "/b/copy/" + segment_file_name(Offset(base), names::log_suffix));
  }
  [[nodiscard]] Bytes copied(std::int64_t base) {
    return test::read_file(host_.files(),
                           "/b/copy/" + segment_file_name(Offset(base), names::log_suffix));
  }
  [[nodiscard]] Bytes original(std::int64_t base) {
    return test::read_file(host_.files(), host_.segment_path(base, ".log"));
  }

  SimulatedHost host_{{}, {"/a", "/b"}};
  LogCopy copy_{host_.files(), "/b/copy", std::make_shared<DirHealth>()};
};

TEST_F(LogCopyTest, copies_and_follows) {
  copy_all(extent());
  EXPECT_EQ(copy_.end(), host_.log().log_end());
  append_one(host_);
  EXPECT_GT(copy_.missing_bytes(extent()), 0U);
  copy_all(extent());
  EXPECT_EQ(copy_.end(), host_.log().log_end());
  for (const auto& segment : extent().segments)
    EXPECT_EQ(copied(segment.base.value()), original(segment.base.value()));
  EXPECT_EQ(copy_.size_bytes(), host_.log().size_bytes());
}

TEST_F(LogCopyTest, drops_what_was_deleted) {
  copy_all(extent());
  LogExtent later = extent();
  const auto gone = later.segments.front().base.value();
  later.segments.erase(later.segments.begin());
  EXPECT_TRUE(has(gone));
  copy_all(later);
  EXPECT_FALSE(has(gone));
}

TEST_F(LogCopyTest, copies_anew_what_was_compacted) {
  LogExtent before = extent();
  copy_all(before);
  const auto base = before.segments.front().base.value();
  test::write_file(host_.files(), "/b/copy/" + segment_file_name(Offset(base), ".log"),
                   as_bytes("something that was there before"));
  LogExtent after = before;
  after.segments.front().identity = 7;
  EXPECT_EQ(copy_.missing_bytes(after), before.segments.front().size_bytes);
  copy_all(after);
  EXPECT_EQ(copied(base), original(base));
}

TEST_F(LogCopyTest, says_so_when_a_segment_is_gone) {
  const LogExtent before = extent();
  ASSERT_TRUE(
      host_.files().remove(host_.segment_path(before.segments.front().base.value(), ".log")));
  const auto step = copy_.step(before, 300);
  ASSERT_FALSE(step.has_value());
  EXPECT_EQ(step.error().os_error, ENOENT);
}

}  // namespace
}  // namespace gregor::storage
