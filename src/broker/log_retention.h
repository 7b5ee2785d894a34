// LogRetention: has old segments deleted from time to time, and removes their files some time
// later.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/doomed_files.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"

namespace gregor::broker {

/// Every log.retention.check.interval.ms each partition is asked in turn; the shards work side by
/// side with their other tasks, what touches files goes to the I/O pool.
///
/// Thread: shard 0.
class LogRetention {
 public:
  LogRetention(runtime::Shard& shard, BrokerShared& shared);

  void start();
  /// Ends when nothing runs any more.
  runtime::Task<void> stop();

 private:
  runtime::Task<void> run();
  runtime::Task<void> check_all();

  runtime::Shard& shard_;
  BrokerShared& shared_;
  DoomedFiles doomed_;
  runtime::OneShot stopping_;
  runtime::TaskGroup tasks_;
};

}  // namespace gregor::broker
