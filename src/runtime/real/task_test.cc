// Task, TaskGroup, OneShot, call_on and offload, on real shards.
#include <thread>

#include "runtime/real/test_support.h"

namespace gregor::runtime::real {
namespace {

class TaskTest : public RuntimeTest {};

Task<int> number(int value) { co_return value; }

Task<void> sum_many(int count, long* sum) {
  for (int i = 0; i < count; ++i) {
    const int value = co_await number(1);
    *sum += value;
  }
}

TEST_F(TaskTest, gives_its_value_to_the_one_that_awaits_it) {
  long sum = 0;
  run([&] { return sum_many(3, &sum); });
  EXPECT_EQ(sum, 3);
}

TEST_F(TaskTest, a_million_tasks_that_end_at_once_do_not_grow_the_stack) {
  long sum = 0;
  run([&] { return sum_many(1'000'000, &sum); });
  EXPECT_EQ(sum, 1'000'000);
}

Task<int> depth_of(Shard& shard, int depth) {
  if (depth == 0) {
    const Instant soon = shard.clock().now() + 1ms;
    co_await sleep_until(shard, soon);
    co_return 0;
  }
  const int below = co_await depth_of(shard, depth - 1);
  co_return below + 1;
}

Task<void> store_depth(Shard& shard, int depth, int* out) {
  *out = co_await depth_of(shard, depth);
}

TEST_F(TaskTest, a_chain_of_waiting_tasks_resumes_from_the_inside_out) {
  int depth = 0;
  run([&] { return store_depth(shard(0), 100, &depth); });
  EXPECT_EQ(depth, 100);
}

Task<void> mark(bool* ran) {
  *ran = true;
  co_return;
}

TEST_F(TaskTest, a_task_that_nobody_awaits_never_runs) {
  bool ran = false;
  { const Task<void> dropped = mark(&ran); }
  EXPECT_FALSE(ran);
}

Task<void> sleep_and_count(Shard& shard, Duration time, int* count) {
  const Instant deadline = shard.clock().now() + time;
  co_await sleep_until(shard, deadline);
  ++*count;
}

Task<void> spawn_and_join(Shard& shard, int* count, std::size_t* running) {
  TaskGroup group;
  for (int i = 0; i < 10; ++i) group.spawn(sleep_and_count(shard, i * 1ms, count));
  *running = group.running();
  co_await group.join();
  EXPECT_EQ(group.running(), 0U);
  co_await group.join();  // an empty group is joined at once
}

TEST_F(TaskTest, a_group_is_joined_when_all_its_tasks_have_ended) {
  int count = 0;
  std::size_t running = 0;
  run([&] { return spawn_and_join(shard(0), &count, &running); });
  EXPECT_EQ(count, 10);
  EXPECT_EQ(running, 10U);
}

struct Flag {
  bool* destroyed;
  ~Flag() { *destroyed = true; }
};

Task<void> hold_for_ever(Shard& shard, std::unique_ptr<Flag> flag) {
  OneShot never(shard);
  co_await never.wait();
  flag.reset();
}

TEST(TaskGroupTest, tasks_that_never_ended_are_destroyed_after_the_loop_stopped) {
  bool destroyed = false;
  {
    RealRuntime runtime({.shard_count = 1, .io_threads = 1});
    Shard& shard = runtime.shard(ShardId(0));
    runtime.start();
    auto spawn = [&]() -> Task<void> {
      shard.message_tasks().spawn(hold_for_ever(shard, std::make_unique<Flag>(Flag{&destroyed})));
      return mark(&destroyed);
    };
    runtime.run([&] { return spawn(); });
    destroyed = false;
    runtime.stop();
    EXPECT_FALSE(destroyed);
  }
  EXPECT_TRUE(destroyed);
}

Task<void> wait_until(OneShot& signal, Instant deadline, bool* set) {
  *set = co_await signal.wait_until(deadline);
}

Task<void> set_while_waited_for(Shard& shard, bool* set, bool* inside_set) {
  OneShot signal(shard);
  TaskGroup group;
  const Instant deadline = shard.clock().now() + 60s;
  group.spawn(wait_until(signal, deadline, set));
  signal.set();
  *inside_set = *set;
  signal.set();
  co_await group.join();
  const bool again = co_await signal.wait_until(deadline);
  EXPECT_TRUE(again);
}

TEST_F(TaskTest, one_shot_wakes_its_waiter_through_the_mailbox) {
  bool set = false;
  bool inside_set = true;
  run([&] { return set_while_waited_for(shard(0), &set, &inside_set); });
  EXPECT_TRUE(set);
  EXPECT_FALSE(inside_set);
}

Task<void> time_out(Shard& shard, Duration* waited) {
  OneShot signal(shard);
  const Instant start = shard.clock().now();
  const bool set = co_await signal.wait_until(start + 20ms);
  EXPECT_FALSE(set);
  *waited = shard.clock().now() - start;
}

TEST_F(TaskTest, one_shot_gives_up_at_its_deadline) {
  Duration waited{};
  run([&] { return time_out(shard(0), &waited); });
  EXPECT_GE(waited, 20ms);
}

Task<std::thread::id> thread_of() { co_return std::this_thread::get_id(); }

struct Places {
  std::thread::id before, there, after, same;
};

Task<void> visit(Shard& from, Places* places) {
  places->before = std::this_thread::get_id();
  auto where = [] { return thread_of(); };
  places->there = co_await call_on(from, ShardId(1), where);
  places->after = std::this_thread::get_id();
  places->same = co_await call_on(from, ShardId(0), where);
}

TEST_F(TaskTest, call_on_runs_there_and_comes_back) {
  Places places;
  run([&] { return visit(shard(0), &places); });
  EXPECT_EQ(places.before, places.after);
  EXPECT_EQ(places.before, places.same);
  EXPECT_NE(places.before, places.there);
  EXPECT_NE(places.before, std::this_thread::get_id());
}

Task<int> bounce(Shard& shard, int value) {
  const Instant soon = shard.clock().now() + 1us;
  co_await sleep_until(shard, soon);
  co_return value * 2;
}

Task<void> call_once(Shard& from, int value, long* sum) {
  Shard& other = from.peer(ShardId(1));
  auto call = [&other, value] { return bounce(other, value); };
  *sum += co_await call_on(from, ShardId(1), call);
}

Task<void> call_often(Shard& from, long* sum) {
  TaskGroup group;
  for (int i = 0; i < 1000; ++i) group.spawn(call_once(from, i, sum));
  co_await group.join();
}

TEST_F(TaskTest, a_thousand_calls_at_once_all_come_back) {
  long sum = 0;
  run([&] { return call_often(shard(0), &sum); });
  EXPECT_EQ(sum, 999'000);
}

Task<void> offload_once(Shard& shard, Places* places, std::string* text) {
  places->before = std::this_thread::get_id();
  auto work = [places] {
    places->there = std::this_thread::get_id();
    return std::string("done");
  };
  *text = co_await offload(shard, work);
  places->after = std::this_thread::get_id();
}

TEST_F(TaskTest, offload_runs_on_another_thread_and_comes_back) {
  Places places;
  std::string text;
  run([&] { return offload_once(shard(0), &places, &text); });
  EXPECT_EQ(text, "done");
  EXPECT_EQ(places.before, places.after);
  EXPECT_NE(places.before, places.there);
}

Task<void> block_in_pool(Shard& shard, int* done) {
  auto work = [] {
    std::this_thread::sleep_for(50ms);
    return true;
  };
  const bool result = co_await offload(shard, work);
  *done += result ? 1 : 0;
}

Task<void> block_while_ticking(Shard& shard, int* done, int* ticks) {
  TaskGroup group;
  group.spawn(block_in_pool(shard, done));
  while (group.running() > 0) {
    const Instant soon = shard.clock().now() + 1ms;
    co_await sleep_until(shard, soon);
    ++*ticks;
  }
}

TEST_F(TaskTest, a_blocked_job_does_not_stop_the_shard) {
  int done = 0;
  int ticks = 0;
  run([&] { return block_while_ticking(shard(0), &done, &ticks); });
  EXPECT_EQ(done, 1);
  EXPECT_GE(ticks, 5);
}

}  // namespace
}  // namespace gregor::runtime::real
