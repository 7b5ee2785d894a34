// The world: order and repeatability of events, virtual time, trace, speed.
#include "runtime/simulated/world.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/simulated/test_support.h"

namespace gregor::runtime::simulated {
namespace {

TEST(PrngTest, SplitStreamsDoNotTouchEachOther) {
  const World world(WorldOptions{.seed = 5});
  Prng first = world.split("a");
  Prng again = world.split("a");
  Prng other = world.split("b");
  const std::uint64_t value = first.next();
  EXPECT_EQ(value, again.next());
  EXPECT_NE(value, other.next());
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(first.below(7), 7U);
    EXPECT_FALSE(first.chance(0));
    EXPECT_TRUE(first.chance(1));
  }
}

TEST(PrngTest, IsXoshiro256StarStar) {
  // The state 1, 2, 3, 4 would be the published vector; ours is seeded by splitmix64, so pin its
  // first outputs instead.
  Prng prng(0);
  Prng same(0);
  EXPECT_EQ(prng.next(), 0x99ec5f36cb75f2b4U);
  EXPECT_EQ(prng.next(), 0xbf6e1f784956452aU);
  EXPECT_EQ(same.next(), 0x99ec5f36cb75f2b4U);
}

TEST(EventQueueTest, OrderCancelAndCompaction) {
  EventQueue queue;
  std::string order;
  const auto push = [&](std::int64_t time, std::uint32_t priority, char name) {
    Event event;
    event.action = [&order, name] { order += name; };
    return queue.push(Instant(Duration(time)), priority, std::move(event));
  };
  push(3, 0, 'e');
  push(1, 9, 'b');
  push(1, 2, 'a');
  const EventId cancelled = push(2, 0, 'x');
  push(2, 5, 'c');
  push(2, 5, 'd');
  EXPECT_TRUE(queue.cancel(cancelled));
  EXPECT_FALSE(queue.cancel(cancelled));
  EXPECT_FALSE(queue.cancel(0));
  EXPECT_FALSE(queue.cancel(UINT64_MAX));
  for (int i = 0; i < 5000; ++i) EXPECT_TRUE(queue.cancel(push(1000 + i, 0, 'x')));
  while (queue.next_time()) queue.pop().action();
  EXPECT_EQ(order, "abcde");
  EXPECT_EQ(queue.size(), 0U);
}

// Messages between four shards, timers and offloaded work, with every delay drawn.
std::uint64_t run_busy_world(std::uint64_t seed, std::vector<int>* order = nullptr) {
  WorldOptions options = WorldOptions::swarm(seed);
  World world(options);
  Node& node = world.add_node("a");
  node.boot(4);
  std::vector<int> seen;
  for (std::uint32_t i = 0; i < 100; ++i) {
    Shard& shard = node.shard(i % 4);
    shard.post([&seen, &shard, i] {
      seen.push_back(static_cast<int>(i));
      shard.start_timer(shard.clock().now() + Duration(shard.random().below(1000)),
                        [&seen, i] { seen.push_back(1000 + static_cast<int>(i)); });
      shard.peer(ShardId((i + 1) % 4)).post([&seen, i] {
        seen.push_back(2000 + static_cast<int>(i));
      });
      shard.submit_io([] {}, [&seen, i] { seen.push_back(3000 + static_cast<int>(i)); });
    });
  }
  world.run_for(10s);
  EXPECT_EQ(seen.size(), 400U);
  if (order != nullptr) *order = seen;
  return world.trace_hash();
}

TEST(WorldTest, SameSeedSameTrace) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::vector<int> first;
    std::vector<int> second;
    EXPECT_EQ(run_busy_world(seed, &first), run_busy_world(seed, &second));
    EXPECT_EQ(first, second);
    EXPECT_NE(run_busy_world(seed), run_busy_world(seed + 1));
  }
}

TEST(WorldTest, ReadyEventsRunInAnOrderOfTheSeed) {
  const auto order_of = [](std::uint64_t seed) {
    World world(WorldOptions{.seed = seed});
    std::string order;
    for (char name = 'a'; name <= 'h'; ++name)
      world.at(world.now() + 1s, [&order, name] { order += name; });
    world.run_for(2s);
    EXPECT_EQ(order.size(), 8U);
    return order;
  };
  EXPECT_EQ(order_of(1), order_of(1));
  EXPECT_NE(order_of(1), order_of(2));
}

TEST(WorldTest, TimeIsVirtual) {
  World world;
  Node& node = world.add_node("a");
  node.boot(1);
  const Instant start = world.now();
  EXPECT_EQ(node.shard(0).clock().wall_ms(), 1'700'000'000'000);
  std::vector<Instant> times;
  world.at(start + 24h, [&] { times.push_back(world.now()); });
  world.at(start + 1h, [&] { times.push_back(world.now()); });
  world.at(start - 1h, [&] { times.push_back(world.now()); });  // the past is now
  world.run_until(start + 2h);
  EXPECT_EQ(times, (std::vector<Instant>{start, start + 1h}));
  EXPECT_EQ(world.now(), start + 2h);
  node.set_wall_offset_ms(-5);
  EXPECT_EQ(node.shard(0).clock().wall_ms(), 1'700'000'000'000 + 2 * 3600 * 1000 - 5);
  EXPECT_TRUE(world.run_one());
  EXPECT_FALSE(world.run_one());
  EXPECT_EQ(world.now(), start + 24h);
  EXPECT_EQ(world.step_count(), 3U);
}

TEST(WorldTest, TraceTextCountsInTheHashAndGoesToTheSink) {
  World first;
  World second;
  EXPECT_EQ(first.trace_hash(), second.trace_hash());
  std::string lines;
  second.set_trace_sink([&](std::string_view line) { (lines += line) += '\n'; });
  for (World* world : {&first, &second}) {
    world->add_node("a").boot(1);
    world->node(0).shard(0).post([world] { world->trace("hello"); });
    world->run_for(1ms);
  }
  EXPECT_EQ(first.trace_hash(), second.trace_hash());
  EXPECT_NE(lines.find("message node=0 shard=0"), std::string::npos) << lines;
  EXPECT_NE(lines.find("hello"), std::string::npos) << lines;
  first.trace("x");
  EXPECT_NE(first.trace_hash(), second.trace_hash());
}

TEST(WorldDeathTest, LivelockEndsTheProcess) {
  WorldOptions options;
  options.events_per_instant_max = 1000;
  World world(options);
  Node& node = world.add_node("a");
  node.boot(1);
  struct Loop {
    Shard& shard;
    void operator()() const { shard.post(Loop{shard}); }
  };
  node.shard(0).post(Loop{node.shard(0)});
  EXPECT_DEATH(world.run_for(1s), "events_per_instant_max");
}

}  // namespace
}  // namespace gregor::runtime::simulated
