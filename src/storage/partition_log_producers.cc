// Producers: judging what they append, snapshots of what is known of them, aborted transactions.
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "storage/partition_log_state.h"

namespace gregor::storage {

using model::Offset;
using runtime::Task;

/// What a load, or a look at a log that ended elsewhere, found.
void PartitionLog::State::take_producers(ReplayedProducers found) {
  GREGOR_ASSERT(found.aborted_counts.size() == segments.size());
  producers.reset(std::move(found.entries), found.ended, shard_.clock().wall_ms());
  producers.high_watermark_moved(high_watermark);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    segments[i].aborted_count = found.aborted_counts[i];
    // Of those that were rebuilt: which ones is not noted, and there are few.
    segments[i].has_unsynced_aborted =
        segments[i].has_unsynced_indexes && found.aborted_counts[i] > 0;
  }
  last_snapshot_ = found.last_snapshot;
  unsynced_snapshots_ = std::move(found.unsynced_files);
  has_unsynced_entries_ |= found.entries_changed;
}

/// Judges a batch of a producer, or a marker, and notes it as staged.
Result<void> PartitionLog::State::stage_producer(StagedAppend& staged,
                                                 const PreparedBatch& prepared) {
  const std::int64_t now_ms = shard_.clock().wall_ms();
  if (prepared.marker) {
    if (auto judged = producers.check(*prepared.marker, partition_name_); !judged) return judged;
    staged.aborted = producers.stage(*prepared.marker, staged.first, now_ms);
    staged.has_producer = true;
    return {};
  }
  ProducedBatch batch = prepared.producer;
  batch.first = staged.first;
  batch.last = staged.last;
  batch.max_timestamp = staged.max_timestamp;
  auto judged = producers.check(batch, partition_name_);
  if (!judged) return fail(std::move(judged.error()));
  if (*judged) {
    stage_duplicate(staged, **judged);
    return {};
  }
  producers.stage(batch, now_ms);
  staged.has_producer = true;
  return {};
}

/// The duplicate is done when the original is, and with its outcome.
void PartitionLog::State::stage_duplicate(StagedAppend& staged, const RememberedBatch& original) {
  staged.is_duplicate = true;
  staged.first = original.first();
  staged.last = original.last;
  staged.max_timestamp = original.timestamp;
  staged.is_done = staged.last < log_end;
  if (!staged.is_done) duplicates_.push_back(&staged);
}

/// After a write, or after one that failed: `error`.
void PartitionLog::State::settle_duplicates(const std::optional<Error>& error,
                                            std::vector<std::coroutine_handle<>>& finished) {
  std::erase_if(duplicates_, [&](StagedAppend* duplicate) {
    if (!error && duplicate->last >= log_end) return false;
    if (error) {
      duplicate->error = Error{ErrorCode::kafka_storage_error, error->detail, error->os_error};
    }
    duplicate->is_done = true;
    if (duplicate->waiting) finished.push_back(duplicate->waiting);
    return true;
  });
}

/// Changes nothing in memory: it may run in the I/O pool.
Result<void> PartitionLog::State::write_aborted() {
  if (!has_pending_aborted()) return {};
  std::vector<AbortedTransaction> entries = pending_aborted_;
  entries.insert(entries.end(), run_.aborted.begin(), run_.aborted.end());
  const Segment& segment = segments.back();
  return append_aborted(files_, place(segment.base).transaction_index_path(), segment.aborted_count,
                        entries);
}

void PartitionLog::State::note_aborted_written() {
  if (pending_aborted_.empty()) return;
  Segment& segment = active();
  if (segment.aborted_count == 0) has_unsynced_entries_ = true;
  segment.aborted_count += static_cast<std::uint32_t>(pending_aborted_.size());
  segment.has_unsynced_indexes = segment.has_unsynced_aborted = true;
  pending_aborted_.clear();
}

void PartitionLog::State::note_snapshot(Offset at) {
  last_snapshot_ = at;
  unsynced_snapshots_.push_back(snapshot_path(directory, at));
  has_unsynced_entries_ = true;
}

/// The state at the end of the log, so that the next start need not look for it.
Task<Result<void>> PartitionLog::State::save_snapshot() {
  GREGOR_ASSERT(producers.staged() == 0);
  if (log_end <= last_snapshot_) co_return Result<void>();
  const std::vector<ProducerEntry> entries = producers.written_entries();
  const std::string path = snapshot_path(directory, log_end);
  auto work = [this, &path, &entries] { return write_snapshot(files_, path, entries); };
  auto writing = runtime::offload(shard_, std::move(work));
  auto wrote = co_await std::move(writing);
  if (wrote) note_snapshot(log_end);
  co_return wrote;
}

/// For finding the producers of a log anew whose end is not where it was thought to be.
ReplayRequest PartitionLog::State::replay_request() const {
  ReplayRequest request;
  request.directory = directory;
  request.segments.reserve(segments.size());
  for (const auto& segment : segments)
    request.segments.push_back({segment.base, segment.size_bytes});
  request.distrusted_from = segments.size() - 1;
  request.log_start = log_start;
  request.log_end = log_end;
  return request;
}

std::vector<ProducerInfo> PartitionLog::State::list_producers() const {
  const std::int64_t now_ms = shard_.clock().wall_ms();
  std::vector<ProducerInfo> listed;
  for (const auto& entry : producers.written_entries()) {
    if (producers.is_expired(entry, now_ms)) continue;
    listed.push_back({entry.id, entry.epoch, entry.last_sequence(), entry.last_timestamp,
                      entry.coordinator_epoch, entry.transaction_start});
  }
  std::ranges::sort(listed, {}, &ProducerInfo::id);
  return listed;
}

void PartitionLog::State::expire_producers() { producers.expire(shard_.clock().wall_ms()); }

bool PartitionLog::State::may_have_aborted(model::Offset from) const {
  const auto first = segments.begin() + static_cast<std::ptrdiff_t>(segment_of(from));
  return !pending_aborted_.empty() ||
         std::any_of(first, segments.end(),
                     [](const Segment& segment) { return segment.aborted_count > 0; });
}

Task<Result<std::vector<AbortedTransaction>>> PartitionLog::State::aborted_transactions(
    std::shared_ptr<State> self, model::OffsetRange range) {
  State& s = *self;
  const Operation running(s);
  for (;;) {
    if (auto refusal = s.read_refusal()) co_return fail(std::move(*refusal));
    if (s.is_replacing_) {
      auto waiting = s.opened_.wait();
      co_await waiting;
      continue;
    }
    const std::uint64_t layout = s.layout_;
    auto finding = s.find_aborted(range);
    auto found = co_await std::move(finding);
    // Files that were given other names meanwhile are looked for again.
    if (s.layout_ == layout && !s.is_replacing_) co_return found;
  }
}

Task<Result<std::vector<AbortedTransaction>>> PartitionLog::State::find_aborted(
    model::OffsetRange range) {
  State& s = *this;
  const auto too_low = [&s, range]() -> tl::unexpected<Error> {
    return fail(ErrorCode::offset_out_of_range,
                fmt::format("{} starts at {} now, above {}", s.partition_name_, s.log_start.value(),
                            range.first.value()));
  };
  // What deleted segments knew of the range is missing.
  if (range.first < s.segments.front().base) co_return too_low();
  struct Part {
    std::string path;
    std::uint32_t count = 0;
  };
  std::vector<Part> parts;
  for (std::size_t i = s.segment_of(range.first); i < s.segments.size(); ++i) {
    const Segment& segment = s.segments[i];
    if (segment.aborted_count == 0) continue;
    parts.push_back({s.place(segment.base).transaction_index_path(), segment.aborted_count});
  }
  const std::vector<AbortedTransaction> pending = s.pending_aborted_;
  std::vector<AbortedTransaction> found;
  bool is_complete = false;
  if (!parts.empty()) {
    auto work = [&s, &parts, &found, range]() -> Result<bool> {
      for (const auto& part : parts) {
        const auto file = s.files_.open(part.path, runtime::OpenMode::read);
        if (!file) return fail(file.error());
        auto complete = collect_aborted(**file, part.count, range, found);
        if (!complete || *complete) return complete;
      }
      return false;
    };
    auto collecting = runtime::offload(s.shard_, std::move(work));
    const auto collected = co_await std::move(collecting);
    if (!collected && range.first < s.log_start) co_return too_low();  // being deleted
    if (!collected) co_return fail(collected.error());
    is_complete = *collected;
  }
  for (const auto& entry : pending) {
    if (is_complete) break;
    is_complete = collect_aborted(entry, range, found);
  }
  co_return found;
}

}  // namespace gregor::storage
