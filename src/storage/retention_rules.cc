#include "storage/retention_rules.h"

#include "base/assert.h"

namespace gregor::storage {

std::string_view deletion_reason_name(DeletionReason reason) {
  switch (reason) {
    case DeletionReason::log_start:
      return "log_start";
    case DeletionReason::size:
      return "size";
    case DeletionReason::time:
      return "time";
  }
  GREGOR_ASSERT(false);
}

bool may_be_deleted(const SegmentSpan& segment, model::Offset high_watermark) {
  GREGOR_ASSERT(segment.base <= segment.end);
  if (segment.is_active && segment.size_bytes == 0) return false;
  return high_watermark >= segment.end;
}

std::size_t count_below(std::span<const SegmentSpan> segments, model::Offset log_start,
                        model::Offset high_watermark) {
  std::size_t count = 0;
  while (count < segments.size() && !segments[count].is_active &&
         segments[count].end <= log_start && may_be_deleted(segments[count], high_watermark)) {
    ++count;
  }
  return count;
}

std::size_t count_beyond_size(std::span<const SegmentSpan> segments, std::int64_t retention_bytes,
                              model::Offset high_watermark) {
  if (retention_bytes < 0) return 0;
  std::uint64_t total = 0;
  for (const auto& segment : segments) total += segment.size_bytes;
  const auto kept = static_cast<std::uint64_t>(retention_bytes);
  std::size_t count = 0;
  while (count < segments.size() && total >= kept && total - kept >= segments[count].size_bytes &&
         may_be_deleted(segments[count], high_watermark)) {
    total -= segments[count].size_bytes;
    ++count;
  }
  return count;
}

bool is_too_old(std::int64_t largest_ms, std::int64_t now_ms, std::int64_t retention_ms) {
  if (retention_ms < 0 || largest_ms > now_ms) return false;
  // A timestamp may be anything that fits: no difference that overflows.
  return largest_ms < now_ms - retention_ms;
}

}  // namespace gregor::storage
