// SegmentScrub: reads a segment that no longer grows from its start to its end and looks for damage
// at rest, some bytes at a time. What is done about it, and how fast, is the caller's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/file_system.h"
#include "storage/segment_files.h"

namespace gregor::storage {

/// A place where no sound batch lies.
struct ScrubFinding {
  std::uint64_t position = 0;
  model::Offset offset;        ///< of the first record that can't be read
  bool is_unreadable = false;  ///< the disk gives an error; else the bytes are wrong
  std::string text;            ///< names file, position, offset and what is wrong
};

/// Thread: the I/O pool, one call at a time. Holds one descriptor; a segment that is deleted or
/// replaced meanwhile is still the one that was opened.
class SegmentScrub {
 public:
  struct Step {
    std::uint64_t bytes = 0;  ///< how far it came
    std::vector<ScrubFinding> findings;
    bool is_done = false;  ///< the end of the segment is reached, or nothing more can be read
  };

  /// @errors kafka_storage_error; os_error ENOENT: it is gone
  [[nodiscard]] static Result<SegmentScrub> open(runtime::FileSystem& files, SegmentPlace place);

  /// Checks headers, CRCs and the order of the batches of about `bytes_max` bytes; ends early at
  /// damage, behind which the next step goes on.
  [[nodiscard]] Step step(std::uint64_t bytes_max);

 private:
  SegmentScrub(runtime::FileSystem& files, SegmentPlace place, std::shared_ptr<runtime::File> log,
               std::uint64_t size)
      : files_(&files), place_(std::move(place)), log_(std::move(log)), size_(size) {
    next_ = place_.base;
  }
  void note(Step& step, const Error& error);
  void pass_over(bool has_header);
  [[nodiscard]] std::uint64_t next_indexed_position() const;

  // More is not worth the time that a failing disk takes for each.
  static constexpr std::uint32_t unreadable_max = 4;

  runtime::FileSystem* files_;
  SegmentPlace place_;
  std::shared_ptr<runtime::File> log_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
  model::Offset next_;  // behind the last sound batch
  std::uint32_t unreadable_ = 0;
};

}  // namespace gregor::storage
