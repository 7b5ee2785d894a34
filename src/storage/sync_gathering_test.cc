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

TEST(SyncGatheringTest, who_is_alone_never_waits) {
  SyncGathering gathering;
  for (std::int64_t i = 1; i < 100; ++i) {
    gathering.arrive(Offset(i));
    ASSERT_TRUE(gathering.is_due(at(i * 10'000)));
    gathering.begin(at(i * 10'000), false);
    gathering.end(at(i * 10'000 + 5'000), Offset(i));
  }
}

TEST(SyncGatheringTest, waits_for_those_who_were_there_and_no_longer) {
  SyncGathering gathering;
  gathering.arrive(Offset(1));
  gathering.begin(at(0), false);
  gathering.arrive(Offset(2));  // while it runs
  gathering.end(at(8'000), Offset(1));
  EXPECT_FALSE(gathering.is_due(at(8'000)));
  EXPECT_GT(gathering.until(), at(8'000));
  EXPECT_LE(gathering.until(), at(8'000 + 8'000 / SyncGathering::divisor_min));
  gathering.arrive(Offset(3));
  EXPECT_TRUE(gathering.is_complete());
  EXPECT_TRUE(gathering.is_due(at(8'001)));
}

TEST(SyncGatheringTest, who_comes_later_does_not_wait) {
  SyncGathering gathering;
  gathering.arrive(Offset(1));
  gathering.arrive(Offset(2));
  gathering.begin(at(0), false);
  gathering.end(at(8'000), Offset(2));
  gathering.arrive(Offset(3));
  EXPECT_FALSE(gathering.is_due(gathering.until() - microseconds(1)));
  EXPECT_TRUE(gathering.is_due(gathering.until()));
}

TEST(SyncGatheringTest, whom_a_sync_covers_is_served_even_if_it_came_after_it_had_begun) {
  SyncGathering gathering;
  gathering.arrive(Offset(1));
  gathering.begin(at(0), false);
  gathering.arrive(Offset(2));  // written with the first one
  gathering.end(at(8'000), Offset(2));
  gathering.arrive(Offset(3));
  EXPECT_FALSE(gathering.is_complete());
  gathering.arrive(Offset(4));
  EXPECT_TRUE(gathering.is_complete());
}

TEST(SyncGatheringTest, waits_less_when_nobody_comes_and_more_when_all_do) {
  SyncGathering gathering;
  std::int64_t next = 0;
  std::int64_t now_us = 0;
  // One sync of 8 ms for one of two; `comes`: the one who was served is back in time.
  const auto wait_us = [&](bool comes) {
    gathering.arrive(Offset(++next));
    gathering.begin(at(now_us), false);
    gathering.arrive(Offset(++next));
    now_us += 8'000;
    gathering.end(at(now_us), Offset(next - 1));
    const auto wait = gathering.until() - at(now_us);
    if (comes) gathering.arrive(Offset(++next));
    now_us += comes ? 100 : std::chrono::duration_cast<microseconds>(wait).count();
    gathering.begin(at(now_us), true);
    now_us += 8'000;
    gathering.end(at(now_us), Offset(next));
    return std::chrono::duration_cast<microseconds>(wait).count();
  };
  for (int i = 0; i < 10; ++i) wait_us(false);
  EXPECT_EQ(wait_us(false), 8'000 / SyncGathering::divisor_max);
  for (int i = 0; i < 10; ++i) wait_us(true);
  EXPECT_EQ(wait_us(true), 8'000 / SyncGathering::divisor_min);
}

TEST(SyncGatheringTest, neither_fast_nor_very_slow_disks_are_waited_with_for_long) {
  SyncGathering gathering;
  const auto wait_after = [&gathering](std::int64_t from_us, std::int64_t to_us, std::int64_t end) {
    gathering.arrive(Offset(end));
    gathering.arrive(Offset(end));
    gathering.begin(at(from_us), false);
    gathering.end(at(to_us), Offset(end));
    return gathering.until() - at(to_us);
  };
  EXPECT_EQ(wait_after(0, 100, 1), runtime::Duration(0));
  EXPECT_EQ(wait_after(1'000, 2'001'000, 2), SyncGathering::wait_max);
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
