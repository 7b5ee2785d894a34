// When the next sync begins, and what that does for many who send one record at a time.
#include "storage/sync_gathering.h"

#include <gtest/gtest.h>

#include "storage/log_counters.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::Offset;
using std::chrono::microseconds;
using std::chrono::milliseconds;

runtime::Instant at(std::int64_t us) { return runtime::Instant(microseconds(us)); }

/// Two who append one record at a time on a disk whose syncs take 8 ms.
class SyncGatheringTest : public ::testing::Test {
 protected:
  void arrive() { gathering_.arrive(Offset(++last_), at(now_us_)); }
  void begin() { gathering_.begin(at(now_us_)); }
  /// @param left  of those who wait, how many came too late for this sync
  void end(std::int64_t left) {
    now_us_ += 8'000;
    gathering_.end(at(now_us_), Offset(last_ - left));
  }
  /// One is served, the other one waits; the first one comes back after `back_us`.
  void take_a_round(std::int64_t back_us) {
    arrive();
    begin();
    arrive();
    end(1);
    now_us_ += back_us;
    arrive();
    begin();
    end(0);
  }
  [[nodiscard]] std::int64_t wait_us() const {
    return std::chrono::duration_cast<microseconds>(gathering_.until() - at(now_us_)).count();
  }

  SyncGathering gathering_;
  std::int64_t last_ = 0;
  std::int64_t now_us_ = 1'000'000;
};

TEST_F(SyncGatheringTest, who_is_alone_never_waits) {
  for (int i = 1; i < 100; ++i) {
    now_us_ += 100;
    arrive();
    ASSERT_TRUE(gathering_.is_due(at(now_us_)));
    begin();
    end(0);
  }
}

TEST_F(SyncGatheringTest, waits_for_those_who_were_there_as_long_as_they_took) {
  take_a_round(1'000);
  now_us_ += 1'000;
  arrive();
  arrive();
  begin();
  end(1);
  EXPECT_FALSE(gathering_.is_due(at(now_us_)));
  EXPECT_GT(wait_us(), 1'000);
  EXPECT_LT(wait_us(), 2'000);
  arrive();
  EXPECT_TRUE(gathering_.is_complete());
  EXPECT_TRUE(gathering_.is_due(at(now_us_)));
}

TEST_F(SyncGatheringTest, does_not_wait_for_those_who_take_long) {
  take_a_round(5'000);
  EXPECT_EQ(wait_us(), 0);
  take_a_round(3'000);  // that was faster: it is worth it
  EXPECT_EQ(wait_us(), 4'000);
}

TEST_F(SyncGatheringTest, who_comes_later_does_not_wait) {
  take_a_round(1'000);
  ASSERT_GT(wait_us(), 0);
  now_us_ += wait_us();
  arrive();
  EXPECT_FALSE(gathering_.is_complete());
  EXPECT_TRUE(gathering_.is_due(at(now_us_)));
}

TEST_F(SyncGatheringTest, whom_a_sync_covers_is_served_even_if_it_came_after_it_had_begun) {
  take_a_round(1'000);
  arrive();
  begin();
  arrive();  // written with the first one
  end(0);
  arrive();
  EXPECT_FALSE(gathering_.is_complete());
  arrive();
  EXPECT_TRUE(gathering_.is_complete());
}

TEST_F(SyncGatheringTest, a_very_slow_disk_is_not_waited_with_for_long) {
  take_a_round(1'000);
  arrive();
  begin();
  arrive();
  now_us_ += 2'000'000;
  gathering_.end(at(now_us_), Offset(last_ - 1));
  now_us_ += 9'000;
  arrive();
  begin();
  now_us_ += 2'000'000;
  gathering_.end(at(now_us_), Offset(last_));
  EXPECT_EQ(gathering_.until() - at(now_us_), SyncGathering::wait_max);
}

/// Producers with one request each on its way, on a disk whose syncs take 5 ms.
class GroupCommitTest : public ::testing::Test {
 protected:
  static constexpr runtime::Duration sync_time = milliseconds(5);

  struct Found {
    double appends_by_sync = 0;
    runtime::Duration by_append{0};  ///< of each producer
  };
  static runtime::Task<void> produce(test::SimulatedHost& host, int count, runtime::Duration pause,
                                     int& running) {
    for (int i = 0; i < count; ++i) {
      auto batch = test::make_batch();
      auto appending = host.log().append(batch, model::LeaderEpoch(0));
      const auto appended = co_await std::move(appending);
      EXPECT_TRUE(appended.has_value());
      auto thinking = runtime::sleep_until(host.shard(), host.shard().clock().now() + pause);
      co_await std::move(thinking);
    }
    --running;
  }
  static Found run(int producers, runtime::Duration pause) {
    constexpr int count = 60;
    test::sim::WorldOptions options;
    options.io_delay = {std::chrono::duration_cast<microseconds>(sync_time),
                        std::chrono::duration_cast<microseconds>(sync_time)};
    test::SimulatedHost host(options);
    auto config = std::make_shared<config::TopicConfig>();
    config->flush_messages = 1;
    EXPECT_TRUE(host.open(config).has_value());
    LogCounters counters;
    host.log().count_in(counters);
    int running = producers;
    const runtime::Instant began = host.world().now();
    for (int i = 0; i < producers; ++i) {
      // They come back one after the other, as answers leave.
      const auto own_pause = pause + i * microseconds(20);
      host.shard().message_tasks().spawn(produce(host, count, own_pause, running));
    }
    host.world().run_while_not([&running] { return running == 0; },
                               began + std::chrono::minutes(1));
    EXPECT_EQ(running, 0);
    const auto appends = static_cast<double>(counters.appended_batches);
    const auto syncs = static_cast<double>(counters.flushes.count());
    return {appends / syncs, (host.world().now() - began) / count};
  }
};

TEST_F(GroupCommitTest, one_sync_serves_nearly_all_who_send_one_request_at_a_time) {
  // Without the wait it would be half of them.
  EXPECT_GT(run(8, microseconds(200)).appends_by_sync, 7.0);
  EXPECT_GT(run(32, microseconds(200)).appends_by_sync, 26.0);
}

TEST_F(GroupCommitTest, one_alone_is_as_fast_as_the_disk) {
  const auto pause = microseconds(200);
  const auto found = run(1, pause);
  EXPECT_DOUBLE_EQ(found.appends_by_sync, 1.0);
  EXPECT_LT(found.by_append, sync_time + pause + microseconds(150));
}

TEST_F(GroupCommitTest, waiting_for_those_who_do_not_come_costs_little) {
  // Each comes back only after the next sync has ended.
  const auto found = run(6, milliseconds(12));
  EXPECT_LT(found.by_append, milliseconds(12) + 2 * sync_time + sync_time / 4);
}

}  // namespace
}  // namespace gregor::storage
