// The producer state of a log that is being opened: from the newest good snapshot and the headers
// of the batches behind it. After a clean stop there are none behind it and nothing else is read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/file_system.h"
#include "storage/producer_state.h"

namespace gregor::storage {

/// A segment whose batches are sound, as far as it is known.
struct ReplayedSegment {
  model::Offset base;
  std::uint64_t size_bytes = 0;
};

struct ReplayRequest {
  std::string directory;
  std::vector<ReplayedSegment> segments;  ///< in order
  model::Offset log_start;
  model::Offset log_end;
  /// From this segment on a crash may have left anything: snapshots behind its base and transaction
  /// indexes are made anew. segments.size() = none.
  std::size_t distrusted_from = 0;
};

struct ReplayedProducers {
  std::vector<ProducerEntry> entries;
  std::vector<EndedTransaction> ended;
  std::vector<std::uint32_t> aborted_counts;  ///< entries of the .txnindex of each segment
  model::Offset last_snapshot;                ///< the newest there is; log start if there is none
  std::vector<std::string> unsynced_files;    ///< written here, not synced
  bool entries_changed = false;               ///< files were made or removed: sync the folder
};

/// Leaves the snapshots that Kafka would: one per segment base, and the newest; damaged ones, and
/// those that lie outside of the log, are removed. Doing it twice changes nothing.
///
/// Thread: the I/O pool, or before the shards start.
/// @errors kafka_storage_error. Damage is not an error: what can't be read teaches nothing.
[[nodiscard]] Result<ReplayedProducers> replay_producers(runtime::FileSystem& files,
                                                         const ReplayRequest& request);

}  // namespace gregor::storage
