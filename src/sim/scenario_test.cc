// A handful of seeds, and each planted bug; gregor_sim runs the many.
#include "sim/scenario.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "sim/seed_runner.h"

namespace gregor::sim {
namespace {

RunReport run(std::uint64_t seed) {
  log::configure(log::Level::off, log::Format::text);
  return run_scenario(Settings::draw(seed));
}

TEST(Scenario, SeedsPassAndDoSomething) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const RunReport report = run(seed);
    for (const Violation& violation : report.violations.first()) {
      ADD_FAILURE() << "seed " << seed << ": " << violation.invariant << ": " << violation.text;
    }
    EXPECT_GT(report.acked + report.read, 0U) << "seed " << seed;
    EXPECT_GT(report.disk.kills + report.disk.power_losses + report.disk.clean_stops, 1U)
        << "seed " << seed;
    EXPECT_GE(report.checks, 2U) << "seed " << seed;
    EXPECT_LE(report.virtual_seconds, 20) << "seed " << seed;
  }
}

TEST(Scenario, SameSeedSameTrace) {
  for (std::uint64_t seed = 21; seed <= 24; ++seed)
    EXPECT_EQ(run(seed).hash, run(seed).hash) << "seed " << seed;
  EXPECT_NE(run(21).hash, run(22).hash);
}

TEST(Scenario, VerboseRunIsTheSameRun) {
  TraceSink sink;
  std::size_t lines = 0;
  sink.write = [&lines](std::string_view) { ++lines; };
  sink.has_events = true;
  const RunReport told = run_scenario(Settings::draw(5), std::move(sink));
  EXPECT_GT(lines, 1000U);
  EXPECT_EQ(told.hash, run(5).hash);
}

class PlantedBugTest : public testing::TestWithParam<std::string_view> {};

TEST_P(PlantedBugTest, IsFound) {
  const auto bug = find_bug(GetParam());
  ASSERT_TRUE(bug);
  bug->plant();
  bool is_found = false;
  for (std::uint64_t seed = 1; seed <= 20 && !is_found; ++seed)
    is_found = !run(seed).violations.empty();
  Bug().plant();
  EXPECT_TRUE(is_found);
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBugTest,
                         testing::Values("acknowledge_before_write", "skip_tail_cut",
                                         "wrong_base_offset", "skip_directory_sync",
                                         "skip_producer_replay", "lose_fetch_notice",
                                         "commit_unwritten", "keep_generation", "forget_at_load",
                                         "accept_old_commit"),
                         [](const auto& bug) { return std::string(bug.param); });

}  // namespace
}  // namespace gregor::sim
