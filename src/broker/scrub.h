// Scrub: reads the old segments of all logs again and again, slowly, and names what has been
// damaged on the disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/broker_shard.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"
#include "storage/segment_scrub.h"

namespace gregor::broker {

/// What the scrub has done since the start, for metrics.
struct ScrubFigures {
  std::uint64_t passes = 0;  ///< over all logs
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
  std::uint64_t damaged = 0;     ///< places without a sound batch; found again in each pass
  std::uint64_t unreadable = 0;  ///< places that the disk gave an error for
};

/// One pass over all logs every gregor.scrub.interval.ms, at most gregor.scrub.bytes.per.second; 0
/// = never. What is damaged is named and counted, and no longer taken for checked: readers are
/// refused it, and nothing else. Reads go through the page cache.
///
/// Thread: shard 0; reading is done in the I/O pool.
class Scrub {
 public:
  Scrub(runtime::Shard& shard, BrokerShared& shared);

  void start();
  /// Ends when nothing runs any more.
  runtime::Task<void> stop();

  [[nodiscard]] const ScrubFigures& figures() const { return figures_; }

 private:
  /// A log with segments that no longer grow.
  struct Target {
    model::TopicPartition partition;
    std::string directory;
    std::vector<model::Offset> bases;
    bool is_end = false;  ///< there is none any more
  };

  static runtime::Task<Target> target_after(BrokerShard& shard, const model::TopicPartition& last);
  static runtime::Task<bool> doubt(BrokerShard& shard, const model::TopicPartition& partition,
                                   model::Offset base, std::uint64_t position);
  runtime::Task<void> run();
  runtime::Task<void> pass();
  runtime::Task<void> scrub_segment(BrokerShard& shard, const Target& target, model::Offset base);
  runtime::Task<void> note(BrokerShard& shard, const Target& target, model::Offset base,
                           const storage::ScrubFinding& finding);

  runtime::Shard& shard_;
  BrokerShared& shared_;
  ScrubFigures figures_;
  runtime::OneShot stopping_;
  runtime::TaskGroup tasks_;
};

}  // namespace gregor::broker
