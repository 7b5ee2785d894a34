// Going on in another log dir: what a copy of the log has to hold, and standing still while the
// copy takes the place of the log's folder. Everything that is known of the log in memory stays.
#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "storage/checkpoint_file.h"
#include "storage/partition_log_state.h"

namespace gregor::storage {

using runtime::Task;

namespace {

// What is waited for is a matter of milliseconds, but for a cleaning that has to end.
constexpr std::chrono::milliseconds others_nap(5);

}  // namespace

LogExtent PartitionLog::State::extent_now() const {
  LogExtent extent;
  extent.directory = directory;
  extent.log_start = log_start;
  extent.log_end = log_end;
  for (const auto& segment : segments) {
    extent.segments.push_back({segment.base, segment.size_bytes, segment.identity});
  }
  return extent;
}

Task<Result<LogExtent>> PartitionLog::State::extent(std::shared_ptr<State> self) {
  State& s = *self;
  const Operation running(s);
  if (auto refusal = s.append_refusal()) co_return fail(std::move(*refusal));
  if (!s.is_end_open_) {
    auto opening = s.open_end();
    if (auto opened = co_await std::move(opening); !opened) {
      co_return fail(std::move(opened.error()));
    }
  }
  co_return s.extent_now();
}

/// Until nobody cleans or deletes. What follows holds is_reshaping_, so that nobody begins to.
Task<Result<void>> PartitionLog::State::wait_for_others() {
  GREGOR_ASSERT(is_relocating_);
  for (;;) {
    if (auto refusal = append_refusal()) co_return fail(std::move(*refusal));
    if (cleanings_ == 0 && !is_reshaping_) co_return Result<void>();
    auto napping = runtime::sleep_until(shard_, shard_.clock().now() + others_nap);
    co_await std::move(napping);
  }
}

/// From here on nothing writes, opens or renames a file of the log: everybody waits. Whoever holds
/// one of these waits for none that is taken here before it.
Task<Result<void>> PartitionLog::State::hold_still() {
  GREGOR_ASSERT(is_reshaping_);
  while (is_writing_) {
    auto waiting = write_ended_.wait();
    co_await waiting;
  }
  if (is_end_open_) {
    if (auto wrote = write_pending_indexes(); !wrote) co_return wrote;
  }
  is_writing_ = true;
  Result<void> opened;
  if (!is_end_open_) {
    auto opening = open_end();
    opened = co_await std::move(opening);
  }
  while (is_opening_) {
    auto waiting = opened_.wait();
    co_await waiting;
  }
  is_opening_ = is_replacing_ = true;
  while (is_flushing_) {
    auto waiting = flushed_.wait();
    co_await waiting;
  }
  is_flushing_ = true;
  while (is_saving_epochs_) {
    auto waiting = epochs_saved_.wait();
    co_await waiting;
  }
  is_saving_epochs_ = true;
  if (opened && failure) opened = fail(*failure);
  if (!opened) go_on();
  GREGOR_ASSERT(!opened || is_end_open_);
  co_return opened;
}

void PartitionLog::State::go_on() {
  is_saving_epochs_ = is_flushing_ = is_opening_ = is_replacing_ = false;
  epochs_saved_.wake_all();
  flushed_.wake_all();
  opened_.wake_all();
  end_writing();
}

Task<Result<Relocation>> PartitionLog::State::relocate(std::shared_ptr<State> self,
                                                       RelocationWork work) {
  State& s = *self;
  const Operation running(s);
  if (auto refusal = s.append_refusal()) co_return fail(std::move(*refusal));
  if (s.is_relocating_ || !s.topic_id) {
    co_return fail(ErrorCode::operation_not_attempted, "it can't be moved now");
  }
  const Flag relocating(s.is_relocating_);
  auto waiting = s.wait_for_others();
  if (auto waited = co_await std::move(waiting); !waited) {
    co_return fail(std::move(waited.error()));
  }
  const Flag reshaping(s.is_reshaping_);
  auto holding = s.hold_still();
  if (auto held = co_await std::move(holding); !held) co_return fail(std::move(held.error()));
  const FrozenLog frozen{s.extent_now(), format_epoch_checkpoint(s.epochs.entries()),
                         s.high_watermark};
  auto perform = [&work, &frozen] { return work(frozen); };
  auto performing = runtime::offload(s.shard_, std::move(perform));
  Relocation relocation = co_await std::move(performing);
  GREGOR_ASSERT(s.log_end == frozen.extent.log_end);
  if (relocation.done) {
    s.apply_relocation(relocation);
  } else if (relocation.is_halfway) {
    s.fail_halfway(relocation.done.error());
  }
  s.go_on();
  if (!relocation.done && !relocation.is_halfway) {
    co_return fail(std::move(relocation.done.error()));
  }
  relocation.active = {};
  co_return relocation;
}

void PartitionLog::State::apply_relocation(const Relocation& relocation) {
  GREGOR_ASSERT(relocation.active.is_open() && relocation.health != nullptr);
  GREGOR_ASSERT(is_end_open_ && !index_writer_.has_pending() && pending_aborted_.empty());
  for (auto& segment : segments) {
    let_go(segment);
    segment.verified = {};  // what was copied is checked before it is served
    segment.named_damage.clear();
    segment.has_unsynced_data = segment.has_unsynced_indexes = false;
    segment.has_unsynced_aborted = false;
    health_->synced(std::exchange(segment.unsynced_bytes, 0));
  }
  directory = relocation.directory;
  health_ = relocation.health;
  keep_open(active(), relocation.active, open_segments_->room_for_active());
  tail_cache_.clear();
  unsynced_snapshots_.clear();
  has_unsynced_entries_ = false;
  flushed_end_ = recovery_point = log_end;
  ++layout_;
}

/// Nothing must be appended in one of the two folders that the next start does not choose.
void PartitionLog::State::fail_halfway(const Error& error) {
  if (!failure) {
    failure = Error{
        ErrorCode::kafka_storage_error,
        fmt::format("{}: moving it to another log dir failed halfway: {}", directory, error.detail),
        error.os_error};
  }
  log::error("storage", "{}; nothing is appended until the broker starts again", failure->detail);
  std::vector<std::coroutine_handle<>> finished;
  fail_staged(error, finished);
  resume_later(std::move(finished));
}

Task<Result<LogExtent>> PartitionLog::extent() { return State::extent(state_); }
Task<Result<Relocation>> PartitionLog::relocate(RelocationWork work) {
  return State::relocate(state_, std::move(work));
}

}  // namespace gregor::storage
