// The files of one segment: making them, opening them, finding the end of an open segment, and
// building its indexes anew from its batches.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/file_system.h"
#include "storage/batch_scan.h"
#include "storage/index_file.h"
#include "storage/leader_epoch_cache.h"
#include "storage/segment_tail.h"

namespace gregor::storage {

struct SegmentFiles {
  std::shared_ptr<runtime::File> log;
  std::shared_ptr<runtime::File> offset_index;
  std::shared_ptr<runtime::File> time_index;

  [[nodiscard]] bool is_open() const { return log != nullptr; }
};

/// Where a segment lives.
struct SegmentPlace {
  std::string directory;
  model::Offset base;

  [[nodiscard]] std::string log_path() const;
  [[nodiscard]] std::string offset_index_path() const;
  [[nodiscard]] std::string time_index_path() const;
  [[nodiscard]] std::string transaction_index_path() const;
};

// Thread of all below: the I/O pool, or before the shards start; one caller per segment.

/// Makes the files of a new, empty segment; what lies there under these names goes first. The
/// entries are on disk only after the directory was synced.
[[nodiscard]] Result<SegmentFiles> create_segment_files(runtime::FileSystem& files,
                                                        const SegmentPlace& place);

/// Max timestamp of the first batch; -1 if there is none.
[[nodiscard]] Result<model::TimestampMs> first_batch_timestamp(const runtime::File& log,
                                                               std::uint64_t log_bytes);

/// An open segment of which only the last part was looked at.
struct OpenedSegment {
  SegmentFiles files;
  std::uint32_t offset_entries = 0;
  std::uint32_t time_entries = 0;
  TimeEntry last_time;  ///< -1 if the time index is empty
};

/// Opens a segment that no longer grows. Indexes that are missing, or can't be right at a glance
/// (their last entries), are built anew.
[[nodiscard]] Result<OpenedSegment> open_segment(runtime::FileSystem& files,
                                                 const SegmentPlace& place, std::uint64_t log_bytes,
                                                 std::int64_t index_interval_bytes);

/// An open segment that is ready for appending.
struct SegmentEnd {
  SegmentFiles files;
  SegmentTail tail;
  bool is_whole = true;  ///< false: bytes behind the last whole batch were found
};

/// Opens the last segment and walks its headers from its last index entry on; if that leads not to
/// the end of the file, is_whole is false and the caller recovers it. Nothing is changed but for
/// indexes that are missing or wrong.
[[nodiscard]] Result<SegmentEnd> open_last_segment(runtime::FileSystem& files,
                                                   const SegmentPlace& place,
                                                   std::int64_t index_interval_bytes);

struct RecoveryRules {
  model::Offset recovery_point;  ///< records below were synced, with their index entries
  std::int64_t index_interval_bytes = 4096;
};

struct RecoveredSegment {
  SegmentFiles files;
  SegmentTail tail;
  std::uint64_t checked_from = 0;
  bool has_gaps = false;        ///< there are holes between the offsets of what was walked
  std::uint64_t cut_bytes = 0;  ///< of the torn tail
  std::string cut_reason;
};

/// Walks the batches from the recovery point on (all of them if the index can't be trusted), checks
/// size, magic, CRC and order, cuts the file behind the last good batch, builds the indexes of what
/// was walked anew, and notes leader epochs that the cache does not know. Doing it twice changes
/// nothing.
/// @errors kafka_storage_error; unsupported_for_message_format: whole batches of an old format
[[nodiscard]] Result<RecoveredSegment> recover_segment(runtime::FileSystem& files,
                                                       const SegmentPlace& place,
                                                       const RecoveryRules& rules,
                                                       LeaderEpochCache& epochs);

}  // namespace gregor::storage
