// TimerQueue against a naive model, and its corner cases.
#include "runtime/real/timer_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace gregor::runtime::real {
namespace {

Instant at(std::int64_t ns) { return Instant(Duration(ns)); }

TEST(TimerQueueTest, agrees_with_an_ordered_map) {
  TimerQueue queue;
  std::map<std::pair<std::int64_t, int>, TimerId> model;
  std::vector<int> fired;
  std::mt19937 random(7);
  int started = 0;
  std::int64_t now = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto choice = random() % 10;
    if (choice < 5) {
      const std::int64_t deadline = now + static_cast<std::int64_t>(random() % 1000);
      const int key = started++;
      model[{deadline, key}] = queue.start(at(deadline), [&fired, key] { fired.push_back(key); });
    } else if (choice < 9 && !model.empty()) {
      const auto chosen = std::next(model.begin(), static_cast<long>(random() % model.size()));
      queue.cancel(chosen->second);
      queue.cancel(chosen->second);
      model.erase(chosen);
    } else {
      now += static_cast<std::int64_t>(random() % 50);
      std::vector<int> expected;
      while (!model.empty() && model.begin()->first.first <= now) {
        expected.push_back(model.begin()->first.second);
        model.erase(model.begin());
      }
      fired.clear();
      queue.run_due(at(now));
      ASSERT_EQ(fired, expected);
    }
    ASSERT_EQ(queue.size(), model.size());
    const auto next = queue.next();
    ASSERT_EQ(next.has_value(), !model.empty());
    if (next) {
      ASSERT_EQ(*next, at(model.begin()->first.first));
    }
  }
}

TEST(TimerQueueTest, an_id_is_not_used_twice) {
  TimerQueue queue;
  bool fired = false;
  const TimerId first = queue.start(at(1), [] { FAIL(); });
  queue.cancel(first);
  const TimerId second = queue.start(at(1), [&] { fired = true; });
  EXPECT_NE(first, second);
  queue.cancel(first);
  queue.run_due(at(1));
  EXPECT_TRUE(fired);
  queue.cancel(second);
}

TEST(TimerQueueTest, callbacks_may_cancel_and_start) {
  TimerQueue queue;
  int fired = 0;
  TimerId other = 0;
  queue.start(at(1), [&] {
    queue.cancel(other);
    queue.start(at(0), [&] { ++fired; });  // due already, but for the next round
  });
  other = queue.start(at(2), [] { FAIL(); });
  queue.run_due(at(5));
  EXPECT_EQ(fired, 0);
  queue.run_due(at(5));
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(queue.next(), std::nullopt);
}

TEST(TimerQueueTest, cancelling_frees_what_the_callback_owns) {
  TimerQueue queue;
  auto owned = std::make_shared<int>(1);
  const TimerId timer = queue.start(at(1), [owned] {});
  EXPECT_EQ(owned.use_count(), 2);
  queue.cancel(timer);
  EXPECT_EQ(owned.use_count(), 1);
}

}  // namespace
}  // namespace gregor::runtime::real
