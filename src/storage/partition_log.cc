#include "storage/partition_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "base/log.h"
#include "storage/file_names.h"
#include "storage/partition_log_state.h"
#include "storage/partition_metadata.h"
#include "storage/small_file.h"

namespace gregor::storage {

using model::LeaderEpoch;
using model::Offset;
using runtime::Task;

PartitionLog::State::State(runtime::Shard& shard, LoadedLog loaded)
    : partition(std::move(loaded.partition)),
      directory(std::move(loaded.directory)),
      config(std::move(loaded.config)),
      topic_id(loaded.topic_id),
      epochs(std::move(loaded.epochs)),
      log_start(loaded.log_start),
      log_end(loaded.log_end),
      recovery_point(loaded.recovery_point),
      high_watermark(loaded.high_watermark),
      producers(std::move(loaded.producer_rules)),
      shard_(shard),
      files_(shard.file_system()),
      partition_name_(model::to_string(partition)),
      health_(std::move(loaded.health)),
      open_segments_(loaded.open_segments ? std::move(loaded.open_segments)
                                          : std::make_shared<OpenSegments>(OpenSegmentLimits{})),
      opened_(shard),
      written_from_(loaded.segments.back().size_bytes),
      staged_end_(loaded.log_end),
      flushed_end_(loaded.recovery_point),
      flushed_(shard),
      are_epochs_unsaved_(loaded.epochs_changed),
      epochs_saved_(shard),
      write_ended_(shard),
      idle_(shard) {
  GREGOR_ASSERT(!loaded.segments.empty());
  GREGOR_ASSERT(log_start <= recovery_point && recovery_point <= log_end);
  if (!health_) health_ = std::make_shared<DirHealth>();
  GREGOR_ASSERT(loaded.producers.aborted_counts.size() == loaded.segments.size());
  segments.reserve(loaded.segments.size());
  for (const auto& found : loaded.segments) {
    Segment segment;
    segment.base = found.base;
    segment.size_bytes = found.size_bytes;
    const bool was_recovered = found.checked_from != UINT64_MAX;
    if (was_recovered) segment.verified.add(found.checked_from, found.size_bytes);
    segment.has_unsynced_data = segment.has_unsynced_indexes = was_recovered;
    // The process that crashed may not have come to syncing the entry of this file.
    has_unsynced_entries_ |= was_recovered;
    segments.push_back(std::move(segment));
  }
  begin_roll_time();
  take_producers(std::move(loaded.producers));
  if (loaded.last) take_end(std::move(*loaded.last), open_segments_->room_for_active());
}

std::optional<Error> PartitionLog::State::closed_refusal() const {
  if (!is_closing_) return std::nullopt;
  return Error{ErrorCode::kafka_storage_error,
               fmt::format("the log of {} is closed", partition_name_)};
}

std::optional<Error> PartitionLog::State::read_refusal() const {
  if (health_->has_failed()) return health_->failure();
  return closed_refusal();
}

std::optional<Error> PartitionLog::State::append_refusal() const {
  return failure ? failure : read_refusal();
}

bool PartitionLog::State::note_offline() {
  if (!health_->has_failed()) return false;
  if (!failure) failure = health_->failure();
  return true;
}

void PartitionLog::State::fail_for_good(const Error& error, std::string_view what) {
  // Somebody took this log's files away: that says nothing of the disk, nor of other logs.
  const bool is_missing = error.os_error == ENOENT;
  if (!is_missing) health_->fail(parent_directory(directory), what, error);
  if (failure) return;
  if (is_missing)
    log::error("storage", "{}: {} failed, nothing is appended any more: {}", directory, what,
               error.detail);
  failure = Error{ErrorCode::kafka_storage_error,
                  fmt::format("{}: {} failed: {}", directory, what, error.detail), error.os_error};
}

Task<Result<void>> PartitionLog::State::become_leader(std::shared_ptr<State> self,
                                                      LeaderEpoch epoch) {
  State& s = *self;
  const Operation running(s);
  if (auto refusal = s.append_refusal()) co_return fail(std::move(*refusal));
  GREGOR_ASSERT(epoch >= LeaderEpoch(0));
  if (epoch > s.epochs.latest()) {
    s.epochs.assign(epoch, s.staged_end_);
    s.are_epochs_unsaved_ = true;
  }
  co_return co_await s.save_epochs();
}

// The recovery point goes first: a crash must not leave a start behind the end of the log.
Task<Result<Offset>> PartitionLog::State::move_log_start(std::shared_ptr<State> self, Offset to) {
  State& s = *self;
  const Operation running(s);
  if (auto refusal = s.append_refusal()) co_return fail(std::move(*refusal));
  if (to > s.high_watermark) {
    co_return fail(ErrorCode::offset_out_of_range,
                   fmt::format("offset {} of {} is above the high watermark {}", to.value(),
                               s.partition_name_, s.high_watermark.value()));
  }
  if (to > s.recovery_point) {
    auto flushing = flush(self);
    auto flushed = co_await std::move(flushing);
    if (!flushed) co_return fail(std::move(flushed.error()));
  }
  // While it goes to another log dir its start is being written down there.
  while (s.is_relocating_ && s.is_replacing_) {
    auto waiting = s.opened_.wait();
    co_await waiting;
  }
  if (auto refusal = s.append_refusal()) co_return fail(std::move(*refusal));
  if (to > s.log_start) {
    s.raise_log_start(to);
  }
  co_return s.log_start;
}

Task<Result<void>> PartitionLog::State::save_epochs() {
  while (is_saving_epochs_) co_await epochs_saved_.wait();
  if (!are_epochs_unsaved_) co_return Result<void>();
  is_saving_epochs_ = true;
  are_epochs_unsaved_ = false;
  const std::string path = join_path(directory, names::epoch_checkpoint);
  const std::string text = format_epoch_checkpoint(epochs.entries());
  auto work = [this, &path, &text] { return replace_small_file(files_, path, text); };
  auto saving = runtime::offload(shard_, std::move(work));
  auto saved = co_await std::move(saving);
  is_saving_epochs_ = false;
  if (!saved) are_epochs_unsaved_ = true;
  if (!saved && !is_passing(saved.error())) fail_for_good(saved.error(), "writing leader epochs");
  epochs_saved_.wake_all();
  co_return saved;
}

Task<Result<void>> PartitionLog::State::set_topic_id(std::shared_ptr<State> self, model::Uuid id) {
  State& s = *self;
  const Operation running(s);
  if (auto refusal = s.append_refusal()) co_return fail(std::move(*refusal));
  if (s.topic_id == id) co_return Result<void>();
  if (s.topic_id) {
    co_return fail(ErrorCode::inconsistent_topic_id,
                   fmt::format("{} belongs to topic id {}, not {}", s.directory,
                               s.topic_id->to_string(), id.to_string()));
  }
  s.topic_id = id;
  const std::string path = join_path(s.directory, names::partition_metadata);
  const std::string text = format_partition_metadata(id);
  auto work = [&s, &path, &text] { return replace_small_file(s.files_, path, text); };
  auto writing = runtime::offload(s.shard_, std::move(work));
  auto wrote = co_await std::move(writing);
  if (!wrote) s.topic_id.reset();
  co_return wrote;
}

PartitionLog::PartitionLog(runtime::Shard& shard, LoadedLog loaded)
    : state_(std::make_shared<State>(shard, std::move(loaded))) {}

PartitionLog::~PartitionLog() = default;

Task<AppendResult<AppendInfo>> PartitionLog::append(ByteSpan batch, LeaderEpoch epoch) {
  return State::append(state_, {batch, std::nullopt}, epoch);
}
Task<AppendResult<AppendInfo>> PartitionLog::append_end_marker(model::EndMarker marker,
                                                               LeaderEpoch epoch) {
  return State::append(state_, {{}, marker}, epoch);
}
Task<Result<ReadResult>> PartitionLog::read(ReadRequest request) {
  return State::read(state_, request);
}
Task<Result<TimestampOffset>> PartitionLog::offset_for_time(model::TimestampMs timestamp,
                                                            Offset end) {
  return State::offset_for_time(state_, timestamp, end);
}
Task<Result<TimestampOffset>> PartitionLog::offset_of_max_timestamp(Offset end) {
  return State::offset_of_max_timestamp(state_, end);
}
std::optional<ReadResult> PartitionLog::read_at_hand(const ReadRequest& request) {
  return state_->read_at_hand(request);
}
bool PartitionLog::may_have_aborted(Offset from) const { return state_->may_have_aborted(from); }
Task<Result<std::vector<AbortedTransaction>>> PartitionLog::aborted_transactions(
    model::OffsetRange range) {
  return State::aborted_transactions(state_, range);
}
Task<Result<void>> PartitionLog::become_leader(LeaderEpoch epoch) {
  return State::become_leader(state_, epoch);
}
Task<Result<void>> PartitionLog::set_topic_id(model::Uuid id) {
  return State::set_topic_id(state_, id);
}
Task<Result<Offset>> PartitionLog::move_log_start(Offset to) {
  return State::move_log_start(state_, to);
}
Task<Result<DeletedSegments>> PartitionLog::apply_retention() {
  return State::apply_retention(state_);
}
Task<Result<void>> PartitionLog::flush() { return State::flush(state_); }
bool PartitionLog::release_files() { return state_->release_files(); }
Task<Result<void>> PartitionLog::close() { return State::close(state_); }
Task<Result<std::string>> PartitionLog::retire(std::string unique_suffix) {
  return State::retire(state_, std::move(unique_suffix));
}

Offset PartitionLog::log_start() const { return state_->log_start; }
Offset PartitionLog::first_base() const { return state_->segments.front().base; }
Offset PartitionLog::log_end() const { return state_->log_end; }
Offset PartitionLog::recovery_point() const { return state_->recovery_point; }
Offset PartitionLog::high_watermark() const { return state_->high_watermark; }

void PartitionLog::set_high_watermark(Offset offset) {
  state_->high_watermark = std::clamp(offset, state_->log_start, state_->log_end);
  state_->producers.high_watermark_moved(state_->high_watermark);
}

Offset PartitionLog::last_stable_offset() const {
  const auto unstable = state_->producers.first_unstable();
  if (!unstable) return state_->high_watermark;
  return std::min(std::max(*unstable, state_->log_start), state_->high_watermark);
}

bool PartitionLog::has_open_transaction(model::ProducerId id) const {
  const ProducerEntry* known = state_->producers.find(id);
  return known != nullptr && known->has_transaction();
}

std::vector<ProducerInfo> PartitionLog::producers() const { return state_->list_producers(); }
void PartitionLog::expire_producers() { state_->expire_producers(); }

std::uint64_t PartitionLog::size_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& segment : state_->segments) sum += segment.size_bytes;
  return sum;
}

std::uint64_t PartitionLog::segment_count() const { return state_->segments.size(); }

std::vector<Offset> PartitionLog::closed_segments() const {
  std::vector<Offset> bases;
  const auto& segments = state_->segments;
  std::transform(segments.begin(), std::prev(segments.end()), std::back_inserter(bases),
                 [](const Segment& segment) { return segment.base; });
  return bases;
}

void PartitionLog::forget_verified(Offset base, std::uint64_t position) {
  Segment* const segment = state_->find_segment(base);
  if (segment != nullptr) segment->verified.truncate(position);
}

void PartitionLog::on_log_end(UniqueFunction<void(Offset)> callback) {
  state_->log_end_callback = std::move(callback);
}

void PartitionLog::count_in(LogCounters& counters) { state_->counters = &counters; }

LeaderEpoch PartitionLog::latest_epoch() const { return state_->epochs.latest(); }
LeaderEpoch PartitionLog::epoch_at(Offset offset) const { return state_->epochs.epoch_at(offset); }

PartitionLog::EpochEnd PartitionLog::end_of_epoch(LeaderEpoch epoch) const {
  const EpochStart found = state_->epochs.end_of(epoch, state_->log_end);
  return {found.epoch, found.start};
}

void PartitionLog::set_config(std::shared_ptr<const config::TopicConfig> config) {
  GREGOR_ASSERT(config != nullptr);
  state_->set_config(std::move(config));
}

std::optional<model::Uuid> PartitionLog::topic_id() const { return state_->topic_id; }
const model::TopicPartition& PartitionLog::partition() const { return state_->partition; }
const std::string& PartitionLog::directory() const { return state_->directory; }
bool PartitionLog::is_offline() const { return state_->note_offline(); }

const std::optional<Error>& PartitionLog::failure() const {
  state_->note_offline();
  return state_->failure;
}

}  // namespace gregor::storage
