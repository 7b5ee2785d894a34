// What the logs of one shard have done, for metrics.
#pragma once

#include <array>
#include <cstdint>

#include "base/duration_histogram.h"
#include "storage/retention_rules.h"

namespace gregor::storage {

/// Plain numbers, added to on the data path. Thread: the shard that owns the logs.
struct LogCounters {
  std::uint64_t appended_batches = 0;
  std::uint64_t appended_bytes = 0;
  std::uint64_t failed_appends = 0;  ///< batches that could not be written (full or broken disk)
  std::uint64_t writes = 0;          ///< calls that wrote them; each may take several batches
  std::uint64_t failed_flushes = 0;
  DurationHistogram flushes;  ///< waiting for the I/O pool included
  std::array<std::uint64_t, deletion_reason_count> deleted_segments{};  ///< by DeletionReason
  std::uint64_t deleted_bytes = 0;                                      ///< of those segments
};

}  // namespace gregor::storage
