// Reads __consumer_offsets: a run of its log at a time, taken apart off the shard's loop.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/result.h"
#include "group/coordinator_record.h"
#include "model/end_marker.h"
#include "model/ids.h"
#include "runtime/shard.h"
#include "storage/partition_log.h"

namespace gregor::broker {

/// A record, or the marker that ends a producer's transaction.
struct LoadedItem {
  model::Offset at;
  model::ProducerId transaction{-1};  ///< of a record: the producer whose transaction it is part of
  std::variant<group::CoordinatorRecord, model::EndMarker> content;
};

/// What a run of the log holds.
struct LoadedRun {
  std::vector<LoadedItem> items;
  model::Offset next;  ///< where the next run begins; not moved: there is nothing more
};

/// @param end  nothing at or behind it is read
/// @param bytes_max  of the log; one whole batch at least
/// @errors those of PartitionLog::read; corrupt_message: a record that can't be read
runtime::Task<Result<LoadedRun>> read_run(runtime::Shard& shard, storage::PartitionLog& log,
                                          model::OffsetRange range, std::uint64_t bytes_max);

}  // namespace gregor::broker
