// TimerQueue: the timers of one shard. Start and cancel are cheap, since every parked fetch arms
// one and few ever fire.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/unique_function.h"
#include "runtime/clock.h"
#include "runtime/shard.h"

namespace gregor::runtime::real {

/// A heap of deadlines; a cancelled timer frees its callback at once and leaves its entry in the
/// heap until it comes up or such entries are the majority.
///
/// Thread:    one shard.
/// Invariant: timers fire in the order of their deadlines, with equal ones in the order of their
/// start.
class TimerQueue {
 public:
  TimerId start(Instant deadline, UniqueFunction<void()> callback);
  /// Ids that are 0, fired, cancelled or unknown are ignored.
  void cancel(TimerId timer);
  /// Runs all that were started before this call and are due at `now`. Callbacks may start and
  /// cancel timers.
  void run_due(Instant now);
  /// The earliest deadline.
  [[nodiscard]] std::optional<Instant> next();
  [[nodiscard]] std::size_t size() const { return live_; }

 private:
  // An id is (generation << 32 | slot); generations begin at 1, so no id is 0.
  struct Slot {
    UniqueFunction<void()> callback;
    std::uint32_t generation = 1;
  };
  struct Entry {
    Instant deadline;
    std::uint64_t sequence;
    TimerId timer;
  };
  static bool later(const Entry& a, const Entry& b);
  [[nodiscard]] bool is_live(TimerId timer) const;
  [[nodiscard]] UniqueFunction<void()> release(TimerId timer);
  void pop();
  void drop_cancelled();

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<Entry> heap_;
  std::uint64_t next_sequence_ = 0;
  std::size_t live_ = 0;
};

}  // namespace gregor::runtime::real
