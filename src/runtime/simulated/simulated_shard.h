// SimulatedShard: one shard of a node, stepped by the scheduler.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "runtime/shard.h"
#include "runtime/simulated/disk.h"
#include "runtime/simulated/scheduler.h"
#include "runtime/simulated/simulated_network.h"

namespace gregor::runtime::simulated {

/// What all shards of one life share; borrowed, outlives them.
struct ShardSurroundings {
  Scheduler& scheduler;
  const Life& life;
  Disk& disk;
  Wire& wire;
  Clock& clock;
  FileSystem& file_system;
};

/// Thread: the one of the world; all shards of all nodes share it. After the life has ended nothing
/// of it runs: what is
///         posted or started then is destroyed at once.
class SimulatedShard final : public Shard, private MessageReceiver {
 public:
  using Siblings = std::vector<std::unique_ptr<SimulatedShard>>;
  /// @param siblings all shards of this life, in the order of their ids, complete before anything
  /// runs
  SimulatedShard(const ShardSurroundings& surroundings, const Siblings& siblings, ShardId id);
  SimulatedShard(const SimulatedShard&) = delete;
  SimulatedShard& operator=(const SimulatedShard&) = delete;

  ShardId id() const override { return id_; }
  std::uint32_t count() const override { return static_cast<std::uint32_t>(siblings_.size()); }
  Shard& peer(ShardId id) override { return *siblings_.at(id.value()); }
  void post(UniqueFunction<void()> message) override;
  Clock& clock() override { return surroundings_.clock; }
  Random& random() override { return random_; }
  FileSystem& file_system() override { return surroundings_.file_system; }
  Network& network() override { return network_; }
  TimerId start_timer(Instant deadline, UniqueFunction<void()> callback) override;
  void cancel_timer(TimerId timer) override { surroundings_.scheduler.cancel(timer); }
  void submit_io(UniqueFunction<void()> work, UniqueFunction<void()> done) override;
  TaskGroup& message_tasks() override { return *message_tasks_; }

  /// Destroys message tasks and queued messages without running them. The life must have ended.
  void drop_work();

 private:
  class SplitRandom final : public Random {
   public:
    explicit SplitRandom(Prng numbers) : numbers_(numbers) {}
    std::uint64_t next() override { return numbers_.next(); }

   private:
    Prng numbers_;
  };
  void deliver(std::uint32_t sender) override;
  [[nodiscard]] Event event(EventKind kind) const;

  const ShardSurroundings surroundings_;
  const Siblings& siblings_;
  const ShardId id_;
  SimulatedNetwork network_;
  SplitRandom random_;
  Prng delay_numbers_;
  const std::uint64_t timer_salt_;
  // A message event means "the next message of this sender", so no delay can reorder them.
  std::vector<std::deque<UniqueFunction<void()>>> mailboxes_;
  std::unique_ptr<TaskGroup> message_tasks_;
};

}  // namespace gregor::runtime::simulated
