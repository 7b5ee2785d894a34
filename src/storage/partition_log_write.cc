// Write: what is staged leaves in one pwritev per segment and turn of the loop; before a segment
// would grow too large or too old, a new one is made.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "base/log.h"
#include "storage/partition_log_state.h"
#include "storage/planted_bug.h"

namespace gregor::storage {

using model::Offset;
using runtime::Task;

namespace {

constexpr std::size_t run_appends_max = 512;
// What a shard copies into the page cache in one go: about 2 ms.
constexpr std::uint64_t run_bytes_max = std::uint64_t{4} << 20;

}  // namespace

void PartitionLog::State::schedule_write() {
  if (is_write_scheduled_ || is_writing_) return;
  is_write_scheduled_ = true;
  shard_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->write_turn();
  });
}

/// Runs from the mailbox, not as part of any append, and holds the State meanwhile.
void PartitionLog::State::write_turn() {
  is_write_scheduled_ = false;
  std::vector<std::coroutine_handle<>> finished;
  while (!queue_.empty() && !is_writing_) {
    if (is_roll_due(tail_, *queue_.front()) || !health_->is_healthy(shard_.clock().now())) {
      is_writing_ = true;
      tasks_.spawn(write_slowly());
      break;
    }
    plan_run();
    apply_run(perform_run(), finished);
  }
  if (is_closing_) idle_.wake_all();
  for (const auto handle : finished) handle.resume();
}

/// Writes in the I/O pool, and rolls, until the queue is empty or the disk is well again.
Task<void> PartitionLog::State::write_slowly() {
  GREGOR_ASSERT(is_writing_);
  while (!queue_.empty()) {
    std::vector<std::coroutine_handle<>> finished;
    if (is_roll_due(tail_, *queue_.front())) {
      auto rolling = roll(queue_.front()->first);
      auto rolled = co_await std::move(rolling);
      if (!rolled) {
        if (!is_passing(rolled.error())) fail_for_good(rolled.error(), "making a segment");
        fail_staged(rolled.error(), finished);
        resume_later(std::move(finished));
      } else if (health_->is_healthy(shard_.clock().now())) {
        break;
      }
      continue;
    }
    plan_run();
    auto work = [this] { return perform_run(); };
    auto writing = runtime::offload(shard_, std::move(work));
    auto outcome = co_await std::move(writing);
    apply_run(std::move(outcome), finished);
    resume_later(std::move(finished));
  }
  end_writing();
}

void PartitionLog::State::end_writing() {
  GREGOR_ASSERT(is_writing_);
  is_writing_ = false;
  write_ended_.wake_all();
  if (!queue_.empty()) schedule_write();
  if (is_closing_) idle_.wake_all();
}

bool PartitionLog::State::is_roll_due(const SegmentTail& tail, const StagedAppend& next) {
  if (tail.size_bytes == 0) return false;
  const auto segment_bytes_max = static_cast<std::uint64_t>(config->segment_bytes);
  if (tail.size_bytes + next.bytes.size() > segment_bytes_max) return true;
  const std::int64_t age_ms = tail.first_batch_timestamp >= model::TimestampMs(0)
                                  ? next.max_timestamp - tail.first_batch_timestamp
                                  : shard_.clock().wall_ms() - active_since_ms_;
  // What is not rolled can't be compacted.
  const std::int64_t age_max_ms = config->cleanup_compact
                                      ? std::min(config->segment_ms, config->max_compaction_lag_ms)
                                      : config->segment_ms;
  if (age_ms > age_max_ms - roll_jitter_ms_) return true;
  const auto offset_entries_max =
      static_cast<std::uint64_t>(config->segment_index_bytes) / OffsetEntry::size_bytes;
  const auto time_entries_max =
      static_cast<std::uint64_t>(config->segment_index_bytes) / TimeEntry::size_bytes;
  if (tail.offset_entries >= offset_entries_max) return true;
  if (std::uint64_t{tail.time_entries} + 1 >= time_entries_max) return true;
  return next.last - tail.base > std::int64_t{segment_bytes_limit};
}

/// Takes from the queue what goes into the active segment next. The first one always does.
void PartitionLog::State::plan_run() {
  run_.appends.clear();
  run_.parts.clear();
  run_.aborted.clear();
  run_.size_bytes = 0;
  run_.planned = tail_;
  run_.index_mark = index_writer_.mark();
  std::size_t taken = 0;
  for (; taken < queue_.size() && taken < run_appends_max; ++taken) {
    StagedAppend& next = *queue_[taken];
    const bool is_enough = run_.size_bytes + next.bytes.size() > run_bytes_max;
    if (taken > 0 && (is_enough || is_roll_due(run_.planned, next))) break;
    GREGOR_ASSERT(next.first == run_.planned.next_offset);
    index_writer_.add(run_.planned.add({next.last, next.max_timestamp, next.bytes.size()},
                                       config->index_interval_bytes));
    run_.appends.push_back(&next);
    run_.parts.emplace_back(next.bytes);
    run_.size_bytes += next.bytes.size();
    if (next.aborted) run_.aborted.push_back(*next.aborted);
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(taken));
  GREGOR_ASSERT(!run_.appends.empty());
  GREGOR_ASSERT(run_.planned.size_bytes == tail_.size_bytes + run_.size_bytes);
}

/// Touches only run_, index_writer_ and the files, and reads pending_aborted_: it may run in the
/// I/O pool.
WriteOutcome PartitionLog::State::perform_run() {
  WriteOutcome outcome;
  const SegmentFiles& files = active().files;
  outcome.start = shard_.clock().now();
  outcome.log = files.log->write_at(tail_.size_bytes, run_.parts);
  if (!outcome.log) {
    if (!is_planted(PlantedBug::skip_tail_cut)) outcome.cut = files.log->truncate(tail_.size_bytes);
  } else {
    if (index_writer_.has_pending()) outcome.index = index_writer_.write(files);
    if (has_pending_aborted()) outcome.aborted = write_aborted();
  }
  outcome.end = shard_.clock().now();
  return outcome;
}

void PartitionLog::State::apply_run(WriteOutcome outcome,
                                    std::vector<std::coroutine_handle<>>& finished) {
  health_->wrote(run_.size_bytes, outcome.start, outcome.end);
  if (!outcome.log) {
    index_writer_.drop_after(run_.index_mark);
    if (!outcome.cut) fail_for_good(outcome.cut.error(), "cutting back after a failed write");
    if (!is_passing(outcome.log.error())) fail_for_good(outcome.log.error(), "a write");
    fail_staged(outcome.log.error(), finished);
    return;
  }
  if (!is_index_behind_ && (!outcome.index || !outcome.aborted)) {
    log::warn("storage", "{}: an index can't be written, it will be tried again: {}", directory,
              outcome.index ? outcome.aborted.error().detail : outcome.index.error().detail);
  }
  is_index_behind_ = !outcome.index || !outcome.aborted;
  if (has_pending_aborted()) {
    pending_aborted_.insert(pending_aborted_.end(), run_.aborted.begin(), run_.aborted.end());
    run_.aborted.clear();
    if (outcome.aborted) note_aborted_written();
  }
  finish_run(finished);
}

/// The run is in the file: makes it visible.
void PartitionLog::State::finish_run(std::vector<std::coroutine_handle<>>& finished) {
  Segment& segment = active();
  segment.entry.touch();
  std::uint64_t position = segment.size_bytes;
  GREGOR_ASSERT(position == tail_.size_bytes);
  for (StagedAppend* append : run_.appends) {
    tail_cache_.add(append->first, position);
    position += append->bytes.size();
    if (append->has_producer) producers.written_one();
    append->is_done = true;
    if (append->waiting) finished.push_back(append->waiting);
  }
  segment.verified.add(segment.size_bytes, position);
  segment.size_bytes = position;
  segment.offset_entries = index_writer_.offset_entries();
  segment.time_entries = index_writer_.time_entries();
  segment.has_unsynced_data = segment.has_unsynced_indexes = true;
  segment.unsynced_bytes += run_.size_bytes;
  if (counters != nullptr) {
    ++counters->writes;
    counters->appended_batches += run_.appends.size();
    counters->appended_bytes += run_.size_bytes;
  }
  tail_ = run_.planned;
  GREGOR_ASSERT(tail_.next_offset > log_end);
  log_end = tail_.next_offset;
  GREGOR_ASSERT(log_end <= staged_end_);
  run_.appends.clear();
  if (!duplicates_.empty()) settle_duplicates(std::nullopt, finished);
  if (queue_.empty()) unawaited_.clear();
  arm_flush_timer();
  if (log_end_callback) log_end_callback(log_end);
}

/// Nothing that is staged can be written: offsets that were given are taken back.
void PartitionLog::State::fail_staged(const Error& error,
                                      std::vector<std::coroutine_handle<>>& finished) {
  const std::int64_t held_back = health_->admit_line(shard_.clock().now());
  if (held_back >= 0) {
    log::warn("storage", "{}: {} appends failed: {} ({} more such lines held back)", directory,
              run_.appends.size() + queue_.size(), error.detail, held_back);
  }
  if (counters != nullptr) counters->failed_appends += run_.appends.size() + queue_.size();
  const auto fail_one = [&](StagedAppend* append) {
    append->error = Error{ErrorCode::kafka_storage_error, error.detail, error.os_error};
    append->is_done = true;
    if (append->waiting) finished.push_back(append->waiting);
  };
  std::for_each(run_.appends.begin(), run_.appends.end(), fail_one);
  std::for_each(queue_.begin(), queue_.end(), fail_one);
  run_.appends.clear();
  queue_.clear();
  unawaited_.clear();
  run_.aborted.clear();
  producers.take_back();
  if (!duplicates_.empty()) settle_duplicates(error, finished);
  staged_end_ = log_end;
  // An epoch that began with one of these appends has not begun.
  if (epochs.truncate_end(log_end + 1)) are_epochs_unsaved_ = true;
}

void PartitionLog::State::resume_later(std::vector<std::coroutine_handle<>> finished) {
  if (finished.empty()) return;
  shard_.post([finished = std::move(finished)] {
    for (const auto handle : finished) handle.resume();
  });
}

/// Closes the active segment and makes the next one, which begins at `base`.
Task<Result<void>> PartitionLog::State::roll(Offset base) {
  GREGOR_ASSERT(base == log_end);
  GREGOR_ASSERT(tail_.size_bytes > 0);
  index_writer_.add({std::nullopt, tail_.close()});
  const SegmentFiles old_files = active().files;
  OpenSegments::SlotPointer slot = open_segments_->room_for_active();
  const SegmentPlace next = place(base);
  const std::vector<ProducerEntry> entries = producers.written_entries();
  auto work = [this, &old_files, &next, &entries]() -> Result<SegmentFiles> {
    if (auto wrote = index_writer_.write(old_files); !wrote) return fail(std::move(wrote.error()));
    if (auto wrote = write_aborted(); !wrote) return fail(std::move(wrote.error()));
    const auto path = snapshot_path(directory, next.base);
    if (auto wrote = write_snapshot(files_, path, entries); !wrote) {
      return fail(std::move(wrote.error()));
    }
    return create_segment_files(files_, next);
  };
  auto making = runtime::offload(shard_, std::move(work));
  auto made = co_await std::move(making);
  if (!made) co_return fail(std::move(made.error()));
  is_index_behind_ = false;
  note_aborted_written();
  note_snapshot(base);
  Segment& old = active();
  old.offset_entries = index_writer_.offset_entries();
  old.time_entries = index_writer_.time_entries();
  old.largest_time = tail_.max_timestamp;
  old.has_unsynced_indexes = true;
  start_active_segment(base, std::move(*made), std::move(slot));
  log::debug("storage", "{}: a new segment begins at {}", directory, base.value());
  flush_in_background();
  co_return Result<void>();
}

void PartitionLog::State::start_active_segment(Offset base, SegmentFiles files,
                                               OpenSegments::SlotPointer slot) {
  if (!open_segments_->cool(active().entry)) let_go(active());
  Segment segment;
  segment.base = base;
  keep_open(segment, std::move(files), std::move(slot));
  segments.push_back(std::move(segment));
  close_least_used();
  tail_ = SegmentTail::empty(base);
  index_writer_ = IndexWriter(base, 0, 0);
  tail_cache_.clear();
  written_from_ = 0;
  has_unsynced_entries_ = true;
  begin_roll_time();
}

/// segment.ms counts from here, less a jitter that is drawn once.
void PartitionLog::State::begin_roll_time() {
  active_since_ms_ = shard_.clock().wall_ms();
  const std::int64_t jitter = std::min(config->segment_jitter_ms, config->segment_ms);
  roll_jitter_ms_ =
      jitter <= 0
          ? 0
          : static_cast<std::int64_t>(shard_.random().below(static_cast<std::uint64_t>(jitter)));
}

}  // namespace gregor::storage
