// What the log cleaner (storage/cleaner/) learns of a log, and what it hands back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/topic_config.h"
#include "model/ids.h"
#include "storage/index_file.h"

namespace gregor::storage {

/// A segment that no longer grows.
struct CleanableSegment {
  model::Offset base;
  std::uint64_t size_bytes = 0;
  /// Only if min.compaction.lag.ms asks for it; -1: its records have none.
  std::optional<model::TimestampMs> largest_timestamp;
  /// Of its first batch; only if max.compaction.lag.ms asks for it.
  std::optional<model::TimestampMs> first_timestamp;
};

/// A log as the cleaner sees it.
struct CleaningFacts {
  model::TopicPartition partition;
  std::string directory;
  std::shared_ptr<const config::TopicConfig> config;
  model::Offset log_start;
  /// Base offset of the active segment.
  model::Offset active_base;
  /// Nothing at or behind it may be compacted: it is not stable, or not on the disk.
  model::Offset bound;
  std::vector<CleanableSegment> segments;  ///< all but the active one
};

/// The last that is known of a producer that may go on.
struct ActiveProducer {
  model::ProducerId id{-1};
  model::ProducerEpoch epoch{-1};
  std::optional<model::Offset>
      last_data;  ///< last offset of its last batch; nullopt: only a marker
};

/// A segment made of others, in files named ".cleaned" that are on the disk.
struct CleanedSegment {
  std::vector<model::Offset> replaced;  ///< bases of those that it replaces; its own is the first
  std::uint64_t size_bytes = 0;
  std::uint32_t offset_entries = 0;
  std::uint32_t time_entries = 0;
  std::uint32_t aborted_count = 0;
  TimeEntry largest_time;

  [[nodiscard]] model::Offset base() const { return replaced.front(); }
};

}  // namespace gregor::storage
