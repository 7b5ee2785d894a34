#include "storage/segment_tail.h"

#include "base/assert.h"

namespace gregor::storage {

SegmentTail SegmentTail::empty(model::Offset base) {
  SegmentTail tail;
  tail.base = base;
  tail.next_offset = base;
  tail.max_timestamp.offset = base;
  return tail;
}

const char* SegmentTail::misplaced(model::Offset first, model::Offset last) const {
  if (first < next_offset) return "offsets go backwards";
  if (last - base > std::int64_t{segment_bytes_limit}) {
    return "an offset too far from the segment's base";
  }
  return nullptr;
}

SegmentTail::Entries SegmentTail::add(const BatchSummary& batch,
                                      std::int64_t index_interval_bytes) {
  GREGOR_ASSERT(misplaced(batch.last_offset, batch.last_offset) == nullptr);
  Entries entries;
  if (size_bytes == 0) first_batch_timestamp = batch.max_timestamp;
  if (batch.max_timestamp > max_timestamp.timestamp) {
    max_timestamp = {batch.max_timestamp, batch.last_offset};
  }
  if (static_cast<std::int64_t>(unindexed_bytes) > index_interval_bytes) {
    entries.offset = OffsetEntry{batch.last_offset, static_cast<std::uint32_t>(size_bytes)};
    ++offset_entries;
    entries.time = close();
    unindexed_bytes = 0;
  }
  unindexed_bytes += batch.size_bytes;
  size_bytes += batch.size_bytes;
  next_offset = batch.last_offset + 1;
  return entries;
}

std::optional<TimeEntry> SegmentTail::close() {
  if (max_timestamp.timestamp <= last_time_entry) return std::nullopt;
  last_time_entry = max_timestamp.timestamp;
  ++time_entries;
  return max_timestamp;
}

}  // namespace gregor::storage
