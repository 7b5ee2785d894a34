// SegmentTail: all that must be known of a segment to append to it, as a value. Appending plans on
// a copy and keeps it once the write has succeeded; recovery runs it over the batches that it
// finds.
#pragma once

#include <cstdint>
#include <optional>

#include "model/ids.h"
#include "storage/index_file.h"

namespace gregor::storage {

/// A batch as the tail sees it.
struct BatchSummary {
  model::Offset last_offset;
  model::TimestampMs max_timestamp{-1};
  std::uint64_t size_bytes = 0;
};

/// Thread: any, a value.
/// Invariant: the time index never has an entry whose timestamp is not above the one before.
/// Source: Kafka's rules of index entries, docs/formats/log_segment.md.
struct SegmentTail {
  model::Offset base;
  model::Offset next_offset;                     ///< one above the last record; base if empty
  std::uint64_t size_bytes = 0;                  ///< of the .log
  std::uint64_t unindexed_bytes = 0;             ///< appended since the last index entry
  model::TimestampMs first_batch_timestamp{-1};  ///< max timestamp of the first batch; for rolling
  TimeEntry max_timestamp;                       ///< largest so far, last offset of its batch
  model::TimestampMs last_time_entry{-1};        ///< timestamp of the last entry in the time index
  std::uint32_t offset_entries = 0;
  std::uint32_t time_entries = 0;

  static SegmentTail empty(model::Offset base);

  struct Entries {
    std::optional<OffsetEntry> offset;
    std::optional<TimeEntry> time;
  };
  /// nullptr, or why a batch of these offsets can't follow. Holes are fine: compaction makes them,
  /// and lost bytes can't, since what lies behind those would not begin with a batch.
  [[nodiscard]] const char* misplaced(model::Offset first, model::Offset last) const;
  /// Adds a batch at the end, one that is not misplaced. @return the index entries that it makes
  Entries add(const BatchSummary& batch, std::int64_t index_interval_bytes);
  /// The time index's last entry, due when the segment stops growing or the log is closed.
  std::optional<TimeEntry> close();
};

}  // namespace gregor::storage
