// The log cleaner's side of a log: what it may clean, and swapping in what it has made.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "storage/partition_log_state.h"
#include "storage/segment_swap.h"

namespace gregor::storage {

using model::Offset;
using model::TimestampMs;
using runtime::Task;

namespace {

// Deleting segments, which takes the same turn, is a matter of milliseconds.
constexpr std::chrono::milliseconds reshaping_nap(20);
// How long a swap that has begun waits for a descriptor.
constexpr std::chrono::seconds swap_patience(30);

}  // namespace

Task<Result<CleaningFacts>> PartitionLog::State::cleaning_facts(std::shared_ptr<State> self) {
  State& s = *self;
  const Operation running(s);
  if (auto refusal = s.append_refusal()) co_return fail(std::move(*refusal));
  const bool wants_largest = s.config->min_compaction_lag_ms > 0;
  const bool wants_first =
      s.config->max_compaction_lag_ms < std::numeric_limits<std::int64_t>::max();
  if (wants_largest) {
    auto learning = s.learn_largest_times();
    auto learned = co_await std::move(learning);
    if (!learned) co_return fail(std::move(learned.error()));
  }
  if (wants_first) {
    auto learning = s.learn_first_timestamps();
    auto learned = co_await std::move(learning);
    if (!learned) co_return fail(std::move(learned.error()));
  }
  // After a crash nobody else would move it before the next roll.
  if (s.recovery_point < s.active().base) s.flush_in_background();
  CleaningFacts facts;
  facts.partition = s.partition;
  facts.directory = s.directory;
  facts.config = s.config;
  facts.log_start = s.log_start;
  facts.active_base = s.active().base;
  const Offset unstable = s.producers.first_unstable().value_or(s.high_watermark);
  facts.bound = std::min({unstable, s.high_watermark, s.recovery_point, facts.active_base});
  for (const auto& segment : s.segments) {
    if (segment.base == facts.active_base) break;
    CleanableSegment cleanable{segment.base, segment.size_bytes, std::nullopt, std::nullopt};
    if (wants_largest && segment.largest_time) {
      cleanable.largest_timestamp = segment.largest_time->timestamp;
    }
    if (wants_first) cleanable.first_timestamp = segment.first_timestamp;
    facts.segments.push_back(cleanable);
  }
  co_return facts;
}

/// Sees to it that the timestamp of the first batch is known of all segments but the active one.
Task<Result<void>> PartitionLog::State::learn_first_timestamps() {
  for (;;) {
    const auto unknown = std::find_if(segments.begin(), std::prev(segments.end()),
                                      [](const Segment& s) { return !s.first_timestamp; });
    if (unknown == std::prev(segments.end())) co_return Result<void>();
    const Offset base = unknown->base;
    const std::uint64_t layout = layout_;
    const std::uint64_t size_bytes = unknown->size_bytes;
    const std::string path = place(base).log_path();
    auto work = [this, &path, size_bytes]() -> Result<TimestampMs> {
      const auto file = files_.open(path, runtime::OpenMode::read);
      if (!file) return fail(file.error());
      return first_batch_timestamp(**file, size_bytes);
    };
    auto reading = runtime::offload(shard_, std::move(work));
    const auto timestamp = co_await std::move(reading);
    if (layout_ != layout) continue;
    if (!timestamp) co_return fail(timestamp.error());
    find_segment(base)->first_timestamp = *timestamp;
  }
}

std::vector<ActiveProducer> PartitionLog::State::active_producers() const {
  const std::int64_t now_ms = shard_.clock().wall_ms();
  std::vector<ActiveProducer> active;
  for (const auto& entry : producers.written_entries()) {
    if (producers.is_expired(entry, now_ms) && !entry.has_transaction()) continue;
    ActiveProducer producer{entry.id, entry.epoch, std::nullopt};
    if (const auto* last = entry.last_batch(); last != nullptr && last->last >= Offset(0)) {
      producer.last_data = last->last;
    }
    active.push_back(producer);
  }
  return active;
}

/// The segments that `cleaned` replaces, if they are still there; nullopt if not.
std::optional<std::size_t> PartitionLog::State::replaced_by(const CleanedSegment& cleaned) const {
  const std::size_t first = segment_of(cleaned.base());
  if (first + cleaned.replaced.size() >= segments.size()) return std::nullopt;
  for (std::size_t i = 0; i < cleaned.replaced.size(); ++i) {
    if (segments[first + i].base != cleaned.replaced[i]) return std::nullopt;
  }
  return first;
}

/// Waits until nobody opens files by their names or syncs, and nothing is left to be synced of the
/// segments that will be replaced.
Task<Result<void>> PartitionLog::State::settle_files(const CleanedSegment& cleaned) {
  for (;;) {
    if (failure) co_return fail(*failure);
    if (is_flushing_) {
      auto waiting = flushed_.wait();
      co_await waiting;
      continue;
    }
    if (is_opening_) {
      auto waiting = opened_.wait();
      co_await waiting;
      continue;
    }
    const auto first = replaced_by(cleaned);
    if (!first) {
      co_return fail(ErrorCode::operation_not_attempted,
                     fmt::format("the segments of {} are others by now", partition_name_));
    }
    const auto begin = segments.begin() + static_cast<std::ptrdiff_t>(*first);
    const auto end = begin + static_cast<std::ptrdiff_t>(cleaned.replaced.size());
    const bool is_synced = std::none_of(begin, end, [](const Segment& segment) {
      return segment.has_unsynced_data || segment.has_unsynced_indexes;
    });
    if (is_synced) co_return Result<void>();
    auto flushing = flush_once(FlushScope::old_segments);
    if (auto flushed = co_await std::move(flushing); !flushed) co_return flushed;
  }
}

Task<Result<std::vector<std::string>>> PartitionLog::State::replace_segments(
    std::shared_ptr<State> self, CleanedSegment cleaned) {
  State& s = *self;
  const Operation running(s);
  if (auto refusal = s.append_refusal()) co_return fail(std::move(*refusal));
  while (s.is_reshaping_) {
    auto napping = runtime::sleep_until(s.shard_, s.shard_.clock().now() + reshaping_nap);
    co_await std::move(napping);
  }
  const Flag reshaping(s.is_reshaping_);
  auto settling = s.settle_files(cleaned);
  if (auto settled = co_await std::move(settling); !settled) {
    co_return fail(std::move(settled.error()));
  }
  s.is_opening_ = s.is_replacing_ = true;
  SegmentSwap swap(s.files_, s.directory, cleaned);
  SwapOutcome swapped;
  const runtime::Instant patience = s.shard_.clock().now() + swap_patience;
  for (;;) {
    auto work = [&swap] { return swap.run(); };
    auto swapping = runtime::offload(s.shard_, std::move(work));
    swapped = co_await std::move(swapping);
    if (!swapped.may_go_on || s.shard_.clock().now() >= patience) break;
    auto napping = runtime::sleep_until(s.shard_, s.shard_.clock().now() + reshaping_nap);
    co_await std::move(napping);
  }
  if (swapped.done) s.apply_replacement(cleaned);
  s.is_opening_ = s.is_replacing_ = false;
  s.opened_.wake_all();
  if (swapped.done) co_return swap.take_deleted();
  if (swapped.is_halfway) s.fail_for_good(swapped.done.error(), "swapping in a cleaned segment");
  co_return fail(std::move(swapped.done.error()));
}

void PartitionLog::State::apply_replacement(const CleanedSegment& cleaned) {
  const auto first = replaced_by(cleaned);
  GREGOR_ASSERT(first.has_value());
  Segment made;
  made.base = cleaned.base();
  made.size_bytes = cleaned.size_bytes;
  made.offset_entries = cleaned.offset_entries;
  made.time_entries = cleaned.time_entries;
  made.largest_time = cleaned.largest_time;
  made.verified.add(0, cleaned.size_bytes);
  made.aborted_count = cleaned.aborted_count;
  made.used = ++use_count_;
  made.identity = ++layout_;
  const auto begin = segments.begin() + static_cast<std::ptrdiff_t>(*first);
  *begin = std::move(made);
  segments.erase(begin + 1, begin + static_cast<std::ptrdiff_t>(cleaned.replaced.size()));
}

std::shared_ptr<void> PartitionLog::State::hold(std::shared_ptr<State> self) {
  if (self->append_refusal() || self->is_relocating_) return nullptr;
  struct Hold {
    explicit Hold(std::shared_ptr<State> held) : state(std::move(held)), running(*state) {
      ++state->cleanings_;
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { --state->cleanings_; }
    std::shared_ptr<State> state;
    Operation running;
  };
  return std::make_shared<Hold>(std::move(self));
}

Task<Result<CleaningFacts>> PartitionLog::cleaning_facts() { return State::cleaning_facts(state_); }
std::vector<ActiveProducer> PartitionLog::active_producers() const {
  return state_->active_producers();
}
std::shared_ptr<void> PartitionLog::hold_for_cleaning() { return State::hold(state_); }
bool PartitionLog::is_closing() const { return state_->is_closing(); }
Task<Result<std::vector<std::string>>> PartitionLog::replace_segments(CleanedSegment cleaned) {
  return State::replace_segments(state_, std::move(cleaned));
}

}  // namespace gregor::storage
