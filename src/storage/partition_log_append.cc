// Stage: an append is validated, waits for its turn, is given its offsets and is queued.
#include <fmt/format.h>

#include <cerrno>

#include "base/assert.h"
#include "model/record_batch.h"
#include "storage/file_names.h"
#include "storage/partition_log_state.h"
#include "storage/planted_bug.h"

namespace gregor::storage {

using model::LeaderEpoch;
using model::Offset;
using runtime::Task;

namespace {

tl::unexpected<BatchError> refused(Error error) {
  return tl::unexpected<BatchError>(BatchError{std::move(error), true, {}});
}

}  // namespace

PreparationOptions PartitionLog::State::preparation_options() {
  return {config.get(), partition_name_, model::TimestampMs(shard_.clock().wall_ms())};
}

Task<AppendResult<AppendInfo>> PartitionLog::State::append(std::shared_ptr<State> self,
                                                           AppendInput input, LeaderEpoch epoch) {
  State& s = *self;
  const Operation running(s);
  if (auto refusal = s.append_refusal()) co_return refused(std::move(*refusal));
  // Markers end what is open and are small: they may take of what is kept in reserve.
  if (!input.marker && !s.health_->has_room()) {
    if (s.counters != nullptr) ++s.counters->failed_appends;
    co_return refused({ErrorCode::kafka_storage_error,
                       fmt::format("the disk of {} is full", parent_directory(s.directory)),
                       ENOSPC});
  }
  // The ticket is drawn before anything can suspend: appends are staged in the order of their
  // calls.
  const std::uint64_t ticket = s.next_ticket_++;
  const std::shared_ptr<const config::TopicConfig> rules = s.config;
  const PreparationOptions options = s.preparation_options();
  AppendResult<PreparedBatch> prepared = PreparedBatch{};
  if (input.marker) {
    prepared = prepare_end_marker(*input.marker, options);
  } else if (is_slow_to_prepare(input.field, *rules)) {
    auto work = [&input, &options] { return prepare_append(input.field, options); };
    auto preparing = runtime::offload(s.shard_, std::move(work));
    prepared = co_await std::move(preparing);
  } else {
    prepared = prepare_append(input.field, options);
  }
  if (s.serving_ != ticket) {
    Turn turn{s, ticket};
    co_await turn;
  }
  Result<void> ready;
  if (prepared && (!s.is_end_open_ || epoch != s.epochs.latest())) {
    auto preparing = s.prepare_to_stage(epoch);
    ready = co_await std::move(preparing);
  }
  StagedAppend staged;
  std::optional<BatchError> refusal;
  if (!prepared) {
    refusal = std::move(prepared.error());
  } else if (!ready) {
    refusal = BatchError{std::move(ready.error()), true, {}};
  } else {
    refusal = s.stage(staged, *prepared, epoch);
  }
  s.pass_turn();
  if (refusal) co_return tl::unexpected<BatchError>(std::move(*refusal));

  auto written = staged.written();
  co_await written;
  if (staged.error) co_return refused(std::move(*staged.error));
  if (s.needs_flush() && !is_planted(PlantedBug::acknowledge_before_write)) {
    auto flushing = s.flush_to(staged.last + 1, FlushScope::data);
    auto flushed = co_await std::move(flushing);
    if (!flushed) co_return refused(std::move(flushed.error()));
  }
  AppendInfo info;
  info.offsets = {staged.first, staged.last + 1};
  info.is_duplicate = staged.is_duplicate;
  if (staged.is_duplicate) {
    info.append_time = staged.max_timestamp;
  } else if (rules->message_timestamp_type == config::TimestampType::log_append_time) {
    info.append_time = options.now;
  }
  info.log_start = s.log_start;
  co_return info;
}

/// The rare part of getting ready: the first append after a start, or under an epoch.
Task<Result<void>> PartitionLog::State::prepare_to_stage(LeaderEpoch epoch) {
  if (!is_end_open_) {
    auto opening = open_end();
    auto opened = co_await std::move(opening);
    if (!opened) co_return opened;
  }
  if (epoch < epochs.latest()) {
    co_return fail(ErrorCode::fenced_leader_epoch,
                   fmt::format("{}: an append under epoch {}, the log is at {}", partition_name_,
                               epoch.value(), epochs.latest().value()));
  }
  if (epoch == epochs.latest()) co_return Result<void>();
  epochs.assign(epoch, staged_end_);
  are_epochs_unsaved_ = true;
  auto saving = save_epochs();
  co_return co_await std::move(saving);
}

std::optional<BatchError> PartitionLog::State::stage(StagedAppend& staged,
                                                     const PreparedBatch& prepared,
                                                     LeaderEpoch epoch) {
  if (auto refusal = append_refusal()) return BatchError{std::move(*refusal), true, {}};
  const auto segment_bytes_max = static_cast<std::uint64_t>(config->segment_bytes);
  if (prepared.bytes.size() > segment_bytes_max) {
    return BatchError{{ErrorCode::record_list_too_large,
                       fmt::format("the batch for {} has {} bytes, a segment at most {}",
                                   partition_name_, prepared.bytes.size(), segment_bytes_max)},
                      true,
                      {}};
  }
  GREGOR_ASSERT(staged_end_ >= log_end);
  GREGOR_ASSERT(prepared.facts.record_count > 0);
  if (staged_end_.value() > INT64_MAX - prepared.facts.record_count) {  // only after damage
    return BatchError{{ErrorCode::kafka_storage_error,
                       fmt::format("{} ends at offset {}: there are no further ones",
                                   partition_name_, staged_end_.value())},
                      true,
                      {}};
  }
  staged.bytes = prepared.bytes;
  staged.first = staged_end_;
  staged.last = staged_end_ + (prepared.facts.record_count - 1);
  staged.max_timestamp = prepared.facts.max_timestamp;
  if (prepared.producer.producer >= model::ProducerId(0)) {
    if (auto known = stage_producer(staged, prepared); !known) {
      return BatchError{std::move(known.error()), true, {}};
    }
    if (staged.is_duplicate) return std::nullopt;
  }
  Offset stored = staged.first;
  if (is_planted(PlantedBug::wrong_base_offset) && !queue_.empty()) stored = queue_.back()->first;
  model::set_base_offset(staged.bytes, stored);
  model::set_leader_epoch(staged.bytes, epoch);
  staged_end_ = staged.last + 1;
  if (is_planted(PlantedBug::acknowledge_before_write)) {
    stage_unawaited(staged);
  } else {
    queue_.push_back(&staged);
    schedule_write();
  }
  return std::nullopt;
}

/// The planted bug: the answer goes out at once, a copy is written a while later.
void PartitionLog::State::stage_unawaited(StagedAppend& staged) {
  auto copy = std::make_unique<StagedAppend>(staged);
  auto bytes = std::vector<std::byte>(staged.bytes.begin(), staged.bytes.end());
  copy->bytes = bytes;
  queue_.push_back(copy.get());
  unawaited_.emplace_back(std::move(copy), std::move(bytes));
  staged.is_done = true;
  constexpr auto delay = std::chrono::milliseconds(200);
  shard_.start_timer(shard_.clock().now() + delay, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->schedule_write();
  });
}

void PartitionLog::State::pass_turn() {
  ++serving_;
  const auto next = waiting_turns_.find(serving_);
  if (next == waiting_turns_.end()) return;
  const auto waiting = next->second;
  waiting_turns_.erase(next);
  shard_.post([waiting] { waiting.resume(); });
}

bool PartitionLog::State::needs_flush() const {
  return log_end - flushed_end_ >= config->flush_messages;
}

}  // namespace gregor::storage
