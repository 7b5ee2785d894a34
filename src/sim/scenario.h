// Scenario: one seed from the first boot to the last check.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/broker_host.h"
#include "sim/fleet.h"
#include "sim/settings.h"
#include "sim/violations.h"

namespace gregor::sim {

/// What one run was and what it found.
struct RunReport {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;  ///< of the trace: the same for the same seed, whatever the build
  Violations violations;
  DiskCounts disk;
  ClientCounts clients;
  std::uint64_t acked = 0;  ///< records
  std::uint64_t read = 0;
  std::uint64_t lost_acked = 0;  ///< records that a power loss took where it may
  std::uint64_t steps = 0;
  std::uint64_t checks = 0;  ///< full reads
  double virtual_seconds = 0;
  std::string settings;
};

/// Gets one line per step of the scenario, and per event of the world if is_event is set.
struct TraceSink {
  UniqueFunction<void(std::string_view)> write;
  bool has_events = false;
};

/// Runs one seed. Thread: one; several processes may run seeds side by side, several threads may
/// not (planted bugs and log settings belong to the process).
[[nodiscard]] RunReport run_scenario(const Settings& settings, TraceSink sink = {});

}  // namespace gregor::sim
