// Flush: one sync for all that wait, the recovery point, and the ways to end: close and retire.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "base/log.h"
#include "storage/failed_sync.h"
#include "storage/file_names.h"
#include "storage/partition_log_state.h"
#include "storage/small_file.h"

namespace gregor::storage {

using model::Offset;
using runtime::Task;

namespace {

// With flush.messages only data is synced, so that each acknowledgement costs one fdatasync; after
// so many bytes the indexes go along, for the recovery point to move and recovery to stay short.
constexpr std::uint64_t data_only_bytes_max = std::uint64_t{64} << 20;

// Longer than anything runs: never.
constexpr std::int64_t flush_ms_max = std::int64_t{100} * 365 * 86'400'000;

Result<void> sync_one(runtime::FileSystem& files, const std::shared_ptr<runtime::File>& open,
                      const std::string& path) {
  if (open) return open->sync_data();
  const auto file = files.open(path, runtime::OpenMode::read_write);
  if (!file) return fail(file.error());
  return (*file)->sync_data();
}

Result<void> run_flush(runtime::FileSystem& files, const FlushJob& job) {
  for (const auto& item : job.items) {
    if (item.data) {
      auto synced = sync_one(files, item.files.log, item.place.log_path());
      if (!synced) return synced;
    }
    if (!item.indexes) continue;
    auto synced = sync_one(files, item.files.offset_index, item.place.offset_index_path());
    if (!synced) return synced;
    synced = sync_one(files, item.files.time_index, item.place.time_index_path());
    if (!synced) return synced;
    if (!item.aborted) continue;
    synced = sync_one(files, nullptr, item.place.transaction_index_path());
    if (!synced) return synced;
  }
  for (const auto& path : job.snapshots) {
    auto synced = sync_one(files, nullptr, path);
    if (!synced && synced.error().os_error != ENOENT) return synced;  // a newer one may be there
  }
  if (job.directory.empty()) return {};
  return sync_entries(files, job.directory);
}

}  // namespace

FlushJob PartitionLog::State::collect_unsynced(FlushScope scope) {
  FlushJob job;
  job.end = scope == FlushScope::old_segments ? active().base : log_end;
  for (auto& segment : segments) {
    if (scope == FlushScope::old_segments && segment.base == active().base) break;
    const bool indexes = scope != FlushScope::data && segment.has_unsynced_indexes;
    if (!segment.has_unsynced_data && !indexes) continue;
    job.items.push_back({place(segment.base), segment.files, segment.has_unsynced_data, indexes,
                         indexes && segment.has_unsynced_aborted});
    job.bytes += std::exchange(segment.unsynced_bytes, 0);
    segment.has_unsynced_data = false;
    if (indexes) segment.has_unsynced_indexes = segment.has_unsynced_aborted = false;
  }
  if (scope != FlushScope::data) job.snapshots = std::exchange(unsynced_snapshots_, {});
  if (std::exchange(has_unsynced_entries_, false)) job.directory = directory;
  return job;
}

/// Nothing of it was tried in vain: a file that is closed could not be opened.
void PartitionLog::State::give_back(const FlushJob& job) {
  for (const auto& item : job.items) {
    Segment* const segment = find_segment(item.place.base);
    if (segment == nullptr) continue;
    segment->has_unsynced_data |= item.data;
    segment->has_unsynced_indexes |= item.indexes;
    segment->has_unsynced_aborted |= item.aborted;
  }
  unsynced_snapshots_.insert(unsynced_snapshots_.end(), job.snapshots.begin(), job.snapshots.end());
  has_unsynced_entries_ |= !job.directory.empty();
  active().unsynced_bytes += job.bytes;
}

bool PartitionLog::State::has_unsynced() const {
  return has_unsynced_entries_ || !unsynced_snapshots_.empty() ||
         std::ranges::any_of(segments, [](const Segment& segment) {
           return segment.has_unsynced_data || segment.has_unsynced_indexes;
         });
}

bool PartitionLog::State::has_unsynced_old_segments() const {
  return std::any_of(segments.begin(), std::prev(segments.end()), [](const Segment& segment) {
    return segment.has_unsynced_data || segment.has_unsynced_indexes;
  });
}

Result<void> PartitionLog::State::write_pending_indexes() {
  if (is_writing_ || (!index_writer_.has_pending() && pending_aborted_.empty())) return {};
  auto wrote = index_writer_.write(active().files);
  if (wrote) wrote = write_aborted();
  if (wrote) note_aborted_written();
  is_index_behind_ = !wrote;
  active().offset_entries = index_writer_.offset_entries();
  active().time_entries = index_writer_.time_entries();
  active().has_unsynced_indexes = true;
  return wrote;
}

/// Ends once all below `target` is synced as `scope` says. Those that come while a sync runs share
/// the next one.
Task<Result<void>> PartitionLog::State::flush_to(Offset target, FlushScope scope) {
  GREGOR_ASSERT(target <= log_end);
  for (;;) {
    if (failure) co_return fail(*failure);
    const Offset reached = scope == FlushScope::data ? flushed_end_ : recovery_point;
    if (reached >= target) co_return Result<void>();
    if (is_flushing_) {
      auto waiting = flushed_.wait();
      co_await waiting;
      continue;
    }
    auto flushing = flush_once(scope);
    auto flushed = co_await std::move(flushing);
    if (!flushed) co_return flushed;
  }
}

Task<Result<void>> PartitionLog::State::flush_once(FlushScope scope) {
  GREGOR_ASSERT(!is_flushing_);
  if (scope == FlushScope::data && active().unsynced_bytes > data_only_bytes_max) {
    scope = FlushScope::everything;
  }
  if (scope == FlushScope::everything) {
    if (auto wrote = write_pending_indexes(); !wrote) co_return wrote;
  }
  const bool moves_recovery_point =
      scope == FlushScope::old_segments || (scope == FlushScope::everything && !is_index_behind_);
  is_flushing_ = true;
  const FlushJob job = collect_unsynced(scope);
  auto work = [this, &job] {
    auto done = run_flush(files_, job);
    if (!done && done.error().os_error != ENOENT && !is_out_of_descriptors(done.error())) {
      note_failed_sync(files_, parent_directory(directory));
    }
    return done;
  };
  const runtime::Instant began = shard_.clock().now();
  auto syncing = runtime::offload(shard_, std::move(work));
  auto synced = co_await std::move(syncing);
  if (counters != nullptr) {
    counters->flushes.add(shard_.clock().now() - began);
    counters->failed_flushes += synced ? 0 : 1;
  }
  is_flushing_ = false;
  if (synced) {
    health_->synced(job.bytes);
    flushed_end_ = std::max(flushed_end_, job.end);
    if (moves_recovery_point) recovery_point = std::max(recovery_point, job.end);
    GREGOR_ASSERT(recovery_point <= log_end);
  } else if (is_out_of_descriptors(synced.error())) {
    give_back(job);
  } else {
    fail_for_good(synced.error(), "a sync");
  }
  flushed_.wake_all();
  co_return synced;
}

void PartitionLog::State::flush_in_background() {
  if (is_background_flush_running_) return;
  is_background_flush_running_ = true;
  tasks_.spawn(flush_old_segments());
}

/// After a roll: the recovery point follows to the base of the active segment.
Task<void> PartitionLog::State::flush_old_segments() {
  // The last time entry of a segment is written when it is closed: it may be un-synced though the
  // recovery point has come as far as its end already.
  while (!failure && (recovery_point < active().base || has_unsynced_old_segments())) {
    if (is_flushing_) {
      auto waiting = flushed_.wait();
      co_await waiting;
      continue;
    }
    auto flushing = flush_once(FlushScope::old_segments);
    const auto flushed = co_await std::move(flushing);
    if (!flushed) break;  // fail_for_good has said why
  }
  is_background_flush_running_ = false;
}

/// After a write: what is not synced yet is synced flush.ms later at the latest.
void PartitionLog::State::arm_flush_timer() {
  if (config->flush_ms > flush_ms_max || flush_timer_ != 0 || is_closing_) return;
  const auto due = shard_.clock().now() + std::chrono::milliseconds(config->flush_ms);
  flush_timer_ = shard_.start_timer(due, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->flush_timer_ = 0;
    if (!self->is_closing_) self->tasks_.spawn(self->flush_in_time());
  });
}

Task<void> PartitionLog::State::flush_in_time() {
  auto flushing = flush_to(log_end, FlushScope::data);
  const auto flushed = co_await std::move(flushing);
  // A sync that failed has taken the log dir offline; anything else passes.
  if (!flushed && !failure) arm_flush_timer();
}

void PartitionLog::State::set_config(std::shared_ptr<const config::TopicConfig> next) {
  const bool is_sooner = next->flush_ms < config->flush_ms;
  config = std::move(next);
  if (!is_sooner || flushed_end_ == log_end) return;
  shard_.cancel_timer(std::exchange(flush_timer_, 0));
  arm_flush_timer();
}

Task<Result<void>> PartitionLog::State::flush(std::shared_ptr<State> self) {
  State& s = *self;
  const Operation running(s);
  if (auto refusal = s.append_refusal()) co_return fail(std::move(*refusal));
  auto flushing = s.flush_to(s.log_end, FlushScope::everything);
  co_return co_await std::move(flushing);
}

Task<void> PartitionLog::State::wait_until_idle() {
  while (operations_ > 0 || is_writing_ || !queue_.empty()) {
    if (!queue_.empty()) schedule_write();
    auto waiting = idle_.wait();
    co_await waiting;
  }
  auto joining = tasks_.join();
  co_await std::move(joining);
}

/// Leaves files on which another process can go on: complete indexes, everything synced.
Task<Result<void>> PartitionLog::State::finish() {
  if (failure) co_return fail(*failure);
  if (is_end_open_) {
    index_writer_.add({std::nullopt, tail_.close()});
    if (auto wrote = write_pending_indexes(); !wrote) co_return wrote;
  }
  auto snapping = save_snapshot();
  if (auto snapped = co_await std::move(snapping); !snapped) co_return snapped;
  if (has_unsynced()) {
    auto flushing = flush_once(FlushScope::everything);
    auto flushed = co_await std::move(flushing);
    if (!flushed) co_return flushed;
  }
  recovery_point = log_end;
  auto saving = save_epochs();
  co_return co_await std::move(saving);
}

void PartitionLog::State::close_files() {
  if (is_end_open_) active().largest_time = tail_.max_timestamp;
  for (auto& segment : segments) let_go(segment);
  tail_cache_.clear();
  is_end_open_ = false;
}

bool PartitionLog::State::release_files() {
  if (note_offline()) return false;
  const bool is_idle = operations_ == 0 && queue_.empty() && !is_writing_ && !is_opening_ &&
                       !is_flushing_ && !is_background_flush_running_;
  if (!is_idle || is_closing_) return false;
  // What only memory knows would be missing when the end is looked for again.
  if (is_end_open_) {
    index_writer_.add({std::nullopt, tail_.close()});
    if (!write_pending_indexes()) return false;
  }
  close_files();
  return true;
}

Task<Result<void>> PartitionLog::State::close(std::shared_ptr<State> self) {
  State& s = *self;
  if (auto refusal = s.closed_refusal()) co_return fail(std::move(*refusal));
  s.is_closing_ = true;
  s.shard_.cancel_timer(std::exchange(s.flush_timer_, 0));
  auto idling = s.wait_until_idle();
  co_await std::move(idling);
  s.note_offline();
  auto finishing = s.finish();
  auto finished = co_await std::move(finishing);
  s.close_files();
  co_return finished;
}

Task<Result<std::string>> PartitionLog::State::retire(std::shared_ptr<State> self,
                                                      std::string unique_suffix) {
  State& s = *self;
  if (auto refusal = s.closed_refusal()) co_return fail(std::move(*refusal));
  s.is_closing_ = true;
  s.shard_.cancel_timer(std::exchange(s.flush_timer_, 0));
  auto idling = s.wait_until_idle();
  co_await std::move(idling);
  const std::string parent = parent_directory(s.directory);
  const std::string to = join_path(parent, deleted_folder_name(s.partition, unique_suffix));
  auto work = [&s, &to, &parent]() -> Result<void> {
    if (auto renamed = s.files_.rename(s.directory, to); !renamed) return renamed;
    return sync_entries(s.files_, parent);
  };
  auto renaming = runtime::offload(s.shard_, std::move(work));
  auto renamed = co_await std::move(renaming);
  s.close_files();
  if (!renamed) co_return fail(std::move(renamed.error()));
  s.directory = to;
  co_return to;
}

}  // namespace gregor::storage
