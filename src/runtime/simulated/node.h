// Node: a simulated machine: a disk that stays, and shards that a crash ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/simulated/disk.h"
#include "runtime/simulated/simulated_file_system.h"
#include "runtime/simulated/simulated_shard.h"
#include "runtime/simulated/wire.h"

namespace gregor::runtime::simulated {

enum class CrashKind : std::uint8_t {
  kill,   ///< the process ends; what was written stays in the page cache
  power,  ///< the machine stops; of what was not synced any part may be lost or torn
};

/// Life of a node: boot() -> broker objects are made on its shards -> crash() -> drop_work() -> the
/// owner destroys its broker objects -> destroy_shards() -> boot() ...
///
/// Thread: one. Owned by the World.
class Node {
 public:
  Node(Scheduler& scheduler, Wire& wire, std::uint32_t number, std::string host);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();

  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] const std::string& host() const { return host_; }

  /// Makes fresh shards. The old ones must be gone (destroy_shards()).
  void boot(std::uint32_t shard_count);
  [[nodiscard]] bool is_up() const { return life_ != nullptr && life_->alive; }
  [[nodiscard]] std::uint32_t boot_count() const {
    return static_cast<std::uint32_t>(lives_.size());
  }
  [[nodiscard]] Shard& shard(std::uint32_t id) { return *shards_.at(id); }
  /// The file system of the running life, as shard().file_system().
  [[nodiscard]] FileSystem& file_system() { return *file_system_; }

  /// From now on no event of this life runs, its file operations fail with EIO without effect, no
  /// byte leaves it; its peers see their connections reset after a delay; its listeners refuse. May
  /// be called from within an event of the node itself, which then runs to its end without effect.
  /// Also on a node that is down (power: what is in the cache).
  void crash(CrashKind kind);
  /// Crashes at the n-th effectful file operation from now (1 = the next), which is done, not done
  /// or done in part. `notice` is called in the test's context before the next event; it may
  /// destroy and boot. A crash before clears it.
  void crash_after_file_operations(std::uint64_t n, CrashKind kind,
                                   UniqueFunction<void()> notice = {});
  /// Destroys queued events, messages and message tasks of the ended life. They refer to broker
  /// objects: so call it before these are destroyed.
  void drop_work();
  /// Ends the life if it has not (as a kill), drops its work and destroys its shards. What refers
  /// to them is gone.
  void destroy_shards();

  [[nodiscard]] Disk& disk() { return disk_; }
  /// The disk as the test sees it: not counted, no faults, works while the node is down.
  [[nodiscard]] FileSystem& outside_files() { return outside_files_; }
  /// Of the last crash(power).
  [[nodiscard]] const PowerLoss& last_power_loss() const { return last_power_loss_; }
  /// Moves the wall clock; the monotonic clock is not touched.
  void set_wall_offset_ms(std::int64_t offset) { clock_.offset_ms = offset; }

 private:
  struct NodeClock final : Clock {
    explicit NodeClock(const Scheduler& owner) : scheduler(owner) {}
    Instant now() const override { return scheduler.now(); }
    std::int64_t wall_ms() const override;
    const Scheduler& scheduler;
    std::int64_t offset_ms = 0;
  };

  Scheduler& scheduler_;
  Wire& wire_;
  const std::uint32_t number_;
  const std::string host_;
  NodeClock clock_;
  Disk disk_;
  const Life outside_;
  SimulatedFileSystem outside_files_;
  std::vector<std::unique_ptr<Life>>
      lives_;  // all of them: old handles and connections still ask whether theirs is alive
  Life* life_ = nullptr;  // the last one
  std::unique_ptr<SimulatedFileSystem> file_system_;
  SimulatedShard::Siblings shards_;
  PowerLoss last_power_loss_;
};

}  // namespace gregor::runtime::simulated
