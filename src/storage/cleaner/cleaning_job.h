// One cleaning of one log, as work for the I/O pool: reads the dirty part, then rewrites segments
// into ".cleaned" files, step by step. It changes nothing else: the caller swaps the files in.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/file_system.h"
#include "storage/cleaner/batch_filter.h"
#include "storage/cleaner/batch_reader.h"
#include "storage/cleaner/cleaned_writer.h"
#include "storage/cleaner/offset_map.h"
#include "storage/cleaner/segment_groups.h"
#include "storage/log_cleaning.h"

namespace gregor::storage {

struct CleaningRequest {
  std::string directory;
  std::shared_ptr<const config::TopicConfig> config;
  std::vector<GroupedSegment> segments;  ///< from the first one on; index sizes are looked up
  model::Offset first_dirty;
  model::Offset end;  ///< where the last segment ends
  std::vector<AbortedTransaction> aborted;
  std::vector<ActiveProducer> producers;
  model::TimestampMs now;
};

struct MapLimits {
  std::uint64_t bytes_max = std::uint64_t{128} << 20;  ///< log.cleaner.dedupe.buffer.size
  double load_factor = 0.9;                            ///< log.cleaner.io.buffer.load.factor
  HashSecret secret;
};

/// What a cleaning did.
struct CleaningTally {
  std::uint64_t read_bytes = 0;     ///< both passes
  std::uint64_t written_bytes = 0;  ///< of cleaned segments
  std::uint64_t source_bytes = 0;   ///< of the segments that were replaced
  std::uint64_t keys = 0;           ///< in the map
};

/// Thread: one at a time, the I/O pool. Memory: the map, some MiB of buffers, and the largest batch
/// a few times.
class CleaningJob {
 public:
  CleaningJob(runtime::FileSystem& files, CleaningRequest request, const MapLimits& limits);

  enum class Progress {
    going_on,
    segment_ready,  ///< take_segment() before the next step
    done,
  };
  /// Reads about `bytes_max` bytes.
  /// @errors corrupt_message: damage in a segment; message_too_large: one batch has more keys than
  /// the map takes, or what is left of a group is larger than a segment; kafka_storage_error
  [[nodiscard]] Result<Progress> step(std::uint64_t bytes_max);
  /// The segment that is ready to be swapped in.
  [[nodiscard]] CleanedSegment take_segment();
  /// Removes the files of the segment that is being made. After an error, or to give up.
  [[nodiscard]] Result<void> discard();

  /// All below it was cleaned, once it is done.
  [[nodiscard]] model::Offset cleaned_end() const { return cleaned_end_; }
  [[nodiscard]] const CleaningTally& tally() const { return tally_; }

 private:
  struct Source {
    std::size_t index;  // of the segment
    BatchReader reader;
  };
  [[nodiscard]] Result<void> open(std::size_t index);
  [[nodiscard]] Result<Progress> collect_some(std::uint64_t bytes_max);
  [[nodiscard]] Result<void> end_collecting();
  [[nodiscard]] Result<void> plan_groups();
  [[nodiscard]] Result<Progress> rewrite_some(std::uint64_t bytes_max);
  [[nodiscard]] Result<void> begin_group();
  [[nodiscard]] Result<Progress> end_group();
  [[nodiscard]] std::size_t last_filled_of_group() const;

  runtime::FileSystem& files_;
  CleaningRequest request_;
  OffsetMap map_;
  std::optional<KeyCollector> collector_;  // first pass
  std::optional<BatchFilter> filter_;      // second pass
  std::optional<Source> source_;
  std::size_t next_segment_ = 0;
  model::Offset cleaned_end_;

  std::vector<std::size_t> groups_;  // sizes
  std::size_t group_ = 0;
  std::size_t group_begin_ = 0;
  std::size_t group_last_ = 0;  // its last segment with records
  std::optional<CleanedWriter> writer_;
  std::optional<model::Offset> making_;  // base of the segment whose files there are
  std::optional<CleanedSegment> ready_;
  CleaningTally tally_;
};

}  // namespace gregor::storage
