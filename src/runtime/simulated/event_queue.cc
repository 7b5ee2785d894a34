#include "runtime/simulated/event_queue.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace gregor::runtime::simulated {

EventId EventQueue::push(Instant at, std::uint32_t priority, Event event) {
  std::uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Slot& place = slots_[slot];
  GREGOR_ASSERT(!place.used);
  place.used = true;
  place.event = std::move(event);
  const std::uint64_t order = (static_cast<std::uint64_t>(priority) << 32) | age_++;
  heap_.push_back({at.time_since_epoch().count(), order, slot, place.generation});
  std::push_heap(heap_.begin(), heap_.end(), later);
  ++live_;
  return (static_cast<EventId>(place.generation) << 32) | (slot + 1U);
}

bool EventQueue::cancel(EventId id) {
  const auto position = static_cast<std::uint32_t>(id & UINT32_MAX);
  if (position == 0 || position > slots_.size()) return false;
  const std::uint32_t slot = position - 1;
  if (!slots_[slot].used || slots_[slot].generation != id >> 32) return false;
  const Event destroyed_last = release(slot);  // its destructor may come back here
  compact();
  return true;
}

std::optional<Instant> EventQueue::next_time() {
  while (!heap_.empty() && stale(heap_.front())) pop_key();
  if (heap_.empty()) return std::nullopt;
  return Instant(Duration(heap_.front().time));
}

Event EventQueue::pop() {
  GREGOR_ASSERT(!heap_.empty() && !stale(heap_.front()));
  const std::uint32_t slot = heap_.front().slot;
  pop_key();
  return release(slot);
}

void EventQueue::drop(const Life& life) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].used || slots_[i].event.life != &life) continue;
    const Event destroyed = release(static_cast<std::uint32_t>(i));
  }
  compact();
}

void EventQueue::clear() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].used) const Event destroyed = release(static_cast<std::uint32_t>(i));
  }
  compact();
}

Event EventQueue::release(std::uint32_t slot) {
  Slot& place = slots_[slot];
  place.used = false;
  ++place.generation;
  free_.push_back(slot);
  --live_;
  return std::exchange(place.event, Event{});
}

void EventQueue::pop_key() {
  std::pop_heap(heap_.begin(), heap_.end(), later);
  heap_.pop_back();
}

// Timers are mostly cancelled long before they would fire; without this their keys would pile up.
void EventQueue::compact() {
  if (heap_.size() < 1024 || heap_.size() < 2 * live_) return;
  std::erase_if(heap_, [this](const Key& key) { return stale(key); });
  std::make_heap(heap_.begin(), heap_.end(), later);
}

}  // namespace gregor::runtime::simulated
