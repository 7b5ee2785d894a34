// Random histories of groups against a naive book of what must hold, and planted bugs that they
// must find.
#include <gtest/gtest.h>

#include "group/planted_bug.h"
#include "group/test_history.h"

namespace gregor::group {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t histories = 10'000;
#else
constexpr std::uint64_t histories = 100'000;
#endif
constexpr int steps = 80;

// What happened in the history of a seed, for people.
std::string trace_of(std::uint64_t seed) {
  RandomHistory again(seed, true);
  again.play(steps);
  return again.trace();
}

TEST(GroupHistories, HoldWhatTheyPromise) {
  std::uint64_t generations = 0;
  std::uint64_t handed_out = 0;
  for (std::uint64_t seed = 1; seed <= histories; ++seed) {
    RandomHistory history(seed);
    history.play(steps);
    ASSERT_EQ(history.fault(), "") << "seed " << seed << "\n" << trace_of(seed);
    generations += static_cast<std::uint64_t>(history.generations());
    handed_out += history.handed_out();
  }
  // They must not be histories in which nothing happens.
  EXPECT_GT(generations, 3 * histories);
  EXPECT_GT(handed_out, histories);
}

struct PlantedCase {
  PlantedBug bug;
  std::vector<std::string> found_as;  // any of these is the right reason
};

TEST(GroupHistories, FindPlantedBugs) {
  const std::vector<PlantedCase> cases{
      {PlantedBug::keep_generation, {"not a new generation"}},
      {PlantedBug::accept_old_sync, {"in an old generation"}},
      {PlantedBug::answer_unstored, {"assigned before it was stored"}},
      {PlantedBug::keep_old_assignment, {"not assigned what was stored", "has two owners"}},
      {PlantedBug::keep_absent, {"has not joined this generation"}},
      {PlantedBug::forget_deadline, {"is silent and still a member"}},
      {PlantedBug::expire_waiting, {"was forgotten"}},
      {PlantedBug::lose_answer, {"was forgotten", "waits for its assignment", "has no answer"}},
      {PlantedBug::no_sync_timeout, {"waits for its assignment"}},
      {PlantedBug::forget_member, {"has joined and is no member"}},
  };
  for (const PlantedCase& planted : cases) {
    plant_bug(planted.bug);
    std::string fault;
    std::uint64_t seed = 0;
    while (fault.empty() && seed < 2000) {
      RandomHistory history(++seed);
      history.play(steps);
      fault = history.fault();
    }
    plant_bug(PlantedBug::none);
    const bool is_right = std::any_of(
        planted.found_as.begin(), planted.found_as.end(),
        [&fault](const std::string& text) { return fault.find(text) != std::string::npos; });
    EXPECT_TRUE(is_right) << "bug " << static_cast<int>(planted.bug) << ", after " << seed
                          << " histories: " << fault;
  }
}

}  // namespace
}  // namespace gregor::group
