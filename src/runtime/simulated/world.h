// World: a whole simulated installation: machines, network and time, run from one seed. Start
// reading simulated/ here.
//
//   World world(WorldOptions{.seed = 7});
//   Node& node = world.add_node("broker1");
//   node.boot(2);
//   auto answer = world.run_task(node.shard(0), some_task(...));  // or shard.post() and
//   run_until() node.crash(CrashKind::power);  node.drop_work();  /* destroy broker objects */
//   node.destroy_shards();  node.boot(2);
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/shard.h"
#include "runtime/simulated/node.h"
#include "runtime/simulated/scheduler.h"
#include "runtime/simulated/wire.h"
#include "runtime/simulated/world_options.h"

namespace gregor::runtime::simulated {

/// Thread:    one, also for all that lives in it.
/// Owns:      nodes, network, events. Everything made on its shards is destroyed before it.
/// Invariant: the same options and the same calls give the same events (trace_hash()).
class World {
 public:
  explicit World(const WorldOptions& options = {});
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  Node& add_node(std::string host);
  [[nodiscard]] Node& node(std::uint32_t number) { return *nodes_.at(number); }
  [[nodiscard]] std::size_t node_count() const { return nodes_.size(); }
  [[nodiscard]] Wire& wire() { return wire_; }
  [[nodiscard]] const WorldOptions& options() const { return scheduler_.options(); }

  [[nodiscard]] Instant now() const { return scheduler_.now(); }
  [[nodiscard]] std::uint64_t step_count() const { return scheduler_.steps(); }
  [[nodiscard]] std::size_t pending_events() const { return scheduler_.pending(); }
  /// A stream of random numbers of its own for the test's subsystem `name`.
  [[nodiscard]] Prng split(std::string_view name) const { return scheduler_.split(name); }

  /// Runs `action` at `time` outside of all nodes: for the test's own steps and faults.
  void at(Instant time, UniqueFunction<void()> action);
  /// Runs the next event. @return false if there is none.
  bool run_one() { return scheduler_.run_one(Instant::max()); }
  /// Runs all events up to `time`, included, and sets the clock to it.
  void run_until(Instant time);
  void run_for(Duration duration) { run_until(now() + duration); }
  /// Runs until `done()` is true, asked after each event. @return false if the next event would be
  /// after `limit`.
  template <class Predicate>
  bool run_while_not(Predicate done, Instant limit) {
    while (!done()) {
      if (scheduler_.run_one(limit)) continue;
      if (limit != Instant::max()) scheduler_.advance_to(limit);
      return false;
    }
    return true;
  }
  /// Runs `task` on `shard` to its end. @return nothing if it has not ended within `limit`; it then
  /// belongs to the shard's message tasks.
  template <class T>
  std::optional<T> run_task(Shard& shard, Task<T> task, Duration limit = default_limit) {
    auto state = std::make_shared<TaskState<T>>();
    start_task(shard, store_result(state, std::move(task)));
    run_while_not([&] { return state->done; }, now() + limit);
    return std::move(state->value);
  }
  /// @return false if it has not ended within `limit`.
  bool run_task(Shard& shard, Task<void> task, Duration limit = default_limit) {
    auto state = std::make_shared<TaskState<int>>();
    start_task(shard, note_end(state, std::move(task)));
    return run_while_not([&] { return state->done; }, now() + limit);
  }
  static constexpr Duration default_limit = std::chrono::minutes(1);

  /// Adds to the trace and its hash.
  void trace(std::string_view text) { scheduler_.trace(text); }
  [[nodiscard]] std::uint64_t trace_hash() const { return scheduler_.trace_hash(); }
  /// `sink` gets one line per event from now on; it does not change the hash.
  void set_trace_sink(UniqueFunction<void(std::string_view)> sink) {
    scheduler_.set_trace_sink(std::move(sink));
  }

 private:
  template <class T>
  struct TaskState {
    bool done = false;
    std::optional<T> value;
  };
  template <class T>
  static Task<void> store_result(std::shared_ptr<TaskState<T>> state, Task<T> task) {
    state->value.emplace(co_await std::move(task));
    state->done = true;
  }
  static Task<void> note_end(std::shared_ptr<TaskState<int>> state, Task<void> task);
  static void start_task(Shard& shard, Task<void> task);

  Scheduler scheduler_;
  Wire wire_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace gregor::runtime::simulated
