// Finding things in one segment: the slice for a reader, a record by time. Works on snapshots, so
// that it can run in the I/O pool while the segment grows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "storage/batch_scan.h"
#include "storage/index_file.h"
#include "storage/partition_log.h"
#include "storage/verified_ranges.h"

namespace gregor::storage {

/// The written part of an open segment. Thread: any; everything here is immutable or a File.
struct SegmentView {
  std::shared_ptr<const runtime::File> log;
  std::string path;  ///< of the .log, for texts
  std::uint64_t size_bytes = 0;
  model::Offset end;  ///< its offsets lie in [offset_index.base, end): there the next one begins
  OffsetIndexView offset_index;
  TimeIndexView time_index;
};

struct SliceRequest {
  model::Offset from;                ///< in the segment or below it
  std::optional<model::Offset> end;  ///< nullopt: the end of the segment
  std::uint64_t bytes_max = 0;
  bool first_batch_whole = false;
  bool wants_end = false;  ///< look for FoundSlice::end_offset
};

struct FoundSlice {
  bool is_found = false;  ///< false: the segment has no batch at or behind `from`
  PlacedBatch first;
  std::uint64_t size = 0;  ///< 0: the first batch lies at the end or is too large
  /// No record of the slice lies at or behind it; nullopt: not known to be below the end asked for.
  std::optional<model::Offset> end_offset;
  std::uint64_t checked_end = 0;  ///< CRCs and order were checked up to here, from the first on
  std::optional<Error> damage;    ///< that the slice would have held: it ends before that
};

/// Finds the slice and checks what is not in `verified`: CRCs, and that the offsets rise within
/// those of the segment. If damage lies behind whole batches, the slice ends before it; a batch
/// where only damaged ones could be is not found. So a reader goes forward, or gets an error.
/// @errors corrupt_message: damage, with file and position; kafka_storage_error
[[nodiscard]] Result<FoundSlice> find_slice(const SegmentView& segment, const SliceRequest& request,
                                            const VerifiedRanges& verified);

/// Reads a range so that it is resident. Thread: the I/O pool. @errors kafka_storage_error
[[nodiscard]] Result<void> read_in(const runtime::File& file, std::uint64_t position,
                                   std::uint64_t size);

struct TimeQuery {
  model::TimestampMs at_least;
  model::Offset from;  ///< log start
  model::Offset end;   ///< no record at or behind it
};
/// First record, by offset, of the segment that fits. @errors as find_slice, and those of reading
/// records
[[nodiscard]] Result<std::optional<TimestampOffset>> find_by_time(const SegmentView& segment,
                                                                  const TimeQuery& query);

/// First record with the largest timestamp, which a batch that ends at or behind `max.offset`
/// holds.
[[nodiscard]] Result<std::optional<TimestampOffset>> find_max_time(const SegmentView& segment,
                                                                   const TimeEntry& max);

}  // namespace gregor::storage
