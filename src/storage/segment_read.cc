#include "storage/segment_read.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "model/batch_search.h"
#include "model/batch_validation.h"
#include "model/record_batch.h"

namespace gregor::storage {
namespace {

using Check = BatchScanner::Check;

/// Where damage was found: the offset is that of the first record that can't be read.
struct Spot {
  std::uint64_t position = 0;
  model::Offset offset;
};

/// Gives an error of a scan its place; passes others on.
tl::unexpected<Error> damaged(const SegmentView& segment, const Spot& spot, Error error) {
  if (error.code == ErrorCode::kafka_storage_error) return fail(std::move(error));
  return fail(ErrorCode::corrupt_message,
              fmt::format("{}: no sound batch at position {}, offset {}: {}", segment.path,
                          spot.position, spot.offset.value(), error.detail));
}

/// The first batch whose last offset is at or behind `target`, looked for from `position` on.
Result<std::optional<PlacedBatch>> scan_to(const SegmentView& segment, std::uint64_t position,
                                           model::Offset target) {
  BatchScanner scanner(*segment.log, position, segment.size_bytes);
  model::Offset next = position == 0 ? segment.offset_index.base : target;
  for (;;) {
    auto batch = scanner.next(Check::header);
    if (!batch) return damaged(segment, {scanner.position(), next}, std::move(batch.error()));
    if (!*batch || (*batch)->header.last_offset >= target) return *batch;
    next = (*batch)->header.next_offset();
  }
}

/// Where a scan for `target` may begin.
Result<std::uint64_t> position_before(const SegmentView& segment, model::Offset target) {
  const auto entry = find_offset(segment.offset_index, target);
  if (!entry) return fail(entry.error());
  if (!*entry) return std::uint64_t{0};
  if ((*entry)->position < segment.size_bytes) return std::uint64_t{(*entry)->position};
  return fail(ErrorCode::corrupt_message,
              fmt::format("the offset index of {} points behind its end", segment.path));
}

Result<std::optional<PlacedBatch>> find_batch(const SegmentView& segment, model::Offset target) {
  const auto position = position_before(segment, target);
  if (!position) return fail(position.error());
  return scan_to(segment, *position, target);
}

/// Where the batches that end before `end` end; not below `start`.
Result<std::uint64_t> end_position(const SegmentView& segment, std::uint64_t start,
                                   std::optional<model::Offset> end) {
  if (!end) return segment.size_bytes;
  const auto position = position_before(segment, *end);
  if (!position) return fail(position.error());
  const auto batch = scan_to(segment, std::max(*position, start), *end);
  if (!batch) return fail(batch.error());
  return *batch ? (*batch)->position : segment.size_bytes;
}

/// The offset of the first index entry of a batch at or behind `position`.
Result<std::optional<model::Offset>> offset_from(const SegmentView& segment,
                                                 std::uint64_t position) {
  std::uint32_t low = 0;
  std::uint32_t high = segment.offset_index.count;
  std::optional<model::Offset> found;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    const auto entry = segment.offset_index.entry(middle);
    if (!entry) return fail(entry.error());
    if (entry->position < position) {
      low = middle + 1;
    } else {
      high = middle;
      found = entry->offset;
    }
  }
  return found;
}

/// Checks batches from the first one of the slice until its end is passed.
Result<void> verify(const SegmentView& segment, FoundSlice& slice) {
  const std::uint64_t end = slice.first.position + slice.size;
  BatchScanner scanner(*segment.log, slice.first.position, segment.size_bytes,
                       BatchScanner::window_bytes_large);
  while (scanner.position() < end) {
    auto batch = scanner.next(Check::header_and_crc);
    if (batch && *batch) continue;
    GREGOR_ASSERT(!batch);
    const bool has_sound_batches = scanner.position() > slice.first.position;
    if (!has_sound_batches || batch.error().code == ErrorCode::kafka_storage_error) {
      return damaged(segment, {scanner.position(), slice.first.header.base_offset},
                     std::move(batch.error()));
    }
    slice.size = scanner.position() - slice.first.position;
    break;
  }
  slice.checked_end = scanner.position();
  return {};
}

/// The records of a batch found by its header; its CRC is checked first.
Result<std::vector<std::byte>> sound_bytes(const SegmentView& segment, BatchScanner& scanner,
                                           const PlacedBatch& placed) {
  const Spot spot{placed.position, placed.header.base_offset};
  auto bytes = scanner.bytes_of(placed);
  if (!bytes) return damaged(segment, spot, std::move(bytes.error()));
  const auto batch = model::check_batch(*bytes);
  if (!batch) return damaged(segment, spot, batch.error());
  return bytes;
}

TimestampOffset answer(const model::FoundRecord& record, const BatchHeader& header) {
  return {record.timestamp, record.offset, header.leader_epoch};
}

}  // namespace

Result<FoundSlice> find_slice(const SegmentView& segment, const SliceRequest& request,
                              const VerifiedRanges& verified) {
  FoundSlice slice;
  const auto first = find_batch(segment, request.from);
  if (!first) return fail(first.error());
  if (!*first) return slice;
  slice.is_found = true;
  slice.first = **first;
  const std::uint64_t start = slice.first.position;
  const auto end = end_position(segment, start, request.end);
  if (!end) return fail(end.error());
  GREGOR_ASSERT(*end >= start);
  const std::uint64_t first_bytes = slice.first.header.size_bytes;
  slice.size = std::min(*end - start, request.bytes_max);
  if (slice.size < first_bytes) {
    const bool may_exceed = request.first_batch_whole && *end > start;
    slice.size = may_exceed ? first_bytes : 0;
  }
  GREGOR_ASSERT(start + slice.size <= segment.size_bytes);
  if (request.wants_end && slice.size < *end - start) {
    auto end_offset = offset_from(segment, start + slice.size);
    if (!end_offset) return fail(std::move(end_offset.error()));
    slice.end_offset = *end_offset;
  }
  slice.checked_end = start;
  if (verified.covers(start, start + slice.size)) return slice;
  if (auto checked = verify(segment, slice); !checked) return fail(std::move(checked.error()));
  return slice;
}

Result<void> read_in(const runtime::File& file, std::uint64_t position, std::uint64_t size) {
  std::vector<std::byte> window(BatchScanner::window_bytes_large);
  const std::uint64_t end = position + size;
  while (position < end) {
    const auto part =
        static_cast<std::size_t>(std::min<std::uint64_t>(window.size(), end - position));
    const auto got = file.read_at(position, ByteSpan(window).first(part));
    if (!got) return fail(got.error());
    if (*got < part) return fail(ErrorCode::kafka_storage_error, "the file is shorter than it was");
    position += part;
  }
  return {};
}

Result<std::optional<TimestampOffset>> find_by_time(const SegmentView& segment,
                                                    const TimeQuery& query) {
  const auto entry = find_time(segment.time_index, query.at_least);
  if (!entry) return fail(entry.error());
  const model::Offset from = *entry ? std::max((*entry)->offset, query.from) : query.from;
  const auto start = position_before(segment, from);
  if (!start) return fail(start.error());
  BatchScanner scanner(*segment.log, *start, segment.size_bytes);
  model::Offset next = from;
  for (;;) {
    auto batch = scanner.next(Check::header);
    if (!batch) return damaged(segment, {scanner.position(), next}, std::move(batch.error()));
    if (!*batch || (*batch)->header.base_offset >= query.end) return std::nullopt;
    const auto& header = (*batch)->header;
    next = header.next_offset();
    if (header.max_timestamp < query.at_least || header.last_offset < query.from) continue;
    const auto bytes = sound_bytes(segment, scanner, **batch);
    if (!bytes) return fail(bytes.error());
    const auto view = model::RecordBatchView::parse(*bytes);
    GREGOR_ASSERT(view.has_value());
    auto found = model::find_timestamp(*view, {.at_least = query.at_least, .from = query.from});
    if (!found) {
      return damaged(segment, {(*batch)->position, (*batch)->header.base_offset},
                     std::move(found.error()));
    }
    if (!*found) continue;
    if ((*found)->offset >= query.end) return std::nullopt;
    return answer(**found, header);
  }
}

Result<std::optional<TimestampOffset>> find_max_time(const SegmentView& segment,
                                                     const TimeEntry& max) {
  const auto start = position_before(segment, max.offset);
  if (!start) return fail(start.error());
  BatchScanner scanner(*segment.log, *start, segment.size_bytes);
  model::Offset next = max.offset;
  for (;;) {
    auto batch = scanner.next(Check::header);
    if (!batch) return damaged(segment, {scanner.position(), next}, std::move(batch.error()));
    if (!*batch) return std::nullopt;
    next = (*batch)->header.next_offset();
    if ((*batch)->header.max_timestamp != max.timestamp) continue;
    const auto bytes = sound_bytes(segment, scanner, **batch);
    if (!bytes) return fail(bytes.error());
    const auto view = model::RecordBatchView::parse(*bytes);
    GREGOR_ASSERT(view.has_value());
    auto found = model::find_max_timestamp(*view);
    if (!found) {
      return damaged(segment, {(*batch)->position, (*batch)->header.base_offset},
                     std::move(found.error()));
    }
    if (!*found) return std::nullopt;
    return answer(**found, (*batch)->header);
  }
}

}  // namespace gregor::storage
