// A roll at the recovery point: the next recovery begins at the new segment, so the indexes of the
// old one, which an earlier recovery may have written anew, have to be on the disk by then.
#include <gtest/gtest.h>

#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::Offset;
using model::TimestampMs;
using test::sim::CrashKind;

TEST(RollRecoveryTest, indexes_below_the_recovery_point_survive_a_roll_and_a_power_loss) {
  constexpr std::int64_t late = 9'000;
  auto small = std::make_shared<config::TopicConfig>();
  small->segment_bytes = 500;
  const std::shared_ptr<const config::TopicConfig> config = small;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    test::SimulatedHost host({.seed = seed});
    ASSERT_TRUE(host.open(config).has_value());
    ASSERT_TRUE(host.append(test::make_batch({.timestamp = late})).has_value());
    host.stop();
    // A recovery that finds nothing behind the recovery point.
    ASSERT_TRUE(host.open(config).has_value());
    host.crash(CrashKind::kill);
    ASSERT_TRUE(host.open(config).has_value());
    // The next batch does not fit behind the first one.
    ASSERT_TRUE(
        host.append(test::make_batch({.timestamp = 1'000, .value_bytes = 400})).has_value());
    ASSERT_EQ(host.log().segment_count(), 2U);
    host.crash(CrashKind::power);
    ASSERT_TRUE(host.open(config).has_value());
    const auto found =
        host.wait(host.log().offset_for_time(TimestampMs(late), host.log().log_end()));
    ASSERT_TRUE(found.has_value()) << found.error().detail;
    EXPECT_EQ(found->offset, Offset(0)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace gregor::storage
