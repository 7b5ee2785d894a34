// One log directory: what lies in its root. LogDirs holds one for each of log.dirs.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/file_system.h"
#include "storage/checkpoint_file.h"
#include "storage/dir_health.h"
#include "storage/log_dirs.h"

namespace gregor::storage {

/// A text checkpoint in the root of a log dir.
struct Checkpoint {
  std::string path;
  std::string text;            ///< as it stands in the file, if that is known
  OffsetsByPartition offsets;  ///< as it was read at start
  OffsetsByPartition current;  ///< what was written last, or read
};

/// A partition's folder with what its small files say.
struct FoundFolder {
  model::TopicPartition partition;
  std::optional<model::Uuid> topic_id;
  std::vector<EpochStart> epochs;
};

/// What lies in a log dir.
struct FoundFolders {
  std::vector<FoundFolder> partitions;
  std::vector<FoundFuture> futures;  ///< log_dir is not set
};

/// Thread: as LogDirs.
struct LogDir {
  std::string path;
  std::unique_ptr<runtime::FileLock> lock;
  std::shared_ptr<DirHealth> health;
  MetaProperties meta;
  bool was_clean = false;
  bool has_failed_sync = false;  ///< of a process before this one: failed_sync.h
  bool is_full = false;          ///< when it was measured last
  Checkpoint recovery_points;
  Checkpoint log_starts;
  Checkpoint high_watermarks;
  Checkpoint first_dirty;  ///< of compacted logs

  /// Makes the directory if need be and locks it. Changes nothing else.
  [[nodiscard]] static Result<LogDir> open(runtime::FileSystem& files, const std::string& path);
  /// Removes the clean-shutdown marker. @durable yes.
  [[nodiscard]] Result<void> take(runtime::FileSystem& files);
  /// Notes the clean-shutdown marker, reads the checkpoints.
  [[nodiscard]] Result<void> begin(runtime::FileSystem& files);
  /// The partitions in it, and copies that are not finished; other folders are skipped with a
  /// warning.
  [[nodiscard]] Result<FoundFolders> find_partitions(runtime::FileSystem& files) const;
};

/// What two dirs, or a dir and the broker, don't agree on; nullopt if they do. Absent agrees.
[[nodiscard]] std::optional<std::string> disagreement(const MetaProperties& known,
                                                      const LogDir& dir);

/// The device or its file system has gone, which is no matter of settings: other dirs may do.
[[nodiscard]] bool is_broken(const Error& error);

/// Rewrites a checkpoint if it changed. @durable yes.
[[nodiscard]] Result<void> write_checkpoint(runtime::FileSystem& files, Checkpoint& checkpoint,
                                            const OffsetsByPartition& offsets);

/// Rewrites a checkpoint without `partition` if it names it. @durable yes.
[[nodiscard]] Result<void> drop_from_checkpoint(runtime::FileSystem& files, Checkpoint& checkpoint,
                                                const model::TopicPartition& partition);

/// Removes a folder with the files in it. @durable yes.
[[nodiscard]] Result<void> remove_folder(runtime::FileSystem& files, const std::string& path);

}  // namespace gregor::storage
