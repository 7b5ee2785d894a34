// Simulated shards: mailbox order, call_on, OneShot, timers, offload.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "runtime/shard.h"
#include "runtime/simulated/test_support.h"

namespace gregor::runtime::simulated {
namespace {

class ShardTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  ShardTest() : world_(WorldOptions::swarm(GetParam())), node_(world_.add_node("a")) {
    node_.boot(3);
  }
  World world_;
  Node& node_;
};

TEST_P(ShardTest, MessagesOfOneSenderStayInOrder) {
  std::vector<int> seen;
  Shard& to = node_.shard(2);
  for (const std::uint32_t from : {0U, 1U}) {
    node_.shard(from).post([&seen, &to, from] {
      for (int i = 0; i < 50; ++i)
        to.post([&seen, from, i] { seen.push_back(static_cast<int>(from) * 100 + i); });
    });
  }
  world_.run_for(1s);
  ASSERT_EQ(seen.size(), 100U);
  int next[2] = {0, 100};
  for (const int value : seen) EXPECT_EQ(value, next[value / 100]++);
}

TEST_P(ShardTest, NothingRunsInline) {
  bool ran = false;
  node_.shard(0).post([&] {
    node_.shard(0).post([&] { ran = true; });
    EXPECT_FALSE(ran);
  });
  world_.run_for(1s);
  EXPECT_TRUE(ran);
}

Task<int> where(Shard* shard, int value) {
  const Instant deadline = shard->clock().now() + 1ms;
  co_await sleep_until(*shard, deadline);
  co_return value * 10 + static_cast<int>(shard->id().value());
}

Task<int> ask_all(Shard* shard) {
  int sum = 0;
  for (std::uint32_t id = 0; id < shard->count(); ++id) {
    Shard* peer = &shard->peer(ShardId(id));
    auto ask = [peer, id] { return where(peer, static_cast<int>(id) + 1); };
    sum = sum * 100 + co_await call_on(*shard, ShardId(id), std::move(ask));
  }
  co_return sum;
}

TEST_P(ShardTest, CallOnGoesThereAndBack) {
  EXPECT_EQ(world_.run_task(node_.shard(1), ask_all(&node_.shard(1))), 102132);
}

Task<std::string> offloaded(Shard* shard) {
  const Instant before = shard->clock().now();
  auto work = [] { return std::string("done"); };
  auto text = co_await offload(*shard, std::move(work));
  EXPECT_GE(shard->clock().now() - before, 10us);
  co_return text;
}

TEST_P(ShardTest, OffloadTakesTime) {
  EXPECT_EQ(world_.run_task(node_.shard(0), offloaded(&node_.shard(0))), "done");
}

Task<bool> wait_for(OneShot* signal, Instant deadline) {
  co_return co_await signal->wait_until(deadline);
}

TEST_P(ShardTest, OneShotIsSetOrRunsIntoItsDeadline) {
  Shard& shard = node_.shard(0);
  const Instant start = world_.now();
  OneShot never(shard);
  EXPECT_EQ(world_.run_task(shard, wait_for(&never, start + 3s)), false);
  EXPECT_EQ(world_.now(), start + 3s);
  OneShot soon(shard);
  shard.start_timer(start + 4s, [&] {
    soon.set();
    soon.set();
  });
  EXPECT_EQ(world_.run_task(shard, wait_for(&soon, start + 9s)), true);
  EXPECT_LT(world_.now(), start + 5s);
  EXPECT_EQ(world_.run_task(shard, wait_for(&soon, start + 9s)), true);
}

TEST_P(ShardTest, TimersInTheOrderOfDeadlinesAndEqualOnesOfTheirStart) {
  Shard& shard = node_.shard(0);
  std::string order;
  const Instant at = world_.now() + 1s;
  shard.start_timer(at + 1ms, [&] { order += 'z'; });
  for (char name = 'a'; name <= 'f'; ++name)
    shard.start_timer(at, [&order, name] { order += name; });
  const TimerId cancelled = shard.start_timer(at, [&] { order += 'x'; });
  EXPECT_NE(cancelled, 0U);
  shard.cancel_timer(cancelled);
  shard.cancel_timer(cancelled);
  shard.cancel_timer(0);
  world_.run_for(2s);
  EXPECT_EQ(order, "abcdefz");
}

Task<void> sleep_for(Shard* shard, Duration duration) {
  const Instant deadline = shard->clock().now() + duration;
  co_await sleep_until(*shard, deadline);
}

TEST_P(ShardTest, RunTaskGivesUpAtItsLimit) {
  Shard& shard = node_.shard(0);
  EXPECT_TRUE(world_.run_task(shard, sleep_for(&shard, 1s), 2s));
  EXPECT_FALSE(world_.run_task(shard, sleep_for(&shard, 3s), 2s));
  EXPECT_EQ(shard.message_tasks().running(), 1U);
  world_.run_for(2s);
  EXPECT_EQ(shard.message_tasks().running(), 0U);
}

TEST_P(ShardTest, RandomIsPerShardAndSeed) {
  EXPECT_NE(node_.shard(0).random().next(), node_.shard(1).random().next());
  World same(WorldOptions::swarm(GetParam()));
  same.add_node("a").boot(3);
  EXPECT_EQ(node_.shard(2).random().next(), same.node(0).shard(2).random().next());
}

INSTANTIATE_TEST_SUITE_P(Seeds, ShardTest, ::testing::Values(1, 2, 3, 4, 5));

TEST(ShardSpeedTest, AMillionTrivialEventsASecond) {
  // Measured and printed; the bound only finds a wrong order of growth, also with sanitizers.
  World world;
  Node& node = world.add_node("a");
  node.boot(2);
  struct Ping {
    Shard& to;
    std::uint64_t left;
    void operator()() const {
      if (left == 0) return;
      Shard& next = to.peer(ShardId(1 - to.id().value()));
      next.start_timer(to.clock().now() + 1us, [ping = Ping{next, left - 1}] { ping(); });
    }
  };
  for (int i = 0; i < 100; ++i) node.shard(0).post(Ping{node.shard(0), 2000});
  const auto start = std::chrono::steady_clock::now();
  world.run_for(1s);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(world.step_count(), 200'000U);
  const double rate = static_cast<double>(world.step_count()) / took.count();
  std::printf("%.2f M events/s\n", rate / 1e6);
  EXPECT_GT(rate, 20'000);
}

}  // namespace
}  // namespace gregor::runtime::simulated
