// Which segments of a log are no longer to be kept: Kafka's three rules, as functions of what is
// known of the segments. No I/O; partition_log_retention.cc asks them and removes the segments.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model/ids.h"

namespace gregor::storage {

/// Why segments go, in the order in which the rules are asked.
enum class DeletionReason : std::uint8_t { log_start, size, time };
inline constexpr std::size_t deletion_reason_count = 3;
[[nodiscard]] std::string_view deletion_reason_name(DeletionReason reason);

/// A segment as the rules see it.
struct SegmentSpan {
  model::Offset base;
  model::Offset end;  ///< base of the next segment, or the end of the log
  std::uint64_t size_bytes = 0;
  bool is_active = false;
};

/// Whether a segment may go at all: nothing at or above the high watermark does, so that the log
/// start never passes it, and an empty active segment would be replaced by one like it.
[[nodiscard]] bool may_be_deleted(const SegmentSpan& segment, model::Offset high_watermark);

// The numbers of segments, from the oldest on, that a rule lets go. `segments` is a whole log.

/// All of their records lie below the log start. Also for logs that are only compacted.
[[nodiscard]] std::size_t count_below(std::span<const SegmentSpan> segments,
                                      model::Offset log_start, model::Offset high_watermark);
/// At least `retention_bytes` stay; negative = no limit.
[[nodiscard]] std::size_t count_beyond_size(std::span<const SegmentSpan> segments,
                                            std::int64_t retention_bytes,
                                            model::Offset high_watermark);

/// @param largest_ms    the largest timestamp of a segment, or the time of its file's last change
/// if
///                      its records have none
/// @param retention_ms  negative = no limit
/// One that lies in the future is not too old, and keeps the segments behind it as well.
[[nodiscard]] bool is_too_old(std::int64_t largest_ms, std::int64_t now_ms,
                              std::int64_t retention_ms);

}  // namespace gregor::storage
