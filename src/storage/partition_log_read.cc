// Reading: slices at the end of the log come from memory alone, all others from the indexes; bytes
// that this process has not seen yet are checked in the I/O pool before they are handed out.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/assert.h"
#include "base/log.h"
#include "storage/partition_log_state.h"

namespace gregor::storage {

using model::Offset;
using model::TimestampMs;
using runtime::Task;

namespace {

// What this process wrote last is in the page cache, unless memory is so short that nothing helps.
constexpr std::uint64_t surely_resident_bytes = std::uint64_t{8} << 20;
// Open segments of one log beside the active one; each has three descriptors.
constexpr std::size_t open_inactive_max = 4;
// How long a lookup waits for others to let files go.
constexpr std::chrono::milliseconds room_pause{5};
constexpr std::chrono::seconds room_wait_max{2};

ReadResult nothing_from(const ReadRequest& request) {
  ReadResult nothing;
  nothing.first = nothing.end = request.from;
  return nothing;
}

}  // namespace

std::size_t PartitionLog::State::segment_of(Offset offset) const {
  const auto above =
      std::upper_bound(segments.begin(), segments.end(), offset,
                       [](Offset o, const Segment& segment) { return o < segment.base; });
  return above == segments.begin() ? 0 : static_cast<std::size_t>(above - segments.begin()) - 1;
}

Offset PartitionLog::State::end_of(std::size_t index) const {
  return index + 1 == segments.size() ? log_end : segments[index + 1].base;
}

SegmentView PartitionLog::State::view_of(std::size_t index) const {
  const Segment& segment = segments[index];
  GREGOR_ASSERT(segment.files.is_open());
  SegmentView view;
  view.log = segment.files.log;
  view.path = place(segment.base).log_path();
  view.size_bytes = segment.size_bytes;
  view.end = end_of(index);
  view.offset_index = {segment.files.offset_index, segment.base, segment.offset_entries};
  view.time_index = {segment.files.time_index, segment.base, segment.time_entries};
  return view;
}

Segment* PartitionLog::State::find_segment(Offset base) {
  Segment& found = segments[segment_of(base)];
  return found.base == base ? &found : nullptr;
}

std::optional<Offset> PartitionLog::State::base_after(Offset base) const {
  const auto above =
      std::upper_bound(segments.begin(), segments.end(), base,
                       [](Offset o, const Segment& segment) { return o < segment.base; });
  if (above == segments.end()) return std::nullopt;
  return above->base;
}

// Segments may be deleted during each co_await: what is kept across one is an offset, not an index.
Task<Result<ReadResult>> PartitionLog::State::read(std::shared_ptr<State> self,
                                                   ReadRequest request) {
  State& s = *self;
  const Operation running(s);
  Offset look_from = request.from;  // there is nothing in the segments before
  for (;;) {
    if (auto refusal = s.read_refusal()) co_return fail(std::move(*refusal));
    if (request.from < s.log_start || request.from > s.log_end) {
      co_return fail(ErrorCode::offset_out_of_range,
                     fmt::format("offset {} of {} is not within [{}, {}]", request.from.value(),
                                 s.partition_name_, s.log_start.value(), s.log_end.value()));
    }
    if (request.from >= request.end || request.from == s.log_end) {
      co_return nothing_from(request);
    }
    if (auto hot = s.read_hot(request)) co_return std::move(*hot);
    if (!s.is_end_open_) {
      auto opening = s.open_end();
      auto opened = co_await std::move(opening);
      if (!opened) co_return fail(std::move(opened.error()));
      continue;  // its end may be another one
    }
    const std::size_t index = s.segment_of(look_from);
    if (!s.segments[index].files.is_open()) {
      auto opening = s.open_inactive(index);
      auto opened = co_await std::move(opening);
      if (!opened) co_return fail(std::move(opened.error()));
      continue;
    }
    const Offset base = s.segments[index].base;
    auto reading = s.read_segment(request, index);
    auto result = co_await std::move(reading);
    if (!result) co_return fail(std::move(result.error()));
    if (*result) co_return std::move(**result);
    // A hole up to the end of the log?
    const auto next = s.base_after(base);
    if (!next) co_return nothing_from(request);
    look_from = *next;
  }
}

std::optional<ReadResult> PartitionLog::State::read_at_hand(const ReadRequest& request) {
  const bool is_inside =
      log_start <= request.from && request.from < request.end && request.from < log_end;
  if (!is_inside || read_refusal()) return std::nullopt;
  return read_hot(request);
}

/// The common case: the first batch is one of the last that this process appended.
std::optional<ReadResult> PartitionLog::State::read_hot(const ReadRequest& request) {
  Segment& segment = segments.back();
  if (request.from < segment.base) return std::nullopt;
  const auto first = tail_cache_.find(request.from, segment.size_bytes);
  if (!first) return std::nullopt;
  std::uint64_t end = segment.size_bytes;
  if (request.end < log_end) end = tail_cache_.find(request.end, segment.size_bytes)->position;
  ReadResult result;
  result.first = first->base;
  result.first_batch_bytes = first->end_position - first->position;
  result.end = std::min(request.end, log_end);
  GREGOR_ASSERT(end >= first->position);
  std::uint64_t size = std::min(end - first->position, request.bytes_max);
  if (size < result.first_batch_bytes) {
    size = request.first_batch_whole && end > first->position ? result.first_batch_bytes : 0;
  }
  if (size == 0) return result;
  const bool is_recent = segment.size_bytes - first->position <= surely_resident_bytes;
  if (!is_recent && !segment.files.log->is_resident(first->position, size)) return std::nullopt;
  result.size = size;
  segment.entry.touch();
  if (request.wants_end)
    result.end = std::min(result.end, tail_cache_.end_of(first->position + size));
  result.slices.push_back({segment.files.log, first->position, size});
  return result;
}

/// Looks into one open segment. @return nullopt if it has nothing at or behind request.from
Task<Result<std::optional<ReadResult>>> PartitionLog::State::read_segment(ReadRequest request,
                                                                          std::size_t index) {
  Segment& segment = segments[index];
  segment.used = ++use_count_;
  segment.entry.touch();
  const std::uint64_t layout = layout_;
  const SegmentView view = view_of(index);
  const VerifiedRanges verified = segment.verified;
  SliceRequest wanted{std::max(request.from, segment.base), std::nullopt, request.bytes_max,
                      request.first_batch_whole, request.wants_end};
  if (request.end < view.end) wanted.end = request.end;
  // All of it was written or checked by this process: then its index is at hand as well.
  const bool is_warm = verified.covers(0, view.size_bytes);
  bool is_resident = false;
  Result<FoundSlice> found;
  if (is_warm) {
    found = find_slice(view, wanted, verified);
    is_resident = !found || view.log->is_resident(found->first.position, found->size);
  }
  if (!is_resident) {
    auto work = [&view, &wanted, &verified]() -> Result<FoundSlice> {
      auto slice = find_slice(view, wanted, verified);
      if (!slice || slice->checked_end > slice->first.position) return slice;
      if (auto got = read_in(*view.log, slice->first.position, slice->size); !got) {
        return fail(std::move(got.error()));
      }
      return slice;
    };
    auto finding = runtime::offload(shard_, std::move(work));
    found = co_await std::move(finding);
  }
  Segment* const same = layout_ == layout ? &segments[index] : nullptr;
  if (!found) {
    name_damage(same, found.error());
    co_return fail(std::move(found.error()));
  }
  if (found->damage) name_damage(same, *found->damage);
  if (!found->is_found) co_return std::nullopt;
  if (same != nullptr) same->verified.add(found->first.position, found->checked_end);
  ReadResult result;
  result.first = found->first.header.base_offset;
  result.first_batch_bytes = found->first.header.size_bytes;
  result.end = std::min(request.end, found->end_offset.value_or(view.end));
  result.size = found->size;
  if (found->size > 0) result.slices.push_back({view.log, found->first.position, found->size});
  co_return result;
}

/// Once, not for each reader that comes by. @param segment  nullptr: it is gone
void PartitionLog::State::name_damage(Segment* segment, const Error& error) {
  if (error.code != ErrorCode::corrupt_message) return;
  if (segment != nullptr && segment->named_damage == error.detail) return;
  log::error("storage", "damage: {}", error.detail);
  if (segment != nullptr) segment->named_damage = error.detail;
}

Task<Result<void>> PartitionLog::State::open_end() {
  while (is_opening_) {
    auto waiting = opened_.wait();
    co_await waiting;
  }
  if (is_end_open_) co_return Result<void>();
  is_opening_ = true;
  OpenSegments::SlotPointer slot = open_segments_->room_for_active();
  LeaderEpochCache found_epochs = epochs;
  ReplayRequest replay = replay_request();
  const RecoveryRules rules{recovery_point, config->index_interval_bytes};
  auto work = [this, &rules, &found_epochs, &replay] {
    return look_for_end(rules, found_epochs, replay);
  };
  auto opening = runtime::offload(shard_, std::move(work));
  auto found = co_await std::move(opening);
  is_opening_ = false;
  opened_.wake_all();
  if (!found) co_return fail(std::move(found.error()));
  if (!found->end.is_whole) {
    epochs = std::move(found_epochs);
    active().has_unsynced_data = active().has_unsynced_indexes = true;
  }
  if (found->producers) take_producers(std::move(*found->producers));
  take_end(std::move(found->end), std::move(slot));
  co_return Result<void>();
}

/// Opens the active segment, whose end may be elsewhere than it was noted: then its producers are
/// others, too. Runs in the I/O pool, while nothing can be appended.
Result<PartitionLog::State::FoundEnd> PartitionLog::State::look_for_end(const RecoveryRules& rules,
                                                                        LeaderEpochCache& cache,
                                                                        ReplayRequest& replay) {
  const SegmentPlace where{directory, replay.segments.back().base};
  auto end = open_last_segment(files_, where, rules.index_interval_bytes);
  if (!end) return fail(std::move(end.error()));
  FoundEnd found{std::move(*end), std::nullopt};
  if (!found.end.is_whole) {
    auto recovered = recover_segment(files_, where, rules, cache);
    if (!recovered) return fail(std::move(recovered.error()));
    log::error("storage",
               "{}: its end is damaged although it was closed properly: {} bytes behind position "
               "{} are cut off: {}",
               where.log_path(), recovered->cut_bytes, recovered->tail.size_bytes,
               recovered->cut_reason);
    found.end = SegmentEnd{std::move(recovered->files), recovered->tail, false};
  }
  if (found.end.tail.next_offset == replay.log_end) return found;
  replay.log_end = std::max(found.end.tail.next_offset, replay.log_start);
  replay.segments.back().size_bytes = found.end.tail.size_bytes;
  auto replayed = replay_producers(files_, replay);
  if (!replayed) return fail(std::move(replayed.error()));
  found.producers = std::move(*replayed);
  return found;
}

void PartitionLog::State::take_end(SegmentEnd end, OpenSegments::SlotPointer slot) {
  GREGOR_ASSERT(end.tail.base == active().base);
  Segment& segment = active();
  keep_open(segment, std::move(end.files), std::move(slot));
  segment.offset_entries = end.tail.offset_entries;
  segment.time_entries = end.tail.time_entries;
  segment.size_bytes = end.tail.size_bytes;
  segment.verified.truncate(segment.size_bytes);
  segment.largest_time.reset();  // it grows: the tail knows
  tail_ = end.tail;
  index_writer_ = IndexWriter(segment.base, segment.offset_entries, segment.time_entries);
  is_end_open_ = true;
  if (tail_.next_offset != log_end) settle_end(tail_.next_offset);
}

/// The log ends elsewhere than the checkpoint of a clean stop said.
void PartitionLog::State::settle_end(Offset end) {
  log::error("storage", "{}: ends at {}, not at {} as the last stop had noted", directory,
             end.value(), log_end.value());
  GREGOR_ASSERT(staged_end_ == log_end);
  log_end = staged_end_ = std::max(end, log_start);
  tail_.next_offset = log_end;
  recovery_point = std::min(recovery_point, log_end);
  flushed_end_ = std::min(flushed_end_, log_end);
  high_watermark = std::clamp(high_watermark, log_start, log_end);
  if (epochs.truncate_end(log_end)) are_epochs_unsaved_ = true;
  if (log_end_callback) log_end_callback(log_end);
}

/// Unless it is open, or gone by the time it would be opened: the caller looks again.
Task<Result<void>> PartitionLog::State::open_inactive(std::size_t index) {
  GREGOR_ASSERT(index + 1 < segments.size());
  const Offset base = segments[index].base;
  while (is_opening_) {
    auto waiting = opened_.wait();
    co_await waiting;
  }
  const SegmentPlace where = place(base);  // not before: it may have gone to another log dir
  Segment* const wanted = find_segment(base);
  if (wanted == nullptr || wanted->files.is_open()) co_return Result<void>();
  OpenSegments::SlotPointer slot =
      open_segments_->room_for_cold(wanted->wish, shard_.clock().now());
  if (!slot) {
    co_return fail(
        ErrorCode::kafka_storage_error,
        fmt::format("{}: as many old segments as may be open are being read", where.log_path()),
        EMFILE);
  }
  is_opening_ = true;
  const std::uint64_t size_bytes = wanted->size_bytes;
  const std::int64_t interval_bytes = config->index_interval_bytes;
  auto work = [this, &where, size_bytes, interval_bytes] {
    return open_segment(files_, where, size_bytes, interval_bytes);
  };
  auto opening = runtime::offload(shard_, std::move(work));
  auto opened = co_await std::move(opening);
  is_opening_ = false;
  opened_.wake_all();
  if (!opened) co_return fail(std::move(opened.error()));
  Segment* segment = find_segment(where.base);
  GREGOR_ASSERT(segment != nullptr);  // none is taken out while one is opened
  keep_open(*segment, std::move(opened->files), std::move(slot));
  segment->offset_entries = opened->offset_entries;
  segment->time_entries = opened->time_entries;
  segment->largest_time = opened->last_time;
  segment->used = ++use_count_;
  close_least_used();
  co_return Result<void>();
}

/// Opens a segment that no longer grows; waits a while if there is no room, for it holds none.
Task<Result<void>> PartitionLog::State::open_for_lookup(Offset base) {
  const runtime::Instant patience = shard_.clock().now() + room_wait_max;
  for (;;) {
    const Segment* const wanted = find_segment(base);
    if (wanted == nullptr || wanted->files.is_open()) co_return Result<void>();
    auto opening = open_inactive(static_cast<std::size_t>(wanted - segments.data()));
    auto opened = co_await std::move(opening);
    if (opened || !is_out_of_descriptors(opened.error())) co_return opened;
    if (shard_.clock().now() >= patience || is_closing_) co_return opened;
    auto napping = runtime::sleep_until(shard_, shard_.clock().now() + room_pause);
    co_await std::move(napping);
  }
}

void PartitionLog::State::close_least_used() {
  std::size_t open_count = 0;
  Segment* least_used = nullptr;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    if (!segments[i].files.is_open()) continue;
    ++open_count;
    if (least_used == nullptr || segments[i].used < least_used->used) least_used = &segments[i];
  }
  if (open_count > open_inactive_max) let_go(*least_used);
}

void PartitionLog::State::keep_open(Segment& segment, SegmentFiles files,
                                    OpenSegments::SlotPointer slot) {
  segment.files = OpenSegments::counted(std::move(files), slot);
  segment.entry = open_segments_->add(*this, segment.base, std::move(slot));
}

void PartitionLog::State::let_go(Segment& segment) {
  segment.files = {};
  segment.entry.drop();
}

/// Others need its descriptors.
bool PartitionLog::State::close_segment(Offset base) {
  if (base == active().base) return release_files();
  Segment* const segment = find_segment(base);
  GREGOR_ASSERT(segment != nullptr);
  let_go(*segment);
  return true;
}

/// Sees to it that the largest timestamp of each segment is known.
Task<Result<void>> PartitionLog::State::learn_largest_times() {
  if (!is_end_open_) {
    auto opening = open_end();
    auto opened = co_await std::move(opening);
    if (!opened) co_return opened;
  }
  std::uint64_t layout = layout_;
  std::size_t i = segment_of(log_start);
  while (i + 1 < segments.size()) {
    if (segments[i].largest_time) {
      ++i;
      continue;
    }
    auto opening = open_for_lookup(segments[i].base);
    auto opened = co_await std::move(opening);
    if (!opened) co_return opened;
    if (layout_ == layout) continue;
    layout = layout_;
    i = segment_of(log_start);
  }
  co_return Result<void>();
}

TimeEntry PartitionLog::State::largest_time_of(std::size_t index) const {
  if (index + 1 == segments.size() && is_end_open_) return tail_.max_timestamp;
  return segments[index].largest_time.value_or(TimeEntry{});
}

Task<Result<TimestampOffset>> PartitionLog::State::offset_for_time(std::shared_ptr<State> self,
                                                                   TimestampMs timestamp,
                                                                   Offset end) {
  State& s = *self;
  const Operation running(s);
  const TimeQuery query{timestamp, s.log_start, end};
  Offset look_from = query.from;
  for (;;) {
    if (auto refusal = s.read_refusal()) co_return fail(std::move(*refusal));
    auto learning = s.learn_largest_times();
    auto learned = co_await std::move(learning);
    if (!learned) co_return fail(std::move(learned.error()));
    std::size_t i = s.segment_of(look_from);
    while (i < s.segments.size() && s.largest_time_of(i).timestamp < timestamp) ++i;
    if (i == s.segments.size() || s.segments[i].base >= query.end) co_return TimestampOffset{};
    const Offset base = s.segments[i].base;
    look_from = std::max(look_from, base);
    if (!s.segments[i].files.is_open()) {
      auto opening = s.open_for_lookup(base);
      auto opened = co_await std::move(opening);
      if (!opened) co_return fail(std::move(opened.error()));
      continue;
    }
    const SegmentView view = s.view_of(i);
    auto work = [&view, &query] { return find_by_time(view, query); };
    auto finding = runtime::offload(s.shard_, std::move(work));
    auto found = co_await std::move(finding);
    if (!found) co_return fail(std::move(found.error()));
    if (*found) co_return **found;
    const auto next = s.base_after(base);
    if (!next) co_return TimestampOffset{};
    look_from = *next;
  }
}

Task<Result<TimestampOffset>> PartitionLog::State::offset_of_max_timestamp(
    std::shared_ptr<State> self, Offset end) {
  State& s = *self;
  const Operation running(s);
  for (;;) {
    if (auto refusal = s.read_refusal()) co_return fail(std::move(*refusal));
    auto learning = s.learn_largest_times();
    auto learned = co_await std::move(learning);
    if (!learned) co_return fail(std::move(learned.error()));
    std::size_t index = s.segment_of(s.log_start);
    for (std::size_t i = index + 1; i < s.segments.size(); ++i) {
      if (s.largest_time_of(i).timestamp > s.largest_time_of(index).timestamp) index = i;
    }
    const TimeEntry max = s.largest_time_of(index);
    if (max.timestamp < TimestampMs(0)) co_return TimestampOffset{};
    if (!s.segments[index].files.is_open()) {
      auto opening = s.open_for_lookup(s.segments[index].base);
      auto opened = co_await std::move(opening);
      if (!opened) co_return fail(std::move(opened.error()));
      continue;
    }
    const SegmentView view = s.view_of(index);
    auto work = [&view, &max] { return find_max_time(view, max); };
    auto finding = runtime::offload(s.shard_, std::move(work));
    auto found = co_await std::move(finding);
    if (!found) co_return fail(std::move(found.error()));
    if (!*found || (*found)->offset >= end) co_return TimestampOffset{};
    co_return **found;
  }
}

}  // namespace gregor::storage
