// The limit of open segments: who is closed, what counts, and logs that work under it.
#include "storage/open_segments.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <map>

#include "storage/file_names.h"
#include "storage/log_dirs.h"
#include "storage/simulated_test_support.h"
#include "storage/test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using runtime::simulated::FileOperation;
using test::make_batch;

/// Opens nothing, but keeps what a log would keep.
class FakeLog : public OpenSegments::Owner {
 public:
  explicit FakeLog(std::shared_ptr<OpenSegments> home) : home_(std::move(home)) {}
  virtual ~FakeLog() = default;
  bool open(std::int64_t base, SegmentHeat heat) {
    auto slot = heat == SegmentHeat::cold ? home_->room_for_cold(wishes_[base], now)
                                          : home_->room_for_active();
    if (!slot) return false;
    entries_[base] = home_->add(*this, Offset(base), slot);
    return true;
  }
  bool close_segment(Offset base) override {
    if (is_busy) return false;
    entries_.erase(base.value());
    return true;
  }
  [[nodiscard]] bool is_open(std::int64_t base) const { return entries_.contains(base); }
  OpenSegments::Entry& entry(std::int64_t base) { return entries_.at(base); }

  bool is_busy = false;
  runtime::Instant now{};

 private:
  std::shared_ptr<OpenSegments> home_;
  std::map<std::int64_t, OpenSegments::Wish> wishes_;
  std::map<std::int64_t, OpenSegments::Entry> entries_;
};

std::shared_ptr<OpenSegments> with_limits(std::int64_t active, std::int64_t cold) {
  return std::make_shared<OpenSegments>(OpenSegmentLimits{active, cold});
}

TEST(OpenSegmentsTest, shares_of_a_limit) {
  const auto limits = OpenSegmentLimits::of_descriptors(120, 2);
  EXPECT_EQ(limits.active, 15);
  EXPECT_EQ(limits.cold, 5);
  EXPECT_EQ(OpenSegmentLimits::of_descriptors(0, 4).active, 1);
  EXPECT_EQ(OpenSegmentLimits::of_descriptors(0, 4).cold, 1);
  EXPECT_EQ(OpenSegmentLimits::of_descriptors(0, 4).beyond, 64);
  EXPECT_EQ(OpenSegmentLimits::of_descriptors(12'000, 1).beyond, 1000);
}

TEST(OpenSegmentsTest, those_not_used_for_longest_are_closed) {
  const auto home = with_limits(1, 3);
  FakeLog log(home);
  for (int base = 0; base < 3; ++base) ASSERT_TRUE(log.open(base, SegmentHeat::cold));
  ASSERT_TRUE(log.open(3, SegmentHeat::cold));  // all were used; the first one was so before others
  EXPECT_FALSE(log.is_open(0));
  log.entry(1).touch();
  ASSERT_TRUE(log.open(4, SegmentHeat::cold));
  EXPECT_TRUE(log.is_open(1));
  EXPECT_FALSE(log.is_open(2));
  EXPECT_EQ(home->open_count(SegmentHeat::cold), 3);
  EXPECT_EQ(home->open_count(SegmentHeat::active), 0);
}

TEST(OpenSegmentsTest, active_ones_in_use_stay_open_beyond_the_limit) {
  const auto home = with_limits(1, 1);
  FakeLog busy(home);
  FakeLog idle(home);
  ASSERT_TRUE(busy.open(0, SegmentHeat::active));
  busy.is_busy = true;
  ASSERT_TRUE(idle.open(0, SegmentHeat::active));
  EXPECT_TRUE(busy.is_open(0));
  EXPECT_EQ(home->open_count(SegmentHeat::active), 2);
  FakeLog third(home);
  ASSERT_TRUE(third.open(0, SegmentHeat::active));
  EXPECT_TRUE(busy.is_open(0));
  EXPECT_FALSE(idle.is_open(0));
  ASSERT_TRUE(third.open(1, SegmentHeat::cold));  // readers take nothing from them
  EXPECT_TRUE(third.is_open(0));
}

TEST(OpenSegmentsTest, what_is_being_sent_counts_until_it_is_let_go) {
  const auto home = with_limits(1, 1);
  FakeLog log(home);
  test::TemporaryDirectory folder;
  test::RealHost host;
  SegmentFiles files;
  {
    OpenSegments::Wish wish;
    auto slot = home->room_for_cold(wish, {});
    ASSERT_NE(slot, nullptr);
    auto made = create_segment_files(host.files(), {folder.path(), Offset(0)});
    ASSERT_TRUE(made.has_value());
    files = OpenSegments::counted(std::move(*made), slot);
  }
  files.offset_index = files.time_index = nullptr;
  EXPECT_EQ(home->open_count(SegmentHeat::cold), 1);
  EXPECT_FALSE(log.open(0, SegmentHeat::cold));
  files = {};
  EXPECT_EQ(home->open_count(SegmentHeat::cold), 0);
  EXPECT_TRUE(log.open(0, SegmentHeat::cold));
}

TEST(OpenSegmentsTest, who_has_waited_gets_a_cold_one_beyond_the_limit) {
  const auto home = std::make_shared<OpenSegments>(OpenSegmentLimits{1, 1, 2});
  FakeLog holder(home);
  ASSERT_TRUE(holder.open(0, SegmentHeat::cold));
  holder.is_busy = true;
  FakeLog log(home);
  log.is_busy = true;
  EXPECT_FALSE(log.open(0, SegmentHeat::cold));
  log.now += OpenSegments::patience / 2;
  EXPECT_FALSE(log.open(0, SegmentHeat::cold));
  EXPECT_FALSE(log.open(1, SegmentHeat::cold));  // asked for just now
  log.now += OpenSegments::patience / 2;
  EXPECT_TRUE(log.open(0, SegmentHeat::cold));
  EXPECT_FALSE(log.open(1, SegmentHeat::cold));
  EXPECT_EQ(home->beyond_count(), 1u);
  log.now += OpenSegments::patience;
  EXPECT_TRUE(log.open(1, SegmentHeat::cold));
  // There is an end to it, or slow readers would take all descriptors of the process.
  EXPECT_FALSE(log.open(2, SegmentHeat::cold));
  log.now += 10 * OpenSegments::patience;
  EXPECT_FALSE(log.open(2, SegmentHeat::cold));
  EXPECT_EQ(home->open_count(SegmentHeat::cold), 3);
  // It goes back to the limit as soon as they are let go.
  holder.is_busy = log.is_busy = false;
  EXPECT_TRUE(log.open(2, SegmentHeat::cold));
  EXPECT_EQ(home->open_count(SegmentHeat::cold), 1);
  EXPECT_EQ(home->beyond_count(), 2u);
}

TEST(OpenSegmentsTest, all_who_wait_for_the_same_segment_have_waited) {
  const auto home = std::make_shared<OpenSegments>(OpenSegmentLimits{1, 1, 2});
  FakeLog holder(home);
  ASSERT_TRUE(holder.open(0, SegmentHeat::cold));
  holder.is_busy = true;
  FakeLog log(home);
  EXPECT_FALSE(log.open(0, SegmentHeat::cold));
  log.now += OpenSegments::patience;
  EXPECT_TRUE(log.open(0, SegmentHeat::cold));
  // It is closed again before the second one who waited comes to it.
  ASSERT_TRUE(log.close_segment(Offset(0)));
  log.now += std::chrono::milliseconds(2);
  EXPECT_TRUE(log.open(0, SegmentHeat::cold));
  ASSERT_TRUE(log.close_segment(Offset(0)));
  log.now += 2 * OpenSegments::memory;
  EXPECT_FALSE(log.open(0, SegmentHeat::cold));
}

TEST(OpenSegmentsTest, an_active_one_becomes_cold_if_there_is_room) {
  const auto home = with_limits(2, 1);
  FakeLog log(home);
  ASSERT_TRUE(log.open(0, SegmentHeat::active));
  EXPECT_TRUE(home->cool(log.entry(0)));
  EXPECT_EQ(home->open_count(SegmentHeat::active), 0);
  EXPECT_EQ(home->open_count(SegmentHeat::cold), 1);
  ASSERT_TRUE(log.open(1, SegmentHeat::active));
  log.is_busy = true;
  EXPECT_FALSE(home->cool(log.entry(1)));
  log.is_busy = false;
  EXPECT_TRUE(home->cool(log.entry(1)));
  EXPECT_FALSE(log.is_open(0));
}

std::int64_t open_descriptors() {
  const auto entries = std::filesystem::directory_iterator("/proc/self/fd");
  return std::distance(begin(entries), end(entries));
}

/// Many logs on real files, of one shard and under one limit.
class LogsUnderALimit : public ::testing::Test {
 protected:
  static constexpr int log_count = 6;
  static constexpr int segments_each = 12;

  void SetUp() override {
    auto dirs = LogDirs::open(host_.files(), {{host_.root() + "/data"}, 1});
    ASSERT_TRUE(dirs.has_value()) << dirs.error().detail;
    dirs_ = std::move(*dirs);
    auto config = std::make_shared<config::TopicConfig>();
    config->segment_bytes = 300;
    before_ = open_descriptors();
    for (int i = 0; i < log_count; ++i) {
      auto loaded = dirs_->create({"t", model::PartitionIndex(i)},
                                  *model::Uuid::parse("4NfLrYQwRLKtwSxe2X1LkA"), config);
      ASSERT_TRUE(loaded.has_value()) << loaded.error().detail;
      (*loaded)->open_segments = home_;
      logs_.push_back(std::make_unique<PartitionLog>(host_.shard(), std::move(**loaded)));
    }
  }
  void TearDown() override {
    for (auto& log : logs_) {
      const auto closed = host_.wait(log->close());
      EXPECT_TRUE(closed.has_value()) << closed.error().detail;
    }
    host_.restart([this] {
      logs_.clear();
      dirs_.reset();
    });
  }
  void append_to_all() {
    for (auto& log : logs_) {
      const auto appended =
          host_.wait(log->append(test::scratch(make_batch({.value_bytes = 100})), LeaderEpoch(0)));
      ASSERT_TRUE(appended.has_value()) << appended.error().error.detail;
    }
  }
  Result<ReadResult> read(int log, std::int64_t from) {
    PartitionLog& of = *logs_[static_cast<std::size_t>(log)];
    return host_.wait(of.read({Offset(from), of.log_end(), 1, true}));
  }
  /// Tries again while others hold the segments that may be open: a sync holds those that it syncs.
  Result<ReadResult> read_patiently(int log, std::int64_t from) {
    for (;;) {
      auto found = read(log, from);
      if (found || !is_out_of_descriptors(found.error())) return found;
      auto& shard = host_.shard();
      host_.wait_for(
          runtime::sleep_until(shard, shard.clock().now() + std::chrono::milliseconds(1)));
    }
  }
  /// Beyond it: ends of logs that are at work (their roll is synced in the pool, which has two
  /// threads), what these threads open for a moment, and what was waited for.
  void expect_within_the_limit() {
    const auto beyond = static_cast<std::int64_t>(home_->beyond_count());
    EXPECT_LE(home_->open_count(SegmentHeat::active), 2 + 2);
    EXPECT_LE(home_->open_count(SegmentHeat::cold), 2 + beyond);
    EXPECT_LE(open_descriptors() - before_, (2 + 2 + 2 + 2 + beyond) * descriptors_of_segment);
  }
  void flush_all() {
    for (auto& log : logs_) ASSERT_TRUE(host_.wait(log->flush()).has_value());
  }

  test::RealHost host_;
  const std::shared_ptr<OpenSegments> home_ = with_limits(2, 2);
  std::unique_ptr<LogDirs> dirs_;
  std::vector<std::unique_ptr<PartitionLog>> logs_;
  std::int64_t before_ = 0;
};

TEST_F(LogsUnderALimit, all_is_read_while_all_are_appended_to) {
  for (int i = 0; i < 2 * segments_each; ++i) {
    append_to_all();
    for (int log = 0; log < log_count; ++log) {
      for (const std::int64_t from : {0, i / 2, i}) {
        const auto found = read_patiently(log, from);
        ASSERT_TRUE(found.has_value()) << found.error().detail;
        ASSERT_EQ(found->slices.size(), 1u);
        ASSERT_EQ(found->first, Offset(from));
      }
      expect_within_the_limit();
    }
  }
  EXPECT_GE(logs_.front()->segment_count(), static_cast<std::uint64_t>(segments_each));
}

TEST_F(LogsUnderALimit, slices_that_are_kept_leave_no_room_for_others_until_they_are_let_go) {
  for (int i = 0; i < 2 * segments_each; ++i) append_to_all();
  flush_all();  // a sync holds the files that it syncs
  std::vector<Result<ReadResult>> kept;
  kept.push_back(read(0, 0));
  kept.push_back(read(1, 0));
  for (const auto& found : kept) ASSERT_TRUE(found.has_value()) << found.error().detail;
  const auto refused = read(2, 0);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().os_error, EMFILE);
  EXPECT_TRUE(is_out_of_descriptors(refused.error()));
  append_to_all();  // goes on
  expect_within_the_limit();
  EXPECT_EQ(kept[1]->slices.size(), 1u);
  kept.clear();
  EXPECT_TRUE(read(2, 0).has_value());
}

TEST(ReadersOfOldSegments, are_not_starved_by_others_that_keep_what_they_were_given) {
  test::SimulatedHost host;
  host.limit_open_segments(with_limits(1, 1));
  ASSERT_TRUE(host.open(test::small_config()).has_value());
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(host.append(make_batch({.value_bytes = 700})).has_value());
  }
  ASSERT_TRUE(host.wait(host.log().flush()).has_value());
  ASSERT_GT(host.log().segment_count(), 3u);
  const auto read = [&host](std::int64_t from) {
    return host.wait(host.log().read({Offset(from), Offset(12), 1, true}));
  };
  const auto kept = read(0);
  ASSERT_TRUE(kept.has_value()) << kept.error().detail;
  for (const std::int64_t from : {4, 8}) {
    const auto refused = read(from);
    ASSERT_FALSE(refused.has_value());
    EXPECT_TRUE(is_out_of_descriptors(refused.error()));
    host.settle(OpenSegments::patience);
    const auto found = read(from);
    ASSERT_TRUE(found.has_value()) << found.error().detail;
    EXPECT_EQ(found->first, Offset(from));
  }
  // A lookup by time waits by itself.
  ASSERT_TRUE(host.log().release_files());
  const auto looked_up =
      host.wait(host.log().offset_for_time(model::TimestampMs(1000), Offset(12)));
  EXPECT_TRUE(looked_up.has_value()) << looked_up.error().detail;
}

TEST(OutOfDescriptors, a_sync_that_can_not_open_its_file_is_made_up_for) {
  test::SimulatedHost host;
  ASSERT_TRUE(host.open(test::small_config()).has_value());
  ASSERT_TRUE(host.append(make_batch()).has_value());
  ASSERT_TRUE(host.log().release_files());
  host.disk().fail_nth(FileOperation::open, 1, EMFILE);
  const auto refused = host.wait(host.log().flush());
  ASSERT_FALSE(refused.has_value());
  EXPECT_FALSE(host.log().failure().has_value());
  EXPECT_EQ(host.log().recovery_point(), Offset(0));
  EXPECT_TRUE(host.wait(host.log().flush()).has_value());
  EXPECT_EQ(host.log().recovery_point(), Offset(1));
  host.crash(runtime::simulated::CrashKind::power);
  ASSERT_TRUE(host.open(test::small_config()).has_value());
  EXPECT_EQ(host.log().log_end(), Offset(1));
}

TEST(OutOfDescriptors, a_sync_that_can_not_open_its_file_is_no_failed_sync) {
  int refused = 0;
  for (std::uint64_t n = 1; n < 6; ++n) {
    test::SimulatedHost host;
    ASSERT_TRUE(host.open(test::small_config()).has_value());
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(host.append(make_batch({.value_bytes = 1800})).has_value());
    }
    host.settle();  // rolled segments are synced by themselves
    ASSERT_TRUE(host.log().release_files());
    host.disk().fail_nth(FileOperation::open, n, EMFILE);
    refused += host.wait(host.log().flush()) ? 0 : 1;
    EXPECT_FALSE(test::exists(host.files(), join_path("/data", names::sync_failed))) << n;
    EXPECT_TRUE(host.wait(host.log().flush()).has_value());
  }
  EXPECT_GT(refused, 0);
}

TEST(OutOfDescriptors, a_roll_that_can_not_make_its_files_fails_the_appends_and_nothing_else) {
  test::SimulatedHost host;
  ASSERT_TRUE(host.open(test::small_config()).has_value());
  ASSERT_TRUE(host.append(make_batch({.value_bytes = 1800})).has_value());
  host.disk().fail_nth(FileOperation::create, 2, EMFILE);
  const auto refused = host.append(make_batch({.value_bytes = 1800}));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().error.code, ErrorCode::kafka_storage_error);
  EXPECT_FALSE(host.log().failure().has_value());
  EXPECT_TRUE(host.append(make_batch({.value_bytes = 1800})).has_value());
}

TEST(ReadErrors, an_io_error_of_a_read_fails_that_read_alone) {
  test::SimulatedHost host;
  ASSERT_TRUE(host.open(test::small_config()).has_value());
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(host.append(make_batch({.value_bytes = 400})).has_value());
  }
  host.stop();
  ASSERT_TRUE(host.open(test::small_config()).has_value());
  ASSERT_GT(host.log().segment_count(), 2u);
  // Of the indexes, then of the log: the n-th read that a cold read makes.
  int failed = 0;
  for (std::uint64_t n = 1; n < 8; ++n) {
    host.settle();
    ASSERT_TRUE(host.log().release_files());
    host.disk().fail_nth(FileOperation::read, n, EIO);
    const auto found = host.wait(host.log().read({Offset(0), Offset(12), 1000, true}));
    if (!found) {
      ++failed;
      EXPECT_EQ(found.error().code, ErrorCode::kafka_storage_error);
      EXPECT_EQ(found.error().os_error, EIO);
    }
    host.disk().clear_failures();
    EXPECT_FALSE(host.log().failure().has_value());
    EXPECT_FALSE(host.dirs_health().has_failed());
    EXPECT_TRUE(host.read_all(Offset(0), Offset(12)).has_value());
    ASSERT_TRUE(host.append(make_batch()).has_value());
  }
  EXPECT_GT(failed, 0);
}

}  // namespace
}  // namespace gregor::storage
