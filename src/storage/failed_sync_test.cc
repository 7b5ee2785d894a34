// A sync that failed, a start of the process alone, and then a power loss.
#include "storage/failed_sync.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "storage/file_names.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::Offset;
using test::make_batch;
using test::sim::CrashKind;
using test::sim::FileOperation;

std::shared_ptr<config::TopicConfig> flushing_config() {
  auto config = std::make_shared<config::TopicConfig>();
  config->flush_messages = 1;
  return config;
}

TEST(FailedSyncTest, what_is_acknowledged_behind_it_by_the_next_process_survives_a_power_loss) {
  const auto config = flushing_config();
  int kept = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    test::SimulatedHost host({.seed = seed});
    ASSERT_TRUE(host.open(config).has_value());
    ASSERT_TRUE(host.append(make_batch({.value_bytes = 2000})).has_value());
    host.disk().fail_nth(FileOperation::sync_data, 1, EIO);
    ASSERT_FALSE(host.append(make_batch({.value_bytes = 3000})).has_value());
    host.crash(CrashKind::kill);
    ASSERT_TRUE(host.open(config).has_value());
    const Offset end = host.log().log_end();
    kept += end == Offset(2) ? 1 : 0;
    ASSERT_TRUE(host.append(make_batch({.value_bytes = 2000})).has_value());
    host.crash(CrashKind::power);
    ASSERT_TRUE(host.open(config).has_value());
    ASSERT_EQ(host.log().log_end(), end + 1) << seed;
  }
  EXPECT_EQ(kept, 60);  // the page cache still had it
}

TEST(FailedSyncTest, is_remembered_until_a_stop_in_order) {
  const auto config = flushing_config();
  test::SimulatedHost host;
  const std::string note = std::string("/data/") + std::string(names::sync_failed);
  ASSERT_TRUE(host.open(config).has_value());
  ASSERT_TRUE(host.append(make_batch()).has_value());
  ASSERT_FALSE(test::exists(host.files(), note));
  host.disk().fail_nth(FileOperation::sync_data, 1, EIO);
  ASSERT_FALSE(host.append(make_batch()).has_value());
  EXPECT_TRUE(test::exists(host.files(), note));
  host.crash(CrashKind::kill);
  ASSERT_TRUE(host.open(config).has_value());
  EXPECT_TRUE(test::exists(host.files(), note));
  host.stop();
  EXPECT_FALSE(test::exists(host.files(), note));
}

TEST(FailedSyncTest, a_recovery_that_cannot_sync_either_does_not_serve) {
  const auto config = flushing_config();
  test::SimulatedHost host;
  ASSERT_TRUE(host.open(config).has_value());
  ASSERT_TRUE(host.append(make_batch()).has_value());
  host.disk().fail_nth(FileOperation::sync_data, 1, EIO);
  ASSERT_FALSE(host.append(make_batch()).has_value());
  host.crash(CrashKind::kill);
  host.disk().fail_nth(FileOperation::sync_data, 1, EIO);
  EXPECT_FALSE(host.open(config).has_value());
  host.restart();
  EXPECT_TRUE(host.open(config).has_value());
}

}  // namespace
}  // namespace gregor::storage
