// Runs many seeds, one after the other, and says what came of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "group/planted_bug.h"
#include "sim/scenario.h"
#include "storage/planted_bug.h"

namespace gregor::sim {

/// A defect of one module or of none.
struct Bug {
  std::string_view name;
  storage::PlantedBug of_storage = storage::PlantedBug::none;
  group::PlantedBug of_groups = group::PlantedBug::none;
  [[nodiscard]] bool is_none() const {
    return of_storage == storage::PlantedBug::none && of_groups == group::PlantedBug::none;
  }
  /// Switches it on in this process, and every other one off.
  void plant() const {
    storage::plant_bug(of_storage);
    group::plant_bug(of_groups);
  }
};

struct RunnerOptions {
  std::uint64_t first_seed = 1;
  std::uint64_t last_seed = 1;
  Bug bug;
  bool expects_violation = false;  ///< good is a run that finds one; ends at the first
  bool is_verbose = false;         ///< each step of each run
  bool has_events = false;         ///< each event of each run
  bool has_hashes = false;         ///< a line with the trace hash per seed
  bool has_log = false;            ///< the broker's log lines
  std::uint64_t repeated = 20;     ///< the first ones run twice and must give the same trace
};

/// @return nothing if there is no bug of this name
[[nodiscard]] std::optional<Bug> find_bug(std::string_view name);

/// The seed under way; 0 if none. Thread: any, also in a signal handler.
[[nodiscard]] std::uint64_t current_seed();

/// Prints as it goes. @return the exit code of the program: 0 if all is as it should be
int run_seeds(const RunnerOptions& options);

}  // namespace gregor::sim
