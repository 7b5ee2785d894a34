#include "storage/log_loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "storage/failed_sync.h"
#include "storage/file_names.h"
#include "storage/partition_metadata.h"
#include "storage/small_file.h"
#include "storage/swap_files.h"

namespace gregor::storage {
namespace {

/// Carries one load from step to step.
class Loading {
 public:
  Loading(runtime::FileSystem& files, const LoadRequest& request)
      : files_(files), request_(request), log_(std::make_unique<LoadedLog>()) {
    log_->partition = request.partition;
    log_->directory = request.directory;
    log_->config = request.config;
    log_->health = request.health;
    log_->producer_rules = request.producer_rules;
    log_->topic_id = request.topic_id;
    log_->epochs = LeaderEpochCache(request.epochs);
    has_gaps_ = request.config->cleanup_compact;
  }

  Result<std::unique_ptr<LoadedLog>> run() {
    if (auto found = find_segments(); !found) return fail(std::move(found.error()));
    auto ended = request_.is_clean && !log_->segments.empty() ? take_end() : recover();
    if (!ended) return fail(std::move(ended.error()));
    if (auto started = settle_start(); !started) return fail(std::move(started.error()));
    settle_offsets();
    if (auto replayed = replay(); !replayed) return fail(std::move(replayed.error()));
    if (entries_changed_) {
      if (auto synced = sync_entries(files_, log_->directory); !synced) {
        return fail(std::move(synced.error()));
      }
    }
    return std::move(log_);
  }

 private:
  [[nodiscard]] SegmentPlace place(model::Offset base) const { return {log_->directory, base}; }
  [[nodiscard]] model::Offset checkpointed_recovery_point() const {
    return request_.recovery_point.value_or(model::Offset(0));
  }

  Result<void> find_segments();
  Result<void> drop_orphans(const std::vector<SegmentFileName>& indexes);
  Result<void> take_end();
  Result<void> recover();
  Result<void> recover_one(LoadedSegment& segment);
  Result<void> delete_segments_from(std::size_t first, std::string_view why);
  Result<void> remove_segment(model::Offset base);
  Result<void> make_segment(model::Offset base);
  Result<void> settle_start();
  void settle_offsets();
  Result<void> replay();

  runtime::FileSystem& files_;
  const LoadRequest& request_;
  std::unique_ptr<LoadedLog> log_;
  std::optional<model::Offset> recovered_from_;  // base of the first segment that was walked
  bool entries_changed_ = false;
  bool has_gaps_ = false;
};

Result<void> Loading::find_segments() {
  auto entries = files_.list(log_->directory);
  if (!entries) return fail(std::move(entries.error()));
  if (std::ranges::any_of(*entries, [](const auto& entry) { return is_leftover(entry.name); })) {
    const auto changed = finish_swaps(files_, log_->directory);
    if (!changed) return fail(changed.error());
    entries_changed_ = *changed;
    entries = files_.list(log_->directory);
    if (!entries) return fail(std::move(entries.error()));
  }
  std::vector<SegmentFileName> indexes;
  for (const auto& entry : *entries) {
    if (entry.name == names::moved_mark && !request_.keeps_moved_mark) {
      auto removed = files_.remove(join_path(log_->directory, entry.name));
      if (!removed) return removed;
      entries_changed_ = true;
    }
    const auto name = parse_segment_file_name(entry.name);
    if (!name) continue;
    if (!entry.is_regular) {
      return fail(ErrorCode::kafka_storage_error,
                  fmt::format("{}/{} is not a file", log_->directory, entry.name));
    }
    if (name->suffix == names::log_suffix) {
      if (request_.is_clean && entry.size > segment_bytes_limit) {
        return fail(ErrorCode::kafka_storage_error,
                    fmt::format("{}/{} has {} bytes, a segment has at most {}", log_->directory,
                                entry.name, entry.size, segment_bytes_limit));
      }
      log_->segments.push_back({name->base, entry.size});
    } else if (name->suffix == names::offset_index_suffix ||
               name->suffix == names::time_index_suffix ||
               name->suffix == names::transaction_index_suffix) {
      indexes.push_back(*name);
    }
  }
  return drop_orphans(indexes);
}

/// Indexes whose .log is gone.
Result<void> Loading::drop_orphans(const std::vector<SegmentFileName>& indexes) {
  for (const auto& index : indexes) {
    const bool has_log = std::binary_search(
        log_->segments.begin(), log_->segments.end(), LoadedSegment{index.base},
        [](const LoadedSegment& a, const LoadedSegment& b) { return a.base < b.base; });
    if (has_log) continue;
    const auto path = join_path(log_->directory, segment_file_name(index.base, index.suffix));
    log::warn("storage", "{}: an index without its segment is removed", path);
    if (auto removed = files_.remove(path); !removed) return removed;
    entries_changed_ = true;
  }
  return {};
}

/// After a clean stop: the checkpoint knows the end, unless it can't be right.
Result<void> Loading::take_end() {
  const LoadedSegment& last = log_->segments.back();
  const auto point = request_.recovery_point;
  if (last.size_bytes == 0) {
    log_->log_end = last.base;
    return {};
  }
  if (point && *point > last.base) {
    log_->log_end = *point;
    return {};
  }
  auto end = open_last_segment(files_, place(last.base), request_.config->index_interval_bytes);
  if (!end) return fail(std::move(end.error()));
  if (!end->is_whole) return recover_one(log_->segments.back());
  log_->log_end = end->tail.next_offset;
  log_->last = std::move(*end);
  return {};
}

/// After a crash: walks the segments from the one of the recovery point on. One that ends exactly
/// there is walked too: its last time entry was written when it was closed, maybe later.
Result<void> Loading::recover() {
  auto& segments = log_->segments;
  if (segments.empty()) return {};
  const model::Offset point = checkpointed_recovery_point();
  const auto above =
      std::lower_bound(segments.begin(), segments.end(), point,
                       [](const LoadedSegment& s, model::Offset o) { return s.base < o; });
  const auto first =
      static_cast<std::size_t>(above == segments.begin() ? 0 : std::prev(above) - segments.begin());
  for (std::size_t i = first; i < segments.size(); ++i) {
    // A hole between two segments is a lost end of the first, unless this log has holes anyway.
    const bool is_placed = i == first || segments[i].base == log_->log_end ||
                           (segments[i].base > log_->log_end && has_gaps_);
    if (!is_placed) return delete_segments_from(i, "does not follow the segment before it");
    const auto cut_before = log_->cut_bytes;
    if (auto recovered = recover_one(segments[i]); !recovered) return recovered;
    if (log_->cut_bytes > cut_before && i + 1 < segments.size()) {
      return delete_segments_from(i + 1, "lies behind a damaged segment");
    }
  }
  return {};
}

Result<void> Loading::recover_one(LoadedSegment& segment) {
  recovered_from_ = std::min(recovered_from_.value_or(segment.base), segment.base);
  const RecoveryRules rules{checkpointed_recovery_point(), request_.config->index_interval_bytes};
  auto recovered = recover_segment(files_, place(segment.base), rules, log_->epochs);
  if (!recovered) return fail(std::move(recovered.error()));
  if (recovered->cut_bytes > 0) {
    log::warn("storage", "{}: {} bytes behind position {} are cut off: {}",
              place(segment.base).log_path(), recovered->cut_bytes, recovered->tail.size_bytes,
              recovered->cut_reason);
  }
  segment.size_bytes = recovered->tail.size_bytes;
  segment.checked_from = recovered->checked_from;
  if (request_.has_failed_sync) {
    auto wrote = write_again(*recovered->files.log, segment.checked_from, segment.size_bytes);
    if (!wrote) return wrote;
  }
  has_gaps_ |= recovered->has_gaps;
  log_->recovered_bytes += segment.size_bytes - std::min(segment.size_bytes, segment.checked_from);
  log_->cut_bytes += recovered->cut_bytes;
  log_->log_end = recovered->tail.next_offset;
  log_->last = SegmentEnd{std::move(recovered->files), recovered->tail, true};
  return {};
}

Result<void> Loading::delete_segments_from(std::size_t first, std::string_view why) {
  auto& segments = log_->segments;
  GREGOR_ASSERT(first > 0);
  while (segments.size() > first) {
    const auto& segment = segments.back();
    log::warn("storage", "{}: {} bytes are removed: it {}", place(segment.base).log_path(),
              segment.size_bytes, why);
    if (auto removed = remove_segment(segment.base); !removed) return removed;
    log_->deleted_segments += 1;
    segments.pop_back();
  }
  return {};
}

Result<void> Loading::remove_segment(model::Offset base) {
  entries_changed_ = true;
  for (const auto suffix : {names::log_suffix, names::offset_index_suffix, names::time_index_suffix,
                            names::transaction_index_suffix, names::snapshot_suffix}) {
    const auto path = join_path(log_->directory, segment_file_name(base, suffix));
    if (auto removed = files_.remove(path); !removed) return removed;
  }
  return {};
}

Result<void> Loading::make_segment(model::Offset base) {
  auto made = create_segment_files(files_, place(base));
  if (!made) return fail(std::move(made.error()));
  entries_changed_ = true;
  log_->segments.push_back({base, 0, 0});
  log_->log_end = base;
  log_->last = SegmentEnd{std::move(*made), SegmentTail::empty(base), true};
  return {};
}

/// There is at least one segment, and the log reaches at least to where it is said to start.
Result<void> Loading::settle_start() {
  const model::Offset start = request_.log_start.value_or(model::Offset(0));
  auto& segments = log_->segments;
  if (!segments.empty() && log_->log_end < start) {
    log::warn("storage", "{}: ends at {}, below its start {}: all of it is removed",
              log_->directory, log_->log_end.value(), start.value());
    while (!segments.empty()) {
      if (auto removed = remove_segment(segments.back().base); !removed) return removed;
      segments.pop_back();
    }
  }
  if (!segments.empty()) return {};
  return make_segment(start);
}

void Loading::settle_offsets() {
  const auto zero = model::Offset(0);
  const auto first = log_->segments.front().base;
  log_->log_start = std::max(request_.log_start.value_or(zero), first);
  GREGOR_ASSERT(log_->log_start <= log_->log_end);
  const auto point = request_.is_clean ? log_->log_end : checkpointed_recovery_point();
  log_->recovery_point = std::clamp(point, log_->log_start, log_->log_end);
  log_->high_watermark =
      std::clamp(request_.high_watermark.value_or(zero), log_->log_start, log_->log_end);
  log_->epochs.truncate_end(log_->log_end);
  log_->epochs.truncate_start(log_->log_start);
  log_->epochs_changed = !std::ranges::equal(log_->epochs.entries(), request_.epochs);
}

Result<void> Loading::replay() {
  ReplayRequest request;
  request.directory = log_->directory;
  for (const auto& segment : log_->segments) {
    if (recovered_from_ && segment.base < *recovered_from_) ++request.distrusted_from;
    request.segments.push_back({segment.base, segment.size_bytes});
  }
  if (!recovered_from_) request.distrusted_from = request.segments.size();
  request.log_start = log_->log_start;
  request.log_end = log_->log_end;
  auto replayed = replay_producers(files_, request);
  if (!replayed) return fail(std::move(replayed.error()));
  entries_changed_ |= replayed->entries_changed;
  log_->producers = std::move(*replayed);
  return {};
}

}  // namespace

Result<std::unique_ptr<LoadedLog>> load_log(runtime::FileSystem& files,
                                            const LoadRequest& request) {
  return Loading(files, request).run();
}

Result<std::unique_ptr<LoadedLog>> create_log(runtime::FileSystem& files,
                                              const LoadRequest& request) {
  if (auto made = files.create_directory(request.directory); !made) {
    return fail(std::move(made.error()));
  }
  if (request.topic_id) {
    auto wrote =
        replace_small_file_unsynced(files, join_path(request.directory, names::partition_metadata),
                                    format_partition_metadata(*request.topic_id));
    if (!wrote) return fail(std::move(wrote.error()));
  }
  // Empty, which reads as no entries.
  auto epochs =
      files.open(join_path(request.directory, names::epoch_checkpoint), runtime::OpenMode::create);
  if (!epochs) return fail(std::move(epochs.error()));
  auto log = load_log(files, request);  // makes the first segment and syncs the folder
  if (!log) return log;
  if (auto synced = sync_entries(files, parent_directory(request.directory)); !synced) {
    return fail(std::move(synced.error()));
  }
  return log;
}

}  // namespace gregor::storage
