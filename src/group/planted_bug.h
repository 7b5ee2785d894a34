// Planted bugs: defects that a test switches on to show that the random histories
// or the simulator find them. As in
// storage/planted_bug.h: with the switch at `none`, which only a test changes, no branch is taken.
#pragma once

#include <cstdint>

namespace gregor::group {

enum class PlantedBug : std::uint8_t {
  none,
  keep_generation,      ///< a rebalance ends without a new generation
  accept_old_sync,      ///< SyncGroup of an old generation gets an assignment
  answer_unstored,      ///< assignments are handed out before they are stored
  keep_old_assignment,  ///< a member that the leader left out keeps what it had
  keep_absent,          ///< members that did not come back stay
  forget_deadline,      ///< a heartbeat's new deadline is not looked at
  expire_waiting,       ///< who waits for an answer is taken for dead
  lose_answer,          ///< a SyncGroup is forgotten when a rebalance begins
  no_sync_timeout,      ///< nobody looks for members that do not send SyncGroup
  forget_member,        ///< a member that changes its protocols is dropped
  accept_old_commit,    ///< a commit of an old generation is taken
  accept_fenced,        ///< a commit of a static member's old process is taken
  forget_at_load,       ///< the last member of a group that is loaded is left out
  commit_unwritten,     ///< the broker's: a commit is acknowledged before it is written
};

namespace detail {
inline PlantedBug planted_bug = PlantedBug::none;
}

/// Sets the defect of this process. Only for tests, before anything runs.
inline void plant_bug(PlantedBug bug) { detail::planted_bug = bug; }

/// True if this defect was asked for.
[[nodiscard]] inline bool is_planted(PlantedBug bug) {
  return __builtin_expect(detail::planted_bug == bug, 0);
}

}  // namespace gregor::group
