// Planted bugs: defects that a test switches on to show that the simulator's checkers find them.
//
// Each one is a branch at the place where the real code would be wrong; with the switch at `none`,
// which nothing but a test ever changes, the branches are never taken. A run-time switch and not a
// macro, so that the simulator links the very library that the broker links. None of the branches
// lies on a path that is taken per record.
#pragma once

#include <atomic>
#include <cstdint>

namespace gregor::storage {

enum class PlantedBug : std::uint8_t {
  none,
  acknowledge_before_write,  ///< append() answers at once and writes some time later
  skip_tail_cut,             ///< recovery and failed writes leave torn bytes in the segment
  wrong_base_offset,         ///< the second append of a turn is stored with the first one's offset
  skip_directory_sync,       ///< new segments and folders are not synced into their directory
  keep_failed_sequences,     ///< a failed write does not take back what it taught of producers
  skip_producer_replay,      ///< recovery takes the last snapshot for the end of the log
  lose_fetch_notice,         ///< the broker's: an append does not wake parked fetches
};

namespace detail {
inline std::atomic<PlantedBug> planted_bug{PlantedBug::none};
}

/// Sets the defect of this process. Only for tests. Thread: any, before anything runs.
inline void plant_bug(PlantedBug bug) { detail::planted_bug.store(bug, std::memory_order_relaxed); }

/// True if this defect was asked for. Thread: any.
[[nodiscard]] inline bool is_planted(PlantedBug bug) {
  return __builtin_expect(detail::planted_bug.load(std::memory_order_relaxed) == bug, 0);
}

}  // namespace gregor::storage
