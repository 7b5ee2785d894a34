// BrokerHost: the machine of the broker under test: starts, stops and crashes it, and looks at its
// disk from outside.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "broker/server.h"
#include "metadata/simulated/simulated_store.h"
#include "runtime/simulated/world.h"
#include "sim/settings.h"
#include "sim/violations.h"

namespace gregor::sim {

/// How a start or a stop ended.
enum class HostOutcome : std::uint8_t {
  done,
  crashed,  ///< a crash came first
  failed,   ///< with an error; a stop: not in order
};

/// What happened on the disk, as seen from outside. A tally that stays zero says that a run has
/// tried nothing.
struct DiskCounts {
  std::uint64_t rolled = 0;      ///< ends of a life at which a partition had more than one segment
  std::uint64_t torn_tails = 0;  ///< starts that made a log shorter
  std::uint64_t bytes_lost =
      0;  ///< un-synced sectors that power losses took or tore, and ends cut off
  std::uint64_t kills = 0;
  std::uint64_t power_losses = 0;
  std::uint64_t crashes_in_start = 0;
  std::uint64_t clean_stops = 0;
};

/// Thread: the test's own code, between events.
/// Lifetime: destroyed before the world; ends the life of the broker.
class BrokerHost {
 public:
  /// @param on_end  called the moment the broker ends or begins to stop
  BrokerHost(runtime::simulated::World& world, const Settings& settings, Violations& violations,
             UniqueFunction<void()> on_end);
  BrokerHost(const BrokerHost&) = delete;
  BrokerHost& operator=(const BrokerHost&) = delete;
  ~BrokerHost();

  /// Boots the machine and starts the broker. Not while it is up. [START: it fails, or takes too
  /// long]
  HostOutcome start();
  /// Stops it in order and ends its life. [STOP] A crash that was armed may come before.
  HostOutcome stop();
  /// Ends its life if it has not ended, and on a power loss takes the cache.
  void crash(runtime::simulated::CrashKind kind);
  /// It will crash by itself at the n-th change of a file from now.
  void arm_crash(std::uint64_t n, runtime::simulated::CrashKind kind);
  /// After an armed crash: the broker is gone, bury() is due.
  [[nodiscard]] bool has_crashed() const { return has_crashed_; }
  [[nodiscard]] runtime::simulated::CrashKind crash_kind() const { return crash_kind_; }
  /// Destroys what an ended life has left: before the next start.
  void bury();

  [[nodiscard]] const DiskCounts& counts() const { return counts_; }
  /// A number for the contents of the logs of the topics that last.
  [[nodiscard]] std::uint64_t digest();
  /// Offsets that recovery-point-offset-checkpoint promises to be on the disk, by partition folder.
  [[nodiscard]] std::map<std::string, std::int64_t> recovery_points();

 private:
  struct Progress {
    bool is_done = false;
    bool is_good = false;
    std::string detail;
  };
  static runtime::Task<void> run_start(broker::Server* server, std::shared_ptr<Progress> progress);
  static runtime::Task<void> run_stop(broker::Server* server, std::shared_ptr<Progress> progress);
  HostOutcome await(const Progress& progress, runtime::Duration limit, const char* what);
  [[nodiscard]] broker::ServerOptions make_options();
  [[nodiscard]] std::map<std::string, std::uint64_t> log_sizes();
  [[nodiscard]] bool is_lasting(const std::string& path) const;
  void look_for_rolls();
  void look_for_cuts(const std::map<std::string, std::uint64_t>& before);
  void note_end(runtime::simulated::CrashKind kind);

  runtime::simulated::World& world_;
  const Settings& settings_;
  Violations& violations_;
  UniqueFunction<void()> on_end_;
  runtime::simulated::Node& node_;
  metadata::SimulatedStoreServer store_;
  std::unique_ptr<broker::Server> server_;
  DiskCounts counts_;
  bool has_crashed_ = false;
  bool is_starting_ = false;
  runtime::simulated::CrashKind crash_kind_ = runtime::simulated::CrashKind::kill;
};

}  // namespace gregor::sim
