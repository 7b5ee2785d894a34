// The copy of a log that is made in another log dir while the log is used ("future" replica): which
// bytes it still needs, and completing it while the log stands still. What the log does for it is
// in partition_log_move.cc; exchanging the folders in folder_swap.h; when and how fast, the
// caller's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "runtime/file_system.h"
#include "storage/dir_health.h"
#include "storage/segment_files.h"

namespace gregor::storage {

/// A segment as a copy has to hold it. Base and identity together name its content, which only
/// grows.
struct SegmentExtent {
  model::Offset base;
  std::uint64_t size_bytes = 0;
  std::uint64_t identity = 0;
};

/// What a log consists of at some moment.
struct LogExtent {
  std::string directory;
  std::vector<SegmentExtent> segments;  ///< >= 1; the last one grows
  model::Offset log_start;
  model::Offset log_end;
};

/// A log that stands still: nothing of its folder changes.
struct FrozenLog {
  LogExtent extent;
  std::string epochs;  ///< text of leader-epoch-checkpoint
  model::Offset high_watermark;
};

/// Where a log goes on.
struct Relocation {
  Result<void> done;
  /// After an error: it may be in either folder, with the same records.
  bool is_halfway = false;
  std::string directory;
  std::shared_ptr<DirHealth> health;  ///< of its new log dir
  SegmentFiles active;                ///< of the last segment, opened there
  std::string retired;                ///< the old folder, renamed to "...-delete"
};

/// Copies whole files, byte by byte; the batches that were copied are read back and their CRCs
/// checked, so that nothing damaged takes the place of what may be sound.
///
/// Thread: the I/O pool, one call at a time; size_bytes() and end() between the calls.
class LogCopy {
 public:
  /// @param to  a folder that is there, for nobody else; of the log dir with that health
  LogCopy(runtime::FileSystem& files, std::string to, std::shared_ptr<DirHealth> health)
      : files_(files), to_(std::move(to)), health_(std::move(health)) {}

  struct Step {
    std::uint64_t bytes = 0;  ///< copied
    bool is_done =
        false;  ///< nothing of the extent is missing, but small files of the last segment
  };

  /// Copies about `bytes_max` bytes more, the oldest first; drops what is no longer in the log.
  /// @errors os_error ENOENT: a segment is gone, ask with a newer extent; corrupt_message: damage;
  ///         kafka_storage_error (os_error ENOSPC: the log dir has no room)
  [[nodiscard]] Result<Step> step(const LogExtent& extent, std::uint64_t bytes_max);

  /// Bytes of the extent that are not copied.
  [[nodiscard]] std::uint64_t missing_bytes(const LogExtent& extent) const;

  /// Copies all that is missing. @return the files of the last segment of the copy, open
  /// @durable yes: the folder's files and entries
  [[nodiscard]] Result<SegmentFiles> complete(const FrozenLog& frozen);

  [[nodiscard]] std::uint64_t size_bytes() const;
  /// Of what was copied; -1 if that is nothing.
  [[nodiscard]] model::Offset end() const;

 private:
  struct Copied {
    std::uint64_t identity = 0;
    std::uint64_t size = 0;
    std::uint64_t checked = 0;   // CRCs, up to here
    std::uint64_t unsynced = 0;  // bytes
    bool has_side_files = false;
    model::Offset end;  // of what is checked
  };
  struct Source {  // of the segment that is being copied
    model::Offset base;
    std::uint64_t identity = 0;
    std::shared_ptr<runtime::File> from;
    std::shared_ptr<runtime::File> to;
  };

  [[nodiscard]] Result<void> into_target(Result<void> done, std::string_view what);
  [[nodiscard]] Result<void> drop_others(const LogExtent& extent);
  [[nodiscard]] Result<void> drop_segment(model::Offset base);
  [[nodiscard]] Result<void> open_source(const std::string& directory, const SegmentExtent& wanted);
  [[nodiscard]] Result<void> copy_some(const SegmentExtent& wanted, Copied& copied,
                                       std::uint64_t bytes_max, Step& step);
  [[nodiscard]] Result<void> check(const SegmentExtent& wanted, Copied& copied);
  [[nodiscard]] Result<void> sync_target(runtime::File& file);
  [[nodiscard]] Result<void> sync(model::Offset base, Copied& copied);
  [[nodiscard]] Result<void> copy_side_files(const std::string& directory, model::Offset base);
  [[nodiscard]] Result<void> copy_snapshots(const std::string& directory);
  [[nodiscard]] Result<void> copy_file(const std::string& from, const std::string& to);

  runtime::FileSystem& files_;
  const std::string to_;
  const std::shared_ptr<DirHealth> health_;
  std::map<model::Offset, Copied> segments_;
  Source source_;
  std::vector<std::byte> buffer_;
};

}  // namespace gregor::storage
