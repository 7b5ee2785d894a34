#include "storage/cleaner/segment_groups.h"

#include <limits>

namespace gregor::storage {

std::vector<std::size_t> group_segments(std::span<const GroupedSegment> segments,
                                        const GroupLimits& limits) {
  std::vector<std::size_t> groups;
  GroupedSegment sum;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const GroupedSegment& next = segments[i];
    const model::Offset end = i + 1 == segments.size() ? limits.end : segments[i + 1].base;
    const bool fits = !groups.empty() && sum.size_bytes + next.size_bytes <= limits.log_bytes_max &&
                      sum.offset_index_bytes + next.offset_index_bytes <= limits.index_bytes_max &&
                      sum.time_index_bytes + next.time_index_bytes <= limits.index_bytes_max &&
                      end - 1 - sum.base <= std::numeric_limits<std::int32_t>::max();
    if (!fits) {
      groups.push_back(1);
      sum = next;
      continue;
    }
    ++groups.back();
    sum.size_bytes += next.size_bytes;
    sum.offset_index_bytes += next.offset_index_bytes;
    sum.time_index_bytes += next.time_index_bytes;
  }
  return groups;
}

}  // namespace gregor::storage
