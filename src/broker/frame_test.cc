// The budget of frames: order, release, and what is larger than all of it.
#include "broker/frame.h"

#include <gtest/gtest.h>

#include "runtime/real/real_runtime.h"

namespace gregor::broker {
namespace {

constexpr std::size_t unit = FrameBudget::small_frame_bytes;

runtime::Task<void> take(FrameBudget& budget, std::size_t bytes, std::vector<std::size_t>& admitted,
                         std::vector<FrameBudget::Reservation>& held) {
  auto reservation = co_await budget.reserve(bytes);
  admitted.push_back(bytes);
  held.push_back(std::move(reservation));
}

runtime::Task<void> fill_and_release(runtime::Shard& shard) {
  FrameBudget budget(shard, 10 * unit);
  std::vector<std::size_t> admitted;
  std::vector<FrameBudget::Reservation> held;
  runtime::TaskGroup tasks;
  tasks.spawn(take(budget, 6 * unit, admitted, held));
  tasks.spawn(take(budget, 100, admitted, held));
  EXPECT_EQ(budget.used(), 6 * unit);
  // The next does not fit, and the one behind it must not overtake it.
  tasks.spawn(take(budget, 50 * unit, admitted, held));
  tasks.spawn(take(budget, 2 * unit, admitted, held));
  EXPECT_EQ(admitted, (std::vector<std::size_t>{6 * unit, 100}));
  EXPECT_EQ(budget.waiting(), 2U);
  held.erase(held.begin());
  while (admitted.size() < 3) co_await runtime::sleep_until(shard, shard.clock().now());
  EXPECT_EQ(admitted.back(), 50 * unit);
  EXPECT_EQ(budget.waiting(), 1U);
  held.clear();
  co_await tasks.join();
  EXPECT_EQ(admitted.back(), 2 * unit);
  held.clear();
  EXPECT_EQ(budget.used(), 0U);
}

TEST(FrameBudgetTest, FirstComeFirstServedAndALargeOneAlone) {
  runtime::real::RealRuntime machine({.shard_count = 1, .io_threads = 1});
  machine.start();
  machine.run([&machine] { return fill_and_release(machine.shard(runtime::ShardId(0))); });
  machine.stop();
}

TEST(FrameBufferTest, ADeclaredLengthCostsNoMemoryUntilItIsTouched) {
  const FrameBuffer huge(std::size_t{1} << 30);
  EXPECT_EQ(huge.size(), std::size_t{1} << 30);
}

}  // namespace
}  // namespace gregor::broker
