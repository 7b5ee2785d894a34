// The queue of events of a simulated world: a heap of small keys over a slab of events. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/unique_function.h"
#include "runtime/clock.h"

namespace gregor::runtime::simulated {

/// One life of a node's process, from boot() to the crash. Events and handles of a dead one have no
/// effect.
struct Life {
  std::uint32_t node = 0;
  std::uint32_t number = 0;  ///< 1 = the first boot
  bool alive = true;
  bool outside = false;  ///< the test's own view of a disk: never dies, is not counted
};

/// Gets a message whose turn has come.
class MessageReceiver {
 public:
  virtual void deliver(std::uint32_t sender) = 0;

 protected:
  ~MessageReceiver() = default;
};

enum class EventKind : std::uint8_t { scenario, message, timer, io_work, io_done, network, wake };

inline constexpr std::uint32_t no_node = UINT32_MAX;
inline constexpr std::uint32_t no_shard = UINT32_MAX;

struct Event {
  EventKind kind = EventKind::scenario;
  std::uint32_t node = no_node;
  std::uint32_t shard = no_shard;
  const Life* life = nullptr;           ///< it runs only while this one is alive; null = always
  MessageReceiver* receiver = nullptr;  ///< if set, it is called instead of `action`
  std::uint32_t sender = 0;
  UniqueFunction<void()> action{};
};

using EventId = std::uint64_t;  // 0 = none

/// Events ordered by time, then by the given priority, then by age. Ids of past events are never
/// given again soon (32 bits of generation), so a late cancel does no harm.
class EventQueue {
 public:
  EventId push(Instant at, std::uint32_t priority, Event event);
  /// Removes and destroys an event. @return false if it has run or was cancelled.
  bool cancel(EventId id);
  /// The time of the next event; nothing if there is none.
  [[nodiscard]] std::optional<Instant> next_time();
  /// Takes the next event; there must be one (next_time()).
  [[nodiscard]] Event pop();
  /// Removes and destroys all events of one life, in a fixed order.
  void drop(const Life& life);
  void clear();
  [[nodiscard]] std::size_t size() const { return live_; }

 private:
  struct Key {
    std::int64_t time;
    std::uint64_t order;  // priority, then age
    std::uint32_t slot;
    std::uint32_t generation;
  };
  struct Slot {
    std::uint32_t generation = 0;
    bool used = false;
    Event event;
  };
  static bool later(const Key& a, const Key& b) {
    return a.time != b.time ? a.time > b.time : a.order > b.order;
  }
  [[nodiscard]] bool stale(const Key& key) const {
    return slots_[key.slot].generation != key.generation;
  }
  [[nodiscard]] Event release(std::uint32_t slot);
  void pop_key();
  void compact();

  std::vector<Key> heap_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t live_ = 0;
  std::uint32_t age_ = 0;
};

}  // namespace gregor::runtime::simulated
