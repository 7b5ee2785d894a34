// What a broker does from time to time: checkpoint files, folders of deleted partitions, looking
// for room on the disks and for log dirs that have failed.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "broker/local_partitions.h"
#include "broker/turns.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"
#include "storage/log_dirs.h"

namespace gregor::broker {

/// Thread: shard 0.
class Housekeeping {
 public:
  /// @param on_dirs_lost  called once, on shard 0, soon after the last log dir has failed; may be
  /// empty
  Housekeeping(runtime::Shard& shard, BrokerShared& shared, storage::LogDirs& dirs,
               LocalPartitions& partitions, std::function<void()> on_dirs_lost);

  void start();
  /// Ends when nothing runs any more.
  runtime::Task<void> stop();
  /// Writes the checkpoint files of all dirs that are not offline, with what is true when it is
  /// called or later. One at a time; those who ask meanwhile share the next one.
  /// @return false if one could not be written
  runtime::Task<bool> write_checkpoints();

 private:
  struct Doomed {
    std::string path;
    runtime::Instant due{};
  };
  runtime::Task<void> run();
  runtime::Task<void> watch_dirs();
  [[nodiscard]] bool are_dirs_lost() const;
  runtime::Task<bool> write_checkpoints(bool with_recovery_points);
  runtime::Task<bool> write_checkpoints_once(bool with_recovery_points);
  runtime::Task<std::vector<storage::DirCheckpoints>> collect();
  runtime::Task<void> remove_deleted();

  runtime::Shard& shard_;
  BrokerShared& shared_;
  storage::LogDirs& dirs_;
  LocalPartitions& partitions_;
  std::function<void()> on_dirs_lost_;
  std::deque<Doomed> doomed_;
  Turns checkpoint_turns_;
  std::uint64_t rounds_begun_ = 0;
  std::uint64_t round_written_ = 0;  // the last one that went well
  runtime::OneShot stopping_;
  runtime::OneShot watch_stopping_;
  runtime::TaskGroup tasks_;
};

}  // namespace gregor::broker
