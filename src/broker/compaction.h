// Compaction: sees to it that compacted logs are cleaned, the dirtiest first.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/duration_histogram.h"
#include "broker/broker_shard.h"
#include "broker/doomed_files.h"
#include "model/uuid.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"
#include "storage/cleaner/log_cleaner.h"
#include "storage/log_dirs.h"

namespace gregor::broker {

/// What compaction has done, for metrics.
struct CompactionFigures {
  std::uint64_t cleanings = 0;  ///< that ended well
  std::uint64_t failed = 0;
  std::uint64_t running = 0;
  std::uint64_t uncleanable = 0;  ///< partitions that are left alone until the next start
  std::uint64_t read_bytes = 0;
  std::uint64_t source_bytes = 0;   ///< of segments that were replaced
  std::uint64_t written_bytes = 0;  ///< of those that replaced them
  double max_dirty_ratio = 0;       ///< when it was looked last
  DurationHistogram durations;
};

/// Up to log.cleaner.threads logs at the same time; each on the shard that owns it, with the work
/// in the I/O pool. A log that can't be cleaned is left alone, the others go on.
///
/// Thread: shard 0. Old files that still wait when the broker ends are removed at its next start.
class Compaction {
 public:
  Compaction(runtime::Shard& shard, BrokerShared& shared, storage::LogDirs& dirs);

  void start();
  /// Ends when nothing runs any more; cleanings are cut off.
  runtime::Task<void> stop();

  [[nodiscard]] const CompactionFigures& figures() const { return figures_; }

 private:
  struct Candidate {
    model::Uuid topic_id;
    runtime::ShardId shard;
    storage::CleaningPlan plan;
  };
  struct Cleaned;

  static runtime::Task<std::vector<Candidate>> candidates_of(BrokerShard& shard);
  static runtime::Task<Cleaned> clean_on(BrokerShard& shard, storage::LogDirs& dirs,
                                         const Candidate& chosen, storage::CleanerOptions options);
  runtime::Task<void> run();
  runtime::Task<void> start_some();
  runtime::Task<std::optional<Candidate>> choose();
  [[nodiscard]] bool is_left_alone(const Candidate& candidate);
  runtime::Task<void> clean(Candidate chosen);
  void note(const Candidate& chosen, Cleaned cleaned, runtime::Duration took);
  [[nodiscard]] storage::CleanerOptions options() const;

  runtime::Shard& shard_;
  BrokerShared& shared_;
  storage::LogDirs& dirs_;
  CompactionFigures figures_;
  std::atomic<bool> is_stopping_{false};
  std::unique_ptr<runtime::OneShot> news_;  // a cleaning has ended, or all has to
  std::set<model::TopicPartition> running_;
  std::map<model::TopicPartition, model::Uuid> uncleanable_;
  std::map<model::TopicPartition, runtime::Instant> resting_;  // not before
  DoomedFiles doomed_;
  runtime::TaskGroup tasks_;
};

}  // namespace gregor::broker
