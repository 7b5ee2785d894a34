// Runs many seeds, one after the other, and says what came of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/scenario.h"
#include "storage/planted_bug.h"

namespace gregor::sim {

struct RunnerOptions {
  std::uint64_t first_seed = 1;
  std::uint64_t last_seed = 1;
  storage::PlantedBug bug = storage::PlantedBug::none;
  bool expects_violation = false;  ///< good is a run that finds one; ends at the first
  bool is_verbose = false;         ///< each step of each run
  bool has_events = false;         ///< each event of each run
  bool has_hashes = false;         ///< a line with the trace hash per seed
  bool has_log = false;            ///< the broker's log lines
  std::uint64_t repeated = 20;     ///< the first ones run twice and must give the same trace
};

/// @return nothing if there is no bug of this name
[[nodiscard]] std::optional<storage::PlantedBug> find_bug(std::string_view name);
[[nodiscard]] std::string_view bug_name(storage::PlantedBug bug);

/// The seed under way; 0 if none. Thread: any, also in a signal handler.
[[nodiscard]] std::uint64_t current_seed();

/// Prints as it goes. @return the exit code of the program: 0 if all is as it should be
int run_seeds(const RunnerOptions& options);

}  // namespace gregor::sim
