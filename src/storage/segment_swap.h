// Putting a cleaned segment into the place of those it was made of, so that a crash at any moment
// leaves, after finish_swaps (swap_files.h), either them or it.
#pragma once

#include <string>
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
  std::vector<std::string> deleted;  ///< old files, renamed to "*.deleted"; nobody needs them
};

/// ".cleaned" -> ".swap", which decides it; old files -> ".deleted"; ".swap" -> the final names.
/// @durable each step before the next
[[nodiscard]] SwapOutcome swap_in(runtime::FileSystem& files, const std::string& directory,
                                  const CleanedSegment& cleaned);

/// Removes what was made of a segment that will not be used.
[[nodiscard]] Result<void> discard_cleaned(runtime::FileSystem& files, const std::string& directory,
                                           model::Offset base);

}  // namespace gregor::storage
