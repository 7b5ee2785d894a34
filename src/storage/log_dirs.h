// The log directories of one broker: locks, meta.properties, checkpoints, and loading all
// partitions at start.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
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
#include "storage/partition_log.h"
#include "storage/producer_rules.h"

namespace gregor::storage {

struct LogDirsOptions {
  std::vector<std::string> paths;                      ///< log.dirs
  std::uint32_t recovery_threads_per_dir = 1;          ///< num.recovery.threads.per.data.dir
  std::shared_ptr<ProducerRules> producers = nullptr;  ///< shared by all logs; nullptr: no limits
  std::int64_t reserve_bytes = 0;  ///< free room of a volume that appends leave alone
};

/// How a log dir is doing.
struct LogDirState {
  std::string path;
  std::optional<Error> failure;  ///< it is not used any more
  bool has_room = true;          ///< for appends
  runtime::SpaceInfo space;      ///< when it was measured last
};

/// What meta.properties says; fields that are absent are empty.
struct MetaProperties {
  std::int32_t version = 0;
  std::optional<std::int32_t> broker_id;
  std::optional<std::string> cluster_id;
  std::map<std::string, std::string> others;
};

/// A partition folder found at start, not yet opened.
struct FoundPartition {
  model::TopicPartition partition;
  std::uint32_t log_dir = 0;  ///< index into paths
  std::optional<model::Uuid> topic_id;
  model::LeaderEpoch last_epoch{-1};  ///< last entry of leader-epoch-checkpoint
};

/// A folder "...-future" found at start: the copy of a move that a process before this one did not
/// finish. What it holds is not known.
struct FoundFuture {
  model::TopicPartition partition;
  std::uint32_t log_dir = 0;
  std::string path;
  std::optional<model::Uuid> topic_id;
};

/// A move of a partition to another log dir, from begin_move() on.
struct FolderMove {
  model::TopicPartition partition;
  std::uint32_t to = 0;               ///< log dir
  std::string directory;              ///< of the copy, there
  std::string unique_suffix;          ///< of the folders' names
  std::shared_ptr<DirHealth> health;  ///< of the log dir `to`
};

/// Of a log that stands still, as its checkpoints are to say.
struct SettledPositions {
  model::Offset log_end;                   ///< all of it is on the disk
  std::optional<model::Offset> log_start;  ///< only if above its first segment's base offset
  model::Offset high_watermark;
};

/// How settle_move() ended.
struct SettledMove {
  Result<void> done;
  bool is_halfway = false;  ///< after an error: the next start finds out which folder counts
  std::string directory;    ///< the new one
  std::string retired;      ///< the old one, renamed to "...-delete"
};

/// Offsets of partitions for the three checkpoint files of one log dir.
struct DirCheckpoints {
  /// LogDirs::generation() before the positions were read; nullopt: nothing is made or forgotten
  /// meanwhile.
  std::optional<std::uint64_t> generation;
  /// False: only high_watermarks are written; the others are due less often.
  bool with_recovery_points = true;
  std::map<model::TopicPartition, model::Offset> recovery_points;
  std::map<model::TopicPartition, model::Offset>
      log_starts;  ///< only those above their first segment's base offset
  std::map<model::TopicPartition, model::Offset> high_watermarks;
};

/// A dir that fails, at start or later, goes offline until the process ends: its partitions answer
/// kafka_storage_error, the other dirs go on. Only if all have failed is a start refused.
///
/// Thread: its functions block and are called from the I/O pool (or before the shards start); calls
/// for one log dir must not overlap except load().
/// Order at start: open -> meta() checks, write_meta -> take -> load (any number in parallel) ->
/// ... Order at a clean stop: all logs closed -> write_checkpoints -> write_clean_shutdown_marker.
class LogDirs {
 public:
  /// Makes missing directories, takes the locks, reads meta.properties and the checkpoints, notes
  /// the clean-shutdown markers, finds the partitions. A start that is refused after it has changed
  /// nothing.
  /// A dir whose device fails (EIO, a read-only file system) is offline from the start.
  /// @errors kafka_storage_error: locked by another process, not a directory, unreadable, KRaft's
  /// meta.properties
  ///         (version 1, with a hint), two dirs that disagree
  [[nodiscard]] static Result<std::unique_ptr<LogDirs>> open(runtime::FileSystem& files,
                                                             LogDirsOptions options);
  virtual ~LogDirs() = default;

  /// From here on the dirs are in use: removes the clean-shutdown markers, so that a crash is
  /// known as one. load() and create() do it as well if nobody has. @durable yes.
  [[nodiscard]] virtual Result<void> take() = 0;

  [[nodiscard]] virtual const std::vector<std::string>& paths() const = 0;
  /// What the dirs agree on (an empty one if none has the file).
  [[nodiscard]] virtual MetaProperties meta() const = 0;
  /// Writes meta.properties (version 0) to every dir that lacks it or lacks a field. @durable yes.
  [[nodiscard]] virtual Result<void> write_meta(std::int32_t broker_id,
                                                const std::string& cluster_id) = 0;
  /// In the order of paths(). Thread: any; does not block.
  [[nodiscard]] virtual std::vector<LogDirState> states() const = 0;
  /// True if a dir is offline: then a partition that is not found may lie in it. Thread: any.
  [[nodiscard]] virtual bool has_failed() const = 0;
  /// Looks how much room each volume has; says once when one is full and when it no longer is.
  virtual void measure_room() = 0;
  [[nodiscard]] virtual bool was_clean(std::uint32_t log_dir) const = 0;
  [[nodiscard]] virtual const std::vector<FoundPartition>& partitions() const = 0;

  /// Loads a found partition, with recovery if its dir was not clean. Thread: any, also in
  /// parallel.
  [[nodiscard]] virtual Result<std::unique_ptr<LoadedLog>> load(
      const FoundPartition& found, std::shared_ptr<const config::TopicConfig> config) = 0;
  /// Makes the folder of a new partition in the dir with the fewest partitions that is not offline,
  /// in another one if that fails meanwhile, and an empty log at
  /// offset 0. Serialised inside. @durable yes: the folder's entry is synced.
  [[nodiscard]] virtual Result<std::unique_ptr<LoadedLog>> create(
      const model::TopicPartition& partition, model::Uuid topic_id,
      std::shared_ptr<const config::TopicConfig> config) = 0;
  /// Which dir a partition is in.
  [[nodiscard]] virtual std::optional<std::uint32_t> find(
      const model::TopicPartition& partition) const = 0;
  /// True if a checkpoint file that was read at start names it: then its folder must have been
  /// there.
  [[nodiscard]] virtual bool was_hosted(const model::TopicPartition& partition) const = 0;
  /// Renames the folder of a partition that was found at start and not loaded to "...-delete", and
  /// forgets it.
  /// @return the new path. @durable yes. @errors unknown_topic_or_partition
  [[nodiscard]] virtual Result<std::string> retire(const model::TopicPartition& partition,
                                                   const std::string& unique_suffix) = 0;
  /// The partition's log has been retired, maybe by a process that then crashed: it no longer
  /// counts and leaves the checkpoint files, so that a later one of its name is not taken for it.
  /// @durable yes.
  [[nodiscard]] virtual Result<void> forget(const model::TopicPartition& partition) = 0;

  /// Counts the partitions made and forgotten, so that positions of one that has gone are never
  /// noted for one that was made since under its name.
  [[nodiscard]] virtual std::uint64_t generation() const = 0;
  /// Rewrites the checkpoint files of one dir that changed (tmp, sync, rename, sync dir).
  /// @errors operation_not_attempted: the generation is another one by now; read the positions
  /// again. What fails for good takes the dir offline; nothing is done for one that is
  [[nodiscard]] virtual Result<void> write_checkpoints(std::uint32_t log_dir,
                                                       const DirCheckpoints& checkpoints) = 0;
  /// Up to where a log has been compacted; nullopt: never.
  [[nodiscard]] virtual std::optional<model::Offset> first_dirty(
      const model::TopicPartition& partition) const = 0;
  /// A log has been compacted up to `offset`. While its log is there (hold_for_cleaning).
  /// @durable yes
  [[nodiscard]] virtual Result<void> write_first_dirty(const model::TopicPartition& partition,
                                                       model::Offset offset) = 0;
  [[nodiscard]] virtual Result<void> write_clean_shutdown_marker(std::uint32_t log_dir,
                                                                 std::int64_t broker_epoch) = 0;

  // Moves between log dirs. The copy is made by LogCopy.

  [[nodiscard]] virtual const std::vector<FoundFuture>& futures() const = 0;
  /// Makes the folder of the copy, "<topic>-<partition>.<suffix>-future", in another dir.
  /// @durable yes @errors kafka_storage_error: that dir is offline, or fails;
  /// unknown_topic_or_partition
  [[nodiscard]] virtual Result<FolderMove> begin_move(const model::TopicPartition& partition,
                                                      std::uint32_t to,
                                                      const std::string& unique_suffix,
                                                      model::Uuid topic_id) = 0;
  /// Puts the copy, which is complete and on the disk, into the place of the partition's folder.
  /// Nothing is appended to either until it has ended well. @durable yes
  [[nodiscard]] virtual SettledMove settle_move(const FolderMove& move,
                                                const SettledPositions& positions) = 0;
  /// Removes the folder of a copy with its files; ok if it is gone. @durable yes: what a crash
  /// leaves of it is no copy any more
  [[nodiscard]] virtual Result<void> drop_future(const std::string& path) = 0;

  /// Folders named "...-delete", found at start or made by PartitionLog::retire.
  [[nodiscard]] virtual std::vector<std::string> deleted_folders() const = 0;
  /// Removes one such folder with its files.
  [[nodiscard]] virtual Result<void> remove_deleted(const std::string& path) = 0;
};

}  // namespace gregor::storage
