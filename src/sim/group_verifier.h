// GroupVerifier: asks for the groups of a run while all other clients wait: what is committed after
// a restart, and that groups which nobody is in any more become empty.
#pragma once

#include "sim/group_client.h"

namespace gregor::sim {

/// Thread: the clients' shard. Outlives its tasks.
class GroupVerifier {
 public:
  explicit GroupVerifier(Fleet& fleet) : fleet_(fleet), numbers_(fleet.split("group verifier")) {}

  /// Before the others begin: makes __consumer_offsets. @return false if it could not be made
  runtime::Task<bool> prepare();
  /// All committed offsets are those that may be there. [G2, G3]
  /// @return false if a group can't be asked in time
  runtime::Task<bool> check_offsets();
  /// So long after the last sign of life of any member its group is empty.
  [[nodiscard]] runtime::Duration farewell() const;
  /// No group has members. [G7] @return false if a group can't be asked in time
  runtime::Task<bool> check_empty();

 private:
  enum class Question { is_there, offsets, members };
  runtime::Task<bool> ask_all(Question question);
  runtime::Task<bool> ask(const GroupPlan& plan, Question question,
                          ClientConnection::Pointer connection);

  Fleet& fleet_;
  runtime::simulated::Prng numbers_;
};

}  // namespace gregor::sim
