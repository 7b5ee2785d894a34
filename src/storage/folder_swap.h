// Exchanging the folder of a partition for its copy in another log dir, so that a crash at any
// moment leaves the partition where a start finds it, once.
//
// 1. The copy's folder "t-0.<suffix>-future" in the new dir is complete and on the disk. From its
//    beginning there lies a file ".gregor-moved" in it, with the suffix, which means nothing yet.
// 2. The checkpoint files of the new dir name the partition.
// 3. The copy's folder is renamed to "t-0". Now there are two; both hold the same records, since
//    nothing is appended before step 4 has ended. A start takes the one with ".gregor-moved" and
//    puts the other aside; without that file it refuses, for somebody has copied a folder.
// 4. The old folder is renamed to "t-0.<suffix>-delete".
// 5. ".gregor-moved" and the entries of the old dir's checkpoint files go.
// Each step is on the disk before the next begins. Kafka does 3 and 4 in this order as well, but
// refuses to start between them.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "model/uuid.h"
#include "runtime/file_system.h"
#include "storage/log_dir.h"

namespace gregor::storage {

// Thread of all below: the I/O pool, or a start.

/// Makes the empty folder of a copy, with what belongs into it from the beginning.
/// @durable yes
[[nodiscard]] Result<void> make_future(runtime::FileSystem& files, const std::string& directory,
                                       const std::string& unique_suffix, model::Uuid topic_id);

/// Which of two folders of one partition counts.
struct ChosenFolder {
  bool is_decided = false;  ///< exactly one of them was moved in
  bool is_second = false;   ///< that one counts
  std::string unique_suffix;
};
[[nodiscard]] Result<ChosenFolder> choose_folder(runtime::FileSystem& files,
                                                 const std::string& first,
                                                 const std::string& second);

/// The folder that does not count.
struct SupersededFolder {
  std::uint32_t log_dir = 0;
  model::TopicPartition partition;
  std::string unique_suffix;
};
/// Renames it to "...-delete". @durable yes
[[nodiscard]] Result<void> retire_superseded(runtime::FileSystem& files, const std::string& log_dir,
                                             const SupersededFolder& folder);

/// Steps 2 to 5.
class FolderSwap {
 public:
  FolderSwap(runtime::FileSystem& files, LogDir& from, LogDir& to, const FolderMove& move)
      : files_(files), from_(from), to_(to), move_(move) {}

  /// Steps 2 to 4.
  [[nodiscard]] SettledMove run(const SettledPositions& positions);
  /// Step 5. After an error everything is where it belongs, but the dir has failed.
  [[nodiscard]] Result<void> clean_up();
  /// Whether what failed, failed in the old dir.
  [[nodiscard]] bool is_at_source() const { return is_at_source_; }

 private:
  [[nodiscard]] Result<void> drop_old_mark();
  [[nodiscard]] Result<void> write_checkpoints(const SettledPositions& positions);

  runtime::FileSystem& files_;
  LogDir& from_;
  LogDir& to_;
  const FolderMove& move_;
  bool is_at_source_ = false;
};

}  // namespace gregor::storage
