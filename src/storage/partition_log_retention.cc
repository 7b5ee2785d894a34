// Retention: deleting the oldest segments. The rules are in retention_rules.h; here is what they
// need to know, and the taking out: log start first, then the names of the files, then the list.
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/assert.h"
#include "base/log.h"
#include "storage/file_names.h"
#include "storage/partition_log_state.h"
#include "storage/small_file.h"

namespace gregor::storage {

using model::Offset;
using runtime::Task;

namespace {

struct Renamed {
  std::size_t segments = 0;  ///< whose files are out of the way
  std::vector<std::string> files;
  Result<void> outcome;  ///< why it ended before all were
};

/// Renames the files of segments to ".deleted", the oldest first, so that a crash leaves no hole,
/// and the .log of each first: indexes without it are leftovers.
Renamed rename_files(runtime::FileSystem& files, const std::vector<SegmentPlace>& places) {
  constexpr std::array suffixes{names::log_suffix, names::offset_index_suffix,
                                names::time_index_suffix, names::transaction_index_suffix,
                                names::snapshot_suffix};
  Renamed renamed;
  for (const auto& place : places) {
    for (const auto suffix : suffixes) {
      const std::string from = join_path(place.directory, segment_file_name(place.base, suffix));
      const std::string to = from + std::string(names::deleted_suffix);
      auto moved = files.rename(from, to);
      if (!moved && moved.error().os_error == ENOENT) continue;
      if (!moved) {
        renamed.outcome = std::move(moved);
        return renamed;
      }
      renamed.files.push_back(to);
    }
    ++renamed.segments;
  }
  renamed.outcome = sync_entries(files, places.front().directory);
  return renamed;
}

std::string text_of(DeletionReason reason, const config::TopicConfig& config) {
  switch (reason) {
    case DeletionReason::log_start:
      return "they lie below the log start";
    case DeletionReason::size:
      return fmt::format("the log is larger than retention.bytes={}", config.retention_bytes);
    case DeletionReason::time:
      return fmt::format("they are older than retention.ms={}", config.retention_ms);
  }
  GREGOR_ASSERT(false);
}

}  // namespace

Task<Result<DeletedSegments>> PartitionLog::State::apply_retention(std::shared_ptr<State> self) {
  State& s = *self;
  const Operation running(s);
  if (auto refusal = s.append_refusal()) co_return fail(std::move(*refusal));
  DeletedSegments deleted;
  deleted.delay_ms = s.config->file_delete_delay_ms;
  if (s.is_reshaping_) co_return deleted;
  const Flag reshaping(s.is_reshaping_);
  for (const auto reason :
       {DeletionReason::log_start, DeletionReason::size, DeletionReason::time}) {
    if (reason != DeletionReason::log_start && !s.config->cleanup_delete) break;
    auto counting = s.count_deletable(reason);
    const auto count = co_await std::move(counting);
    if (!count) co_return fail(count.error());
    if (*count == 0) continue;
    auto deleting = s.delete_oldest(*count, reason, deleted);
    auto done = co_await std::move(deleting);
    if (!done) co_return fail(std::move(done.error()));
  }
  co_return deleted;
}

std::vector<SegmentSpan> PartitionLog::State::spans() const {
  std::vector<SegmentSpan> spans;
  spans.reserve(segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool is_active = i + 1 == segments.size();
    const Offset end = is_active ? log_end : segments[i + 1].base;
    spans.push_back(
        {segments[i].base, std::max(end, segments[i].base), segments[i].size_bytes, is_active});
  }
  return spans;
}

Task<Result<std::size_t>> PartitionLog::State::count_deletable(DeletionReason reason) {
  switch (reason) {
    case DeletionReason::log_start:
      co_return count_below(spans(), log_start, high_watermark);
    case DeletionReason::size:
      co_return count_beyond_size(spans(), config->retention_bytes, high_watermark);
    case DeletionReason::time:
      break;
  }
  auto counting = count_too_old();
  co_return co_await std::move(counting);
}

/// Looks at no segment behind the first one that stays.
Task<Result<std::size_t>> PartitionLog::State::count_too_old() {
  GREGOR_ASSERT(is_reshaping_);
  const std::int64_t retention_ms = config->retention_ms;
  const std::int64_t now_ms = shard_.clock().wall_ms();
  std::size_t count = 0;
  while (retention_ms >= 0 && count < segments.size()) {
    if (!may_be_deleted(spans()[count], high_watermark)) break;
    auto learning = largest_time_ms(count);
    const auto largest_ms = co_await std::move(learning);
    if (!largest_ms) co_return fail(largest_ms.error());
    if (*largest_ms > now_ms) {
      log::warn("storage",
                "{}: the segment at {} has a timestamp in the future, {}: it and those behind it "
                "do not grow too old",
                directory, segments[count].base.value(), *largest_ms);
    }
    if (!is_too_old(*largest_ms, now_ms, retention_ms)) break;
    ++count;
  }
  co_return count;
}

/// The largest timestamp of a segment; if its records have none, when its file was changed last.
Task<Result<std::int64_t>> PartitionLog::State::largest_time_ms(std::size_t index) {
  const bool is_growing = index + 1 == segments.size() && is_end_open_;
  if (!is_growing && !segments[index].largest_time) {
    auto learning = learn_largest_time(index);
    if (auto learned = co_await std::move(learning); !learned) {
      co_return fail(std::move(learned.error()));
    }
  }
  const std::int64_t largest_ms = largest_time_of(index).timestamp.value();
  if (largest_ms >= 0) co_return largest_ms;
  const std::string path = place(segments[index].base).log_path();
  auto work = [this, &path] { return files_.stat(path); };
  auto asking = runtime::offload(shard_, std::move(work));
  const auto info = co_await std::move(asking);
  if (!info) co_return fail(info.error());
  co_return info->modified_ms;
}

/// From the time index; the files are closed again, since most are not needed for anything else.
Task<Result<void>> PartitionLog::State::learn_largest_time(std::size_t index) {
  while (is_opening_) {
    auto waiting = opened_.wait();
    co_await waiting;
  }
  if (segments[index].largest_time || segments[index].files.is_open()) co_return Result<void>();
  const SegmentPlace where = place(segments[index].base);
  const std::uint64_t size_bytes = segments[index].size_bytes;
  const std::int64_t interval_bytes = config->index_interval_bytes;
  Result<OpenedSegment> opened;
  {
    const Flag opening(is_opening_);
    auto work = [this, &where, size_bytes, interval_bytes] {
      auto found = open_segment(files_, where, size_bytes, interval_bytes);
      if (found) found->files = {};
      return found;
    };
    auto looking = runtime::offload(shard_, std::move(work));
    opened = co_await std::move(looking);
  }
  opened_.wake_all();
  if (!opened) co_return fail(std::move(opened.error()));
  GREGOR_ASSERT(segments[index].base == where.base);
  segments[index].largest_time = opened->last_time;
  co_return Result<void>();
}

Task<Result<void>> PartitionLog::State::delete_oldest(std::size_t count, DeletionReason reason,
                                                      DeletedSegments& deleted) {
  GREGOR_ASSERT(is_reshaping_ && count <= segments.size());
  if (count == segments.size()) {
    auto rolling = roll_active();
    const auto rolled = co_await std::move(rolling);
    if (!rolled) co_return fail(rolled.error());
    if (!*rolled) --count;
  }
  if (count == 0) co_return Result<void>();
  const Offset start = segments[count].base;
  GREGOR_ASSERT(start <= high_watermark);
  // A crash must not leave a start behind the end of the log.
  if (start > recovery_point) {
    auto flushing = flush_to(start, FlushScope::old_segments);
    if (auto flushed = co_await std::move(flushing); !flushed) co_return flushed;
  }
  raise_log_start(start);
  auto taking = take_out(count, reason, deleted);
  co_return co_await std::move(taking);
}

/// Makes a new active segment, for the one that there is to go.
/// @return false if that one has to stay: it was appended to meanwhile, or there is no room
Task<Result<bool>> PartitionLog::State::roll_active() {
  const Offset judged_end = log_end;
  if (!is_end_open_) {
    auto opening = open_end();
    if (auto opened = co_await std::move(opening); !opened) {
      co_return fail(std::move(opened.error()));
    }
  }
  while (is_writing_) {
    auto waiting = write_ended_.wait();
    co_await waiting;
  }
  if (failure) co_return fail(*failure);
  if (log_end != judged_end || tail_.size_bytes == 0) co_return false;
  is_writing_ = true;
  auto rolling = roll(log_end);
  auto rolled = co_await std::move(rolling);
  end_writing();
  if (rolled) co_return true;
  if (!is_passing(rolled.error())) fail_for_good(rolled.error(), "making a segment");
  log::warn("storage", "{}: the active segment can't be deleted: {}", directory,
            rolled.error().detail);
  co_return false;
}

/// From here on no reader gets below `to`.
void PartitionLog::State::raise_log_start(Offset to) {
  GREGOR_ASSERT(to <= recovery_point && to <= high_watermark);
  log_start = std::max(log_start, to);
  if (epochs.truncate_start(log_start)) are_epochs_unsaved_ = true;
}

/// The files go out of the way while nothing opens or syncs them by name.
Task<Result<void>> PartitionLog::State::take_out(std::size_t count, DeletionReason reason,
                                                 DeletedSegments& deleted) {
  GREGOR_ASSERT(count > 0 && count < segments.size() && segments[count].base <= log_start);
  while (is_opening_) {
    auto waiting = opened_.wait();
    co_await waiting;
  }
  std::vector<SegmentPlace> places;
  Renamed renamed;
  {
    const Flag opening(is_opening_);
    for (std::size_t i = 0; i < count; ++i) {
      Segment& segment = segments[i];
      segment.has_unsynced_data = segment.has_unsynced_indexes = false;
      segment.has_unsynced_aborted = false;
      places.push_back(place(segment.base));
    }
    while (is_flushing_) {
      auto waiting = flushed_.wait();
      co_await waiting;
    }
    auto work = [this, &places] { return rename_files(files_, places); };
    auto renaming = runtime::offload(shard_, std::move(work));
    renamed = co_await std::move(renaming);
  }
  opened_.wake_all();
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < renamed.segments; ++i) {
    GREGOR_ASSERT(segments[i].base == places[i].base);
    bytes += segments[i].size_bytes;
    health_->synced(segments[i].unsynced_bytes);
  }
  segments.erase(segments.begin(),
                 segments.begin() + static_cast<std::ptrdiff_t>(renamed.segments));
  ++layout_;
  deleted.count += renamed.segments;
  deleted.size_bytes += bytes;
  std::move(renamed.files.begin(), renamed.files.end(), std::back_inserter(deleted.files));
  if (counters != nullptr) {
    counters->deleted_segments[static_cast<std::size_t>(reason)] += renamed.segments;
    counters->deleted_bytes += bytes;
  }
  log::info("storage", "{}: {} segments with {} bytes are deleted, it starts at {} now: {}",
            directory, renamed.segments, bytes, log_start.value(), text_of(reason, *config));
  if (!renamed.outcome && !is_passing(renamed.outcome.error())) {
    fail_for_good(renamed.outcome.error(), "deleting segments");
  } else if (!renamed.outcome) {
    log::warn("storage", "{}: {} segments below its start stay for now: {}", directory,
              count - renamed.segments, renamed.outcome.error().detail);
  }
  co_return renamed.outcome;
}

}  // namespace gregor::storage
