// Replacing a small file: whatever ends it, the old text or the new one is there, whole.
#include <gtest/gtest.h>

#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using test::sim::CrashKind;

TEST(SmallFileTest, after_a_power_loss_the_old_text_or_the_new_one_is_there) {
  const std::string path = "/data/some-checkpoint";
  const std::string old_text(700, 'o');
  const std::string new_text(1500, 'n');
  int kept = 0;
  int replaced = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    for (std::uint64_t step = 1; step <= 8; ++step) {
      test::SimulatedHost host({.seed = seed});
      ASSERT_TRUE(host.node().file_system().create_directory("/data").has_value());
      ASSERT_TRUE(replace_small_file(host.node().file_system(), path, old_text).has_value());
      host.disk().sync_all();
      host.node().crash_after_file_operations(step, CrashKind::power);
      const bool done = replace_small_file(host.node().file_system(), path, new_text).has_value();
      host.crash(CrashKind::power);
      const auto found = read_small_file(host.files(), path);
      ASSERT_TRUE(found.has_value() && found->has_value()) << seed << " " << step;
      const bool is_new = **found == new_text;
      ASSERT_TRUE(is_new || (**found == old_text && !done)) << seed << " " << step;
      (is_new ? replaced : kept) += 1;
    }
  }
  EXPECT_GT(kept, 20);
  EXPECT_GT(replaced, 20);
}

}  // namespace
}  // namespace gregor::storage
