// The heart of a simulated world: virtual time, the event queue, the trace, and who is running now.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/unique_function.h"
#include "runtime/clock.h"
#include "runtime/simulated/event_queue.h"
#include "runtime/simulated/prng.h"
#include "runtime/simulated/world_options.h"

namespace gregor::runtime::simulated {

/// Whose code is running; life is null in the test's own code.
struct Context {
  const Life* life = nullptr;
  std::uint32_t shard = no_shard;
};

/// Runs events in the order of virtual time; those that are ready at the same time in a seeded
/// random order.
///
/// Thread:    one.
/// Invariant: time never goes back; no event of a dead Life runs.
class Scheduler {
 public:
  explicit Scheduler(const WorldOptions& options);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  [[nodiscard]] const WorldOptions& options() const { return options_; }
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] Instant start() const { return start_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  /// A stream of numbers of its own for the subsystem `name`.
  [[nodiscard]] Prng split(std::string_view name) const {
    return Prng(derive_seed(options_.seed, name));
  }

  /// Queues an event, not before now. An event of a dead life is destroyed at once. @return 0 then.
  EventId push(Instant at, Event event);
  /// As push; events of equal time and priority run in the order of their pushing.
  EventId push_in_order(Instant at, std::uint32_t priority, Event event);
  bool cancel(EventId id) { return queue_.cancel(id); }
  void drop(const Life& life) { queue_.drop(life); }
  void clear();
  [[nodiscard]] std::size_t pending() const { return queue_.size(); }

  /// Runs the next event if it is due at `limit` or before. @return false if there was none.
  bool run_one(Instant limit);
  /// Moves the clock on; no event may be due before.
  void advance_to(Instant time);
  /// `notice` runs between this event and the next one, in the test's context.
  void after_event(UniqueFunction<void()> notice);

  [[nodiscard]] Context context() const { return context_; }
  /// Calls `function` as if it were an event of `context`.
  template <class F>
  void run_as(Context context, F&& function) {
    const Context before = std::exchange(context_, context);
    function();
    context_ = before;
  }

  void trace(std::string_view text);
  [[nodiscard]] std::uint64_t trace_hash() const { return hash_; }
  void set_trace_sink(UniqueFunction<void(std::string_view)> sink) { sink_ = std::move(sink); }

 private:
  void run_notices();
  void note(const Event& event);
  void count_instant(Instant time);

  const WorldOptions options_;
  const Instant start_;
  Instant now_;
  EventQueue queue_;
  Prng order_;
  Context context_;
  std::deque<UniqueFunction<void()>> notices_;
  std::uint64_t steps_ = 0;
  std::uint64_t steps_at_instant_ = 0;
  std::uint64_t hash_;
  UniqueFunction<void(std::string_view)> sink_;
};

}  // namespace gregor::runtime::simulated
