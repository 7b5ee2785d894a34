// What the logs of one shard have done, for metrics.
#pragma once

#include <cstdint>

#include "base/duration_histogram.h"

namespace gregor::storage {

/// Plain numbers, added to on the data path. Thread: the shard that owns the logs.
struct LogCounters {
  std::uint64_t appended_batches = 0;
  std::uint64_t appended_bytes = 0;
  std::uint64_t failed_appends = 0;  ///< batches that could not be written (full or broken disk)
  std::uint64_t writes = 0;          ///< calls that wrote them; each may take several batches
  std::uint64_t failed_flushes = 0;
  DurationHistogram flushes;  ///< waiting for the I/O pool included
};

}  // namespace gregor::storage
