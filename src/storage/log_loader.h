// Loading the log of one partition at start: after a clean stop from names and sizes alone, after a
// crash with recovery.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/topic_config.h"
#include "model/ids.h"
#include "model/uuid.h"
#include "runtime/file_system.h"
#include "storage/dir_health.h"
#include "storage/leader_epoch_cache.h"
#include "storage/open_segments.h"
#include "storage/producer_replay.h"
#include "storage/producer_rules.h"
#include "storage/segment_files.h"

namespace gregor::storage {

/// A segment as it was found.
struct LoadedSegment {
  model::Offset base;
  std::uint64_t size_bytes = 0;
  std::uint64_t checked_from = UINT64_MAX;  ///< CRCs were checked from here to the end
};

/// What loading found, before it is bound to a shard.
struct LoadedLog {
  model::TopicPartition partition;
  std::string directory;
  std::shared_ptr<const config::TopicConfig> config;
  std::shared_ptr<DirHealth> health;
  std::optional<model::Uuid> topic_id;
  LeaderEpochCache epochs;
  bool epochs_changed = false;  ///< against the file

  std::vector<LoadedSegment> segments;  ///< >= 1, in order
  /// Files and end of the last segment, if it was opened: after a clean stop it was not, and
  /// log_end is what the checkpoint says.
  std::optional<SegmentEnd> last;
  model::Offset log_start;
  model::Offset log_end;
  model::Offset recovery_point;
  model::Offset high_watermark;
  ReplayedProducers producers;
  std::shared_ptr<ProducerRules> producer_rules;  ///< nullptr: no limits
  std::shared_ptr<OpenSegments> open_segments;    ///< of the shard that gets it; nullptr: no limit

  // What recovery did, for logs and figures.
  std::uint64_t recovered_bytes = 0;
  std::uint64_t cut_bytes = 0;
  std::uint32_t deleted_segments = 0;
};

/// Where and how to load.
struct LoadRequest {
  model::TopicPartition partition;
  std::string directory;
  std::shared_ptr<const config::TopicConfig> config;
  std::shared_ptr<DirHealth> health;
  std::shared_ptr<ProducerRules> producer_rules;
  std::optional<model::Uuid> topic_id;
  std::vector<EpochStart> epochs;
  bool is_clean = false;
  bool keeps_moved_mark = false;  ///< folder_swap.h: the old folder may still be somewhere
  bool has_failed_sync = false;   ///< what lies beyond the recovery point may not be on the disk
  std::optional<model::Offset> recovery_point;  ///< checkpoints; nullopt = no entry
  std::optional<model::Offset> log_start;
  std::optional<model::Offset> high_watermark;
};

/// Thread: the I/O pool or before the shards start; several logs in parallel.
/// @errors kafka_storage_error: a file can't be read or changed, a segment is larger than the
/// format
///         allows; unsupported_for_message_format
/// @durable what recovery removed is removed for good (the directory is synced)
[[nodiscard]] Result<std::unique_ptr<LoadedLog>> load_log(runtime::FileSystem& files,
                                                          const LoadRequest& request);

/// Makes the folder of a new partition with its files and an empty segment at offset 0.
/// @durable yes: files, folder and the folder's entry.
[[nodiscard]] Result<std::unique_ptr<LoadedLog>> create_log(runtime::FileSystem& files,
                                                            const LoadRequest& request);

}  // namespace gregor::storage
