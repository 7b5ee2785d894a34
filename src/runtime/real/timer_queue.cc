#include "runtime/real/timer_queue.h"

#include <algorithm>
#include <utility>

namespace gregor::runtime::real {
namespace {

constexpr std::size_t cancelled_kept_min = 64;

std::uint32_t slot_of(TimerId timer) { return static_cast<std::uint32_t>(timer); }
std::uint32_t generation_of(TimerId timer) { return static_cast<std::uint32_t>(timer >> 32); }

}  // namespace

bool TimerQueue::later(const Entry& a, const Entry& b) {
  return a.deadline != b.deadline ? a.deadline > b.deadline : a.sequence > b.sequence;
}

TimerId TimerQueue::start(Instant deadline, UniqueFunction<void()> callback) {
  GREGOR_ASSERT(callback);
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].callback = std::move(callback);
  const TimerId timer = (static_cast<TimerId>(slots_[slot].generation) << 32) | slot;
  heap_.push_back({deadline, next_sequence_++, timer});
  std::push_heap(heap_.begin(), heap_.end(), later);
  ++live_;
  return timer;
}

bool TimerQueue::is_live(TimerId timer) const {
  const std::uint32_t slot = slot_of(timer);
  return slot < slots_.size() && slots_[slot].generation == generation_of(timer) &&
         slots_[slot].callback;
}

UniqueFunction<void()> TimerQueue::release(TimerId timer) {
  GREGOR_ASSERT(is_live(timer));
  Slot& slot = slots_[slot_of(timer)];
  if (++slot.generation == 0) slot.generation = 1;
  free_slots_.push_back(slot_of(timer));
  --live_;
  return std::move(slot.callback);
}

void TimerQueue::cancel(TimerId timer) {
  if (!is_live(timer)) return;
  // Destroyed at the end of this function, when the queue is whole again: its destructor may call
  // back here.
  const UniqueFunction<void()> callback = release(timer);
  if (heap_.size() > cancelled_kept_min && live_ < heap_.size() / 2) drop_cancelled();
}

void TimerQueue::drop_cancelled() {
  std::erase_if(heap_, [this](const Entry& entry) { return !is_live(entry.timer); });
  std::make_heap(heap_.begin(), heap_.end(), later);
  GREGOR_ASSERT(heap_.size() == live_);
}

void TimerQueue::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), later);
  heap_.pop_back();
}

std::optional<Instant> TimerQueue::next() {
  while (!heap_.empty() && !is_live(heap_.front().timer)) pop();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().deadline;
}

void TimerQueue::run_due(Instant now) {
  // A callback that starts a timer which is due already must not keep the loop here.
  const std::uint64_t end = next_sequence_;
  while (true) {
    const auto deadline = next();
    if (!deadline || *deadline > now || heap_.front().sequence >= end) return;
    const TimerId timer = heap_.front().timer;
    pop();
    UniqueFunction<void()> callback = release(timer);
    callback();
  }
}

}  // namespace gregor::runtime::real
