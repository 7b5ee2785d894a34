// The leader epochs of a log and where each began: what tells a follower from where on it differs.
// Source: KIP-101, KIP-279; docs/formats/checkpoints.md. No I/O: the log writes entries() to
// leader-epoch-checkpoint.
#pragma once

#include <span>
#include <vector>

#include "model/ids.h"
#include "storage/checkpoint_file.h"

namespace gregor::storage {

/// Thread: one at a time.
/// Invariant: epochs and starts both strictly increase.
class LeaderEpochCache {
 public:
  LeaderEpochCache() = default;
  /// Takes entries as they stand in a file: each is assigned, so that a later one wins.
  explicit LeaderEpochCache(std::span<const EpochStart> entries);

  /// Notes that `epoch` begins at `start`; first drops entries with an epoch >= it or a start >=
  /// it. The latest epoch with a start at or above the known one changes nothing.
  /// @return true if anything changed
  bool assign(model::LeaderEpoch epoch, model::Offset start);
  /// The log now ends at `end`: drops entries that start there or later. @return true on a change
  bool truncate_end(model::Offset end);
  /// The log now starts at `start`: the epoch that covers it starts there. @return true on a change
  bool truncate_start(model::Offset start);

  [[nodiscard]] std::span<const EpochStart> entries() const { return entries_; }
  [[nodiscard]] model::LeaderEpoch latest() const;  ///< -1 if none
  [[nodiscard]] model::LeaderEpoch epoch_at(model::Offset offset) const;

  /// Epoch and the end of its records, for a follower that asks for `requested`. -1, -1: unknown.
  /// An epoch below the first one ends where that begins, as in Kafka.
  [[nodiscard]] EpochStart end_of(model::LeaderEpoch requested, model::Offset log_end) const;

 private:
  std::vector<EpochStart> entries_;
};

}  // namespace gregor::storage
