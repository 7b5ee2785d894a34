// Mailbox, timers, I/O pool, signals and the life of the runtime.
#include <signal.h>

#include <atomic>
#include <future>
#include <thread>

#include "runtime/real/io_pool.h"
#include "runtime/real/test_support.h"

namespace gregor::runtime::real {
namespace {

class ShardTest : public RuntimeTest {};

TEST_F(ShardTest, knows_its_id_its_count_and_its_peers) {
  EXPECT_EQ(runtime_.shard_count(), 2U);
  EXPECT_EQ(shard(1).id(), ShardId(1));
  EXPECT_EQ(shard(1).count(), 2U);
  EXPECT_EQ(&shard(1).peer(ShardId(0)), &shard(0));
}

TEST_F(ShardTest, messages_of_each_sender_keep_their_order) {
  constexpr int messages = 5000;
  std::vector<int> last(2, -1);  // touched on shard 1 only
  std::promise<void> all;
  int received = 0;
  auto send = [&](std::size_t sender) {
    for (int i = 0; i < messages; ++i) {
      shard(1).post([&, sender, i] {
        EXPECT_EQ(last[sender] + 1, i);
        last[sender] = i;
        if (++received == 2 * messages) all.set_value();
      });
    }
  };
  std::thread other([&] { send(1); });
  send(0);
  other.join();
  all.get_future().get();
  EXPECT_EQ(last, (std::vector<int>{messages - 1, messages - 1}));
}

TEST_F(ShardTest, a_post_to_oneself_does_not_run_inline) {
  std::promise<bool> inline_seen;
  shard(0).post([&] {
    auto ran = std::make_shared<bool>(false);
    shard(0).post([ran] { *ran = true; });
    const bool seen = *ran;
    shard(0).post([&, ran, seen] { inline_seen.set_value(seen || !*ran); });
  });
  EXPECT_FALSE(inline_seen.get_future().get());
}

// Posts itself again until it is told to stop.
struct Restless {
  Shard& shard;
  std::shared_ptr<bool> is_stopped;
  void operator()() const {
    if (!*is_stopped) shard.post(Restless{shard, is_stopped});
  }
};

TEST_F(ShardTest, messages_that_post_messages_keep_neither_timers_nor_others_waiting) {
  const auto is_stopped = std::make_shared<bool>(false);
  std::promise<void> rung;
  std::promise<void> told;
  shard(0).post([&] {
    Restless{shard(0), is_stopped}();
    shard(0).start_timer(shard(0).clock().now() + 5ms, [&] { rung.set_value(); });
  });
  auto rings = rung.get_future();
  const bool has_rung = rings.wait_for(10s) == std::future_status::ready;
  shard(0).post([&] {
    *is_stopped = true;
    told.set_value();
  });
  auto tells = told.get_future();
  EXPECT_TRUE(tells.wait_for(10s) == std::future_status::ready);
  EXPECT_TRUE(has_rung);
}

TEST_F(ShardTest, timers_fire_in_the_order_of_their_deadlines) {
  std::vector<int> fired;
  std::promise<void> end;
  shard(0).post([&] {
    const Instant now = shard(0).clock().now();
    shard(0).start_timer(now + 30ms, [&] { end.set_value(); });
    shard(0).start_timer(now + 20ms, [&] { fired.push_back(3); });
    shard(0).start_timer(now + 10ms, [&] { fired.push_back(1); });
    shard(0).start_timer(now + 10ms, [&] { fired.push_back(2); });
    shard(0).start_timer(now - 1s, [&] { fired.push_back(0); });
    const TimerId gone = shard(0).start_timer(now + 5ms, [&] { fired.push_back(-1); });
    shard(0).cancel_timer(gone);
    shard(0).cancel_timer(gone);
    shard(0).cancel_timer(0);
  });
  end.get_future().get();
  EXPECT_EQ(fired, (std::vector<int>{0, 1, 2, 3}));
}

TEST_F(ShardTest, a_timer_is_not_early_and_a_later_one_is_moved_forward) {
  std::promise<Duration> late;
  shard(0).post([&] {
    const Instant now = shard(0).clock().now();
    shard(0).start_timer(now + 60s, [] { ADD_FAILURE(); });
    shard(0).start_timer(now + 15ms, [&, now] { late.set_value(shard(0).clock().now() - now); });
  });
  const Duration took = late.get_future().get();
  EXPECT_GE(took, 15ms);
  EXPECT_LT(took, 10s);
}

TEST_F(ShardTest, wall_clock_and_random_are_plausible) {
  EXPECT_GT(runtime_.clock().wall_ms(), 1'700'000'000'000);
  std::promise<bool> differ;
  shard(0).post([&] {
    Random& random = shard(0).random();
    differ.set_value(random.next() != random.next());
  });
  EXPECT_TRUE(differ.get_future().get());
}

constexpr auto very_patient = std::chrono::hours(1);

TEST(IoPoolTest, jobs_that_hang_do_not_keep_others_from_running) {
  IoPool pool(2, 20ms);
  pool.start();
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  for (int i = 0; i < 7; ++i) pool.submit([released] { released.wait(); });
  std::promise<void> ran;
  pool.submit([&ran] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(60s), std::future_status::ready);
  release.set_value();
  pool.stop();
}

TEST(IoPoolTest, one_thread_takes_jobs_in_order_and_stop_finishes_them) {
  IoPool pool(1, very_patient);
  std::vector<int> done;
  for (int i = 0; i < 100; ++i) pool.submit([&done, i] { done.push_back(i); });
  pool.start();
  pool.stop();
  ASSERT_EQ(done.size(), 100U);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
}

TEST(IoPoolTest, runs_as_many_jobs_at_once_as_it_has_threads) {
  IoPool pool(3, very_patient);
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  for (int i = 0; i < 30; ++i) {
    pool.submit([&] {
      const int now = ++running;
      int seen = most;
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::sleep_for(2ms);
      --running;
    });
  }
  pool.start();
  pool.stop();
  EXPECT_GT(most, 1);
  EXPECT_LE(most, 3);
}

TEST(RuntimeLifeTest, sees_each_signal) {
  RealRuntime runtime({.shard_count = 1, .io_threads = 1});
  std::promise<int> first;
  std::promise<int> second;
  int seen = 0;
  const auto taken =
      runtime.on_signal([&](int number) { (++seen == 1 ? first : second).set_value(number); });
  ASSERT_TRUE(taken.has_value()) << taken.error().detail;
  runtime.start();
  ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
  EXPECT_EQ(first.get_future().get(), SIGTERM);
  ASSERT_EQ(::kill(::getpid(), SIGINT), 0);
  EXPECT_EQ(second.get_future().get(), SIGINT);
}

TEST(RuntimeLifeTest, stops_without_having_started_and_twice) {
  RealRuntime idle({.shard_count = 2, .io_threads = 1});
  idle.stop();
  RealRuntime used({.shard_count = 2, .io_threads = 1});
  used.start();
  used.stop();
  used.stop();
}

TEST(RuntimeLifeTest, what_is_queued_at_the_end_is_destroyed) {
  auto owned = std::make_shared<int>(1);
  {
    RealRuntime runtime({.shard_count = 1, .io_threads = 1});
    runtime.shard(ShardId(0)).post([owned] { FAIL(); });
    runtime.shard(ShardId(0)).start_timer(Instant(), [owned] { FAIL(); });
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(RuntimeLifeTest, raises_the_descriptor_limit_to_the_hard_one) {
  const auto limit = raise_descriptor_limit();
  ASSERT_TRUE(limit.has_value());
  EXPECT_GE(*limit, 1024U);
  EXPECT_EQ(::sysconf(_SC_OPEN_MAX), static_cast<long>(*limit));
}

}  // namespace
}  // namespace gregor::runtime::real
