// Which segments of a log become one, so that small ones don't pile up as they lose records.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/ids.h"

namespace gregor::storage {

struct GroupedSegment {
  model::Offset base;
  std::uint64_t size_bytes = 0;
  std::uint64_t offset_index_bytes = 0;
  std::uint64_t time_index_bytes = 0;
};

struct GroupLimits {
  std::uint64_t log_bytes_max = 0;    ///< segment.bytes
  std::uint64_t index_bytes_max = 0;  ///< segment.index.bytes
  model::Offset end;                  ///< where the last segment ends
};

/// Groups of neighbours, as sizes of runs: none is larger than a segment may be, with each of its
/// indexes, and its offsets fit into 31 bits. Each has at least one segment. Thread: any.
[[nodiscard]] std::vector<std::size_t> group_segments(std::span<const GroupedSegment> segments,
                                                      const GroupLimits& limits);

}  // namespace gregor::storage
