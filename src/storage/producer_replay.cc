#include "storage/producer_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/assert.h"
#include "base/log.h"
#include "storage/batch_scan.h"
#include "storage/file_names.h"
#include "storage/planted_bug.h"
#include "storage/producer_snapshot.h"
#include "storage/segment_files.h"

namespace gregor::storage {
namespace {

using model::Offset;

ProducedBatch produced(const BatchHeader& header) {
  ProducedBatch batch;
  batch.producer = header.producer;
  batch.epoch = header.producer_epoch;
  batch.base_sequence = header.base_sequence;
  batch.first = header.base_offset;
  batch.last = header.last_offset;
  batch.max_timestamp = header.max_timestamp;
  batch.is_transactional = (header.attributes & model::batch_attributes::transactional) != 0;
  return batch;
}

class Replay {
 public:
  Replay(runtime::FileSystem& files, const ReplayRequest& request)
      : files_(files), request_(request), distrusted_from_(request.distrusted_from) {}

  Result<ReplayedProducers> run() {
    const auto listed = files_.list(request_.directory);
    if (!listed) return fail(listed.error());
    if (auto found = find_snapshots(*listed); !found) return fail(std::move(found.error()));
    if (auto read = read_indexes(*listed); !read) return fail(std::move(read.error()));
    if (auto begun = begin(); !begun) return fail(std::move(begun.error()));
    for (std::size_t i = 0; i < request_.segments.size() && !is_skipping(); ++i) {
      if (auto replayed = replay_segment(i); !replayed) return fail(std::move(replayed.error()));
    }
    if (auto kept = keep_snapshot(request_.log_end); !kept) return fail(std::move(kept.error()));
    if (auto dropped = drop_strays(); !dropped) return fail(std::move(dropped.error()));
    result_.entries = state_.written_entries();
    result_.ended = state_.ended();
    result_.last_snapshot = snapshots_.empty() ? request_.log_start : *snapshots_.rbegin();
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::string path_of(Offset snapshot) const {
    return snapshot_path(request_.directory, snapshot);
  }
  [[nodiscard]] bool is_skipping() const {
    return is_planted(PlantedBug::skip_producer_replay) && at_ > request_.log_start;
  }
  using Listing = std::vector<runtime::FileInfo>;
  Result<void> find_snapshots(const Listing& listed);
  Result<void> remove_snapshot(Offset snapshot, std::string_view why);
  Result<void> read_indexes(const Listing& listed);
  Result<void> begin();
  Result<void> replay_segment(std::size_t index);
  Result<void> replay_batches(BatchScanner& scanner);
  Result<void> replay_batch(BatchScanner& scanner, const PlacedBatch& batch);
  Result<void> keep_snapshot(Offset at);
  Result<void> drop_strays();

  runtime::FileSystem& files_;
  const ReplayRequest& request_;
  std::size_t distrusted_from_;
  ProducerState state_;
  Offset at_;                         // state_ holds all below
  std::optional<Offset> begun_with_;  // a snapshot
  std::set<Offset> snapshots_;
  std::vector<AbortedTransaction> aborted_;  // of the segment that is replayed
  ReplayedProducers result_;
};

Result<void> Replay::find_snapshots(const Listing& listed) {
  for (const auto& entry : listed) {
    const auto name = parse_segment_file_name(entry.name);
    if (name && entry.is_regular && name->suffix == names::snapshot_suffix) {
      snapshots_.insert(name->base);
    }
  }
  for (const Offset snapshot : std::set(snapshots_)) {
    if (snapshot >= request_.log_start && snapshot <= request_.log_end) continue;
    if (auto removed = remove_snapshot(snapshot, "lies outside of the log"); !removed) {
      return removed;
    }
  }
  return {};
}

Result<void> Replay::remove_snapshot(Offset snapshot, std::string_view why) {
  log::info("storage", "{} is removed: it {}", path_of(snapshot), why);
  if (auto removed = files_.remove(path_of(snapshot)); !removed) return removed;
  snapshots_.erase(snapshot);
  result_.entries_changed = true;
  return {};
}

/// The transaction indexes that are trusted; from the first that can't be on, all are built anew.
Result<void> Replay::read_indexes(const Listing& listed) {
  const auto& segments = request_.segments;
  result_.aborted_counts.resize(segments.size());
  for (const auto& entry : listed) {
    const auto name = parse_segment_file_name(entry.name);
    if (!name || name->suffix != names::transaction_index_suffix) continue;
    const auto segment = std::ranges::find(segments, name->base, &ReplayedSegment::base);
    const auto index = static_cast<std::size_t>(segment - segments.begin());
    if (index >= distrusted_from_) continue;
    const SegmentPlace place{request_.directory, name->base};
    const auto found = read_transaction_index(files_, place.transaction_index_path(), name->base);
    if (found) {
      result_.aborted_counts[index] = static_cast<std::uint32_t>(found->size());
      continue;
    }
    if (found.error().code == ErrorCode::kafka_storage_error) return fail(found.error());
    log::warn("storage", "{}: {}: it is built anew", place.transaction_index_path(),
              found.error().detail);
    distrusted_from_ = index;
  }
  return {};
}

/// Takes the newest good snapshot from which all that is distrusted can be replayed.
Result<void> Replay::begin() {
  at_ = request_.log_start;
  const bool is_distrusting = distrusted_from_ < request_.segments.size();
  const Offset newest = is_distrusting && !is_planted(PlantedBug::skip_producer_replay)
                            ? request_.segments[distrusted_from_].base
                            : request_.log_end;
  for (;;) {
    const auto above = snapshots_.upper_bound(newest);
    if (above == snapshots_.begin()) return {};
    const Offset snapshot = *std::prev(above);
    auto entries = read_snapshot(files_, path_of(snapshot));
    if (entries) {
      if (auto checked = check_entries(*entries, snapshot); !checked) {
        entries = fail(std::move(checked.error()));
      }
    }
    if (entries) {
      state_.reset(std::move(*entries), {}, 0);
      at_ = snapshot;
      begun_with_ = snapshot;
      return {};
    }
    log::warn("storage", "{}: {}", path_of(snapshot), entries.error().detail);
    if (auto removed = remove_snapshot(snapshot, "can't be used"); !removed) return removed;
  }
}

Result<void> Replay::replay_segment(std::size_t index) {
  const ReplayedSegment& segment = request_.segments[index];
  const bool is_last = index + 1 == request_.segments.size();
  const Offset end = is_last ? request_.log_end : request_.segments[index + 1].base;
  const bool is_distrusted = index >= distrusted_from_;
  if (at_ >= end && !is_distrusted) return {};
  if (is_distrusted && segment.base >= at_) {
    at_ = std::max(at_, segment.base);
    if (auto kept = keep_snapshot(segment.base); !kept) return kept;
  }
  aborted_.clear();
  const SegmentPlace place{request_.directory, segment.base};
  const auto log = files_.open(place.log_path(), runtime::OpenMode::read);
  if (!log) return fail(log.error());
  BatchScanner scanner(**log, 0, segment.size_bytes);
  if (auto replayed = replay_batches(scanner); !replayed) {
    if (replayed.error().code == ErrorCode::kafka_storage_error) return replayed;
    log::warn("storage", "{}: position {}: {}: what lies behind it is not known of its producers",
              place.log_path(), scanner.position(), replayed.error().detail);
  }
  at_ = std::max(at_, end);
  if (!is_distrusted) return {};
  const auto changed =
      replace_transaction_index(files_, place.transaction_index_path(), segment.base, aborted_);
  if (!changed) return fail(changed.error());
  result_.aborted_counts[index] = static_cast<std::uint32_t>(aborted_.size());
  if (*changed && !aborted_.empty()) {
    result_.unsynced_files.push_back(place.transaction_index_path());
  }
  result_.entries_changed |= *changed;
  return {};
}

Result<void> Replay::replay_batches(BatchScanner& scanner) {
  for (;;) {
    auto batch = scanner.next(BatchScanner::Check::header);
    if (!batch) return fail(std::move(batch.error()));
    if (!*batch) return {};
    const BatchHeader& header = (*batch)->header;
    // A damaged log may have more than it should.
    if (header.next_offset() > request_.log_end) return {};
    if (header.last_offset < at_) continue;
    if (auto replayed = replay_batch(scanner, **batch); !replayed) return replayed;
    at_ = header.next_offset();
  }
}

Result<void> Replay::replay_batch(BatchScanner& scanner, const PlacedBatch& batch) {
  const BatchHeader& header = batch.header;
  if (header.producer < model::ProducerId(0)) return {};
  if ((header.attributes & model::batch_attributes::control) == 0) {
    state_.replay(produced(header));
    return {};
  }
  const auto bytes = scanner.bytes_of(batch);
  if (!bytes) return fail(bytes.error());
  const auto view = model::RecordBatchView::parse(*bytes);
  if (!view) return fail(view.error());
  const auto marker = model::read_end_marker(*view);
  if (!marker) return fail(marker.error());
  if (!*marker) return {};
  const auto aborted = state_.replay(**marker, header.last_offset);
  if (aborted) aborted_.push_back(*aborted);
  return {};
}

/// Sees to it that there is a snapshot of what is replayed so far.
Result<void> Replay::keep_snapshot(Offset at) {
  if (at_ > at) return {};  // damaged: a segment goes on beyond where the next one begins
  if (at <= request_.log_start || at == begun_with_) return {};
  const auto entries = state_.written_entries();
  if (snapshots_.contains(at)) {  // of before a crash
    const auto found = read_snapshot(files_, path_of(at));
    if (found && encode_snapshot(*found) == encode_snapshot(entries)) return {};
  }
  if (auto wrote = write_snapshot(files_, path_of(at), entries); !wrote) return wrote;
  snapshots_.insert(at);
  result_.unsynced_files.push_back(path_of(at));
  result_.entries_changed = true;
  return {};
}

/// Of the snapshots that are at no segment's base only the newest is kept, if it is the newest.
Result<void> Replay::drop_strays() {
  for (const Offset snapshot : std::set(snapshots_)) {
    const bool is_base = std::ranges::find(request_.segments, snapshot, &ReplayedSegment::base) !=
                         request_.segments.end();
    if (is_base || snapshot == *snapshots_.rbegin()) continue;
    if (auto removed = remove_snapshot(snapshot, "is older than the newest"); !removed) {
      return removed;
    }
  }
  return {};
}

}  // namespace

Result<ReplayedProducers> replay_producers(runtime::FileSystem& files,
                                           const ReplayRequest& request) {
  return Replay(files, request).run();
}

}  // namespace gregor::storage
