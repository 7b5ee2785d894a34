#include "storage/segment_read.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

struct Damage {
  Spot spot;
  Error error;
};

/// Why a batch can't lie behind one that ends at `next`; nullopt if it can.
std::optional<Error> misplaced(const SegmentView& segment, const BatchHeader& header,
                               model::Offset next) {
  if (header.base_offset >= next && header.last_offset < segment.end) return std::nullopt;
  return Error{ErrorCode::corrupt_message,
               fmt::format("offsets {} to {}, where only those from {} to below {} can be",
                           header.base_offset.value(), header.last_offset.value(), next.value(),
                           segment.end.value())};
}

/// Why the offsets of a batch are too large, if what follows it begins within or below them.
std::optional<Error> denied(const BatchHeader& header,
                            const Result<std::optional<PlacedBatch>>& follower) {
  if (!follower || !*follower || (*follower)->header.base_offset >= header.next_offset()) {
    return std::nullopt;
  }
  return Error{
      ErrorCode::corrupt_message,
      fmt::format("offsets {} to {}, but the next batch begins at {}", header.base_offset.value(),
                  header.last_offset.value(), (*follower)->header.base_offset.value())};
}

/// The first index entry of a batch at or behind `position`.
Result<std::optional<OffsetEntry>> entry_from(const SegmentView& segment, std::uint64_t position) {
  std::uint32_t low = 0;
  std::uint32_t high = segment.offset_index.count;
  std::optional<OffsetEntry> found;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    const auto entry = segment.offset_index.entry(middle);
    if (!entry) return fail(entry.error());
    if (entry->position < position) {
      low = middle + 1;
    } else {
      high = middle;
      found = *entry;
    }
  }
  return found;
}

/// Looks through headers for the first batch whose last offset is at or behind a target. Passes
/// over misplaced batches: one that lies behind a hole counts as such if its follower denies it.
class Scan {
 public:
  Scan(const SegmentView& segment, std::uint64_t position, model::Offset target)
      : segment_(segment),
        target_(target),
        scanner_(std::in_place, *segment.log, position, segment.size_bytes),
        last_(position),
        next_(segment.offset_index.base),
        is_next_known_(position == 0) {}

  /// Goes to the batch, or to the end. Behind bytes that are no batch it goes on where the index
  /// knows the next one.
  /// @errors kafka_storage_error
  Result<void> run();

  std::optional<model::Offset> began;  ///< last offset of the first batch, if one lies there
  std::optional<PlacedBatch> batch;
  std::optional<Damage> damage;  ///< the first that lies before the batch, or before the end

 private:
  [[nodiscard]] model::Offset expected() const { return is_next_known_ ? next_ : target_; }
  void note(std::uint64_t position, Error error) {
    if (!damage) damage = Damage{{position, expected()}, std::move(error)};
  }
  /// @return true if the search is over
  bool look_at(const PlacedBatch& found);
  /// @return false if the index knows no batch behind the last one
  Result<bool> leap();

  const SegmentView& segment_;
  const model::Offset target_;
  std::optional<BatchScanner> scanner_;
  std::uint64_t last_;  // where the last batch was, or should be
  model::Offset next_;  // behind the last batch that was passed
  bool is_next_known_;
  std::optional<PlacedBatch> doubtful_;  // the batch, unless its follower denies it
};

Result<void> Scan::run() {
  for (;;) {
    const std::uint64_t position = scanner_->position();
    auto found = scanner_->next(Check::header);
    if (!found && found.error().code == ErrorCode::kafka_storage_error) {
      return fail(std::move(found.error()));
    }
    if (doubtful_) {
      auto error = denied(doubtful_->header, found);
      if (!error) {
        batch = doubtful_;
        return {};
      }
      note(doubtful_->position, std::move(*error));
      doubtful_.reset();
    }
    if (!found) {
      note(position, std::move(found.error()));
      const auto leapt = leap();
      if (!leapt) return fail(leapt.error());
      if (!*leapt) return {};
      continue;
    }
    if (!*found || look_at(**found)) return {};
    last_ = position;
  }
}

/// The length of the batch before may be what is wrong: so from there on, but never back.
Result<bool> Scan::leap() {
  const auto entry = entry_from(segment_, last_ + 1);
  if (!entry) return fail(entry.error());
  const bool is_ahead =
      *entry && (*entry)->position > last_ && (*entry)->position < segment_.size_bytes;
  if (!is_ahead) return false;
  last_ = (*entry)->position;
  scanner_.emplace(*segment_.log, last_, segment_.size_bytes);
  return true;
}

bool Scan::look_at(const PlacedBatch& found) {
  if (!began) began = found.header.last_offset;
  if (auto error = misplaced(segment_, found.header, next_)) {
    note(found.position, std::move(*error));
    return false;
  }
  if (found.header.last_offset < target_) {
    next_ = found.header.next_offset();
    is_next_known_ = true;
    return false;
  }
  const bool is_behind_hole = found.header.base_offset > expected();
  (is_behind_hole ? doubtful_ : batch) = found;
  return !is_behind_hole;
}

/// Scans from the place that the index names, or from `floor` if it names none behind that, or if
/// the index and the batch there don't agree: then batches would be left out.
Result<Scan> scan_by_index(const SegmentView& segment, std::uint64_t floor, model::Offset target) {
  const auto entry = find_offset(segment.offset_index, target);
  if (!entry) return fail(entry.error());
  if (*entry && (*entry)->position > floor && (*entry)->position < segment.size_bytes) {
    Scan scan(segment, (*entry)->position, target);
    if (auto ended = scan.run(); !ended) return fail(std::move(ended.error()));
    if (scan.began && *scan.began <= (*entry)->offset) return scan;
  }
  Scan scan(segment, floor, target);
  if (auto ended = scan.run(); !ended) return fail(std::move(ended.error()));
  return scan;
}

Result<std::optional<PlacedBatch>> find_batch(const SegmentView& segment, model::Offset target) {
  auto scan = scan_by_index(segment, 0, target);
  if (!scan) return fail(std::move(scan.error()));
  // A batch that has the target itself is the right one whatever lies before it.
  const bool is_hit = scan->batch && scan->batch->header.base_offset <= target;
  if (scan->damage && !is_hit) {
    return damaged(segment, scan->damage->spot, std::move(scan->damage->error));
  }
  return scan->batch;
}

/// Where the batches that end before `end` end; not below `start`, where a sound header lies.
Result<std::uint64_t> end_position(const SegmentView& segment, std::uint64_t start,
                                   std::optional<model::Offset> end) {
  if (!end) return segment.size_bytes;
  const auto scan = scan_by_index(segment, start, *end);
  if (!scan) return fail(scan.error());
  if (scan->damage) return scan->damage->spot.position;
  return scan->batch ? scan->batch->position : segment.size_bytes;
}

/// Ends the slice before the damage. @return the damage if nothing is left
Result<void> cut_slice(const SegmentView& segment, FoundSlice& slice, Damage damage) {
  auto named = damaged(segment, damage.spot, std::move(damage.error));
  const std::uint64_t position = damage.spot.position;
  if (position == slice.first.position || named.value().code == ErrorCode::kafka_storage_error) {
    return named;
  }
  slice.size = position - slice.first.position;
  slice.checked_end = position;
  slice.damage = std::move(named.value());
  return {};
}

/// Checks batches from the first one of the slice until its end is passed, and behind a hole one
/// header more.
Result<void> verify(const SegmentView& segment, FoundSlice& slice) {
  const std::uint64_t end = slice.first.position + slice.size;
  BatchScanner scanner(*segment.log, slice.first.position, segment.size_bytes,
                       BatchScanner::window_bytes_large);
  model::Offset next = slice.first.header.base_offset;
  std::optional<Spot> hole;  // before the last batch
  BatchHeader last;
  while (scanner.position() < end || hole) {
    const Spot spot{scanner.position(), next};
    const bool is_inside = spot.position < end;
    auto batch = scanner.next(is_inside ? Check::header_and_crc : Check::header);
    if (hole) {
      if (auto error = denied(last, batch)) return cut_slice(segment, slice, {*hole, *error});
    }
    if (!is_inside) break;
    GREGOR_ASSERT(!batch || *batch);
    auto error = batch ? misplaced(segment, (*batch)->header, next)
                       : std::optional<Error>(std::move(batch.error()));
    if (error) return cut_slice(segment, slice, {spot, std::move(*error)});
    last = (*batch)->header;
    hole = last.base_offset > next ? std::optional(spot) : std::nullopt;
    next = last.next_offset();
    slice.checked_end = scanner.position();
  }
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
    const auto entry = entry_from(segment, start + slice.size);
    if (!entry) return fail(entry.error());
    if (*entry) slice.end_offset = (*entry)->offset;
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
  const auto first = find_batch(segment, from);
  if (!first) return fail(first.error());
  if (!*first) return std::nullopt;
  const model::Offset end = std::min(query.end, segment.end);
  BatchScanner scanner(*segment.log, (*first)->position, segment.size_bytes);
  model::Offset next = segment.offset_index.base;
  for (;;) {
    const Spot spot{scanner.position(), std::max(next, from)};
    auto batch = scanner.next(Check::header);
    if (!batch) return damaged(segment, spot, std::move(batch.error()));
    if (!*batch || (*batch)->header.base_offset >= end) return std::nullopt;
    const auto& header = (*batch)->header;
    if (auto error = misplaced(segment, header, next)) {
      return damaged(segment, spot, std::move(*error));
    }
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
    if ((*found)->offset >= end) return std::nullopt;
    return answer(**found, header);
  }
}

Result<std::optional<TimestampOffset>> find_max_time(const SegmentView& segment,
                                                     const TimeEntry& max) {
  const auto first = find_batch(segment, max.offset);
  if (!first) return fail(first.error());
  if (!*first) return std::nullopt;
  BatchScanner scanner(*segment.log, (*first)->position, segment.size_bytes);
  model::Offset next = max.offset;
  for (;;) {
    auto batch = scanner.next(Check::header);
    if (!batch) return damaged(segment, {scanner.position(), next}, std::move(batch.error()));
    if (!*batch) return std::nullopt;
    const model::Offset before = std::exchange(next, (*batch)->header.next_offset());
    if ((*batch)->header.indexed_timestamp() != max.timestamp) continue;
    if (auto error = misplaced(segment, (*batch)->header, segment.offset_index.base)) {
      return damaged(segment, {(*batch)->position, before}, std::move(*error));
    }
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
