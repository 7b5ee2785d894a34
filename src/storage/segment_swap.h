// Putting a cleaned segment into the place of those it was made of, so that a crash at any moment
// leaves, after finish_swaps (swap_files.h), either them or it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "runtime/file_system.h"
#include "storage/log_cleaning.h"

namespace gregor::storage {

/// Path of a file of a segment while it is being made. @param suffix  of names::
[[nodiscard]] std::string cleaned_path(const std::string& directory, model::Offset base,
                                       std::string_view suffix);

// Thread of all below: the I/O pool.

struct SwapOutcome {
  Result<void> done;
  /// After an error: the files may be neither the old segments nor the new one until the next
  /// start sorts them out.
  bool is_halfway = false;
  /// After such an error: descriptors were short; run() goes on where it was.
  bool may_go_on = false;
};

/// ".cleaned" -> ".swap", which decides it; old files -> ".deleted"; ".swap" -> the final names.
///
/// Borrows: files and cleaned. @durable each step before the next
class SegmentSwap {
 public:
  SegmentSwap(runtime::FileSystem& files, std::string directory, const CleanedSegment& cleaned)
      : files_(files), directory_(std::move(directory)), cleaned_(cleaned) {}

  [[nodiscard]] SwapOutcome run();
  /// Old files, renamed to "*.deleted"; once it is done nobody needs them.
  [[nodiscard]] std::vector<std::string> take_deleted() { return std::move(deleted_); }

 private:
  enum class Step : std::uint8_t {
    sync_made,  // an index whose entry got lost would leave a .swap that looks complete
    name_swaps,
    sync_swaps,  // from here on a crash ends with the new segment
    retire_old,
    sync_old,  // the new .log must not have its name while an old one that it covers has its own
    name_new,
    sync_new,
    done,
  };
  [[nodiscard]] Result<void> perform(Step step);
  [[nodiscard]] Result<void> rename_all(std::string_view from, std::string_view to);
  [[nodiscard]] Result<void> retire_all();
  [[nodiscard]] Result<void> retire(model::Offset base, std::string_view suffix);
  [[nodiscard]] bool undo();
  [[nodiscard]] std::string named(std::string_view suffix, std::string_view state) const;

  runtime::FileSystem& files_;
  const std::string directory_;
  const CleanedSegment& cleaned_;
  Step next_ = Step::sync_made;
  std::vector<std::string> deleted_;
};

/// Removes what was made of a segment that will not be used.
[[nodiscard]] Result<void> discard_cleaned(runtime::FileSystem& files, const std::string& directory,
                                           model::Offset base);

}  // namespace gregor::storage
