// DoomedFiles: files of segments that have left their log, until they are removed from the disk.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/shard.h"

namespace gregor::broker {

/// Thread: one shard; files are removed in the I/O pool. What still waits when the broker ends is
/// removed at its next start, when their log is opened.
class DoomedFiles {
 public:
  /// @param component, what  for the log, of a file that can't be removed: "a deleted segment"
  DoomedFiles(runtime::Shard& shard, std::string_view component, std::string_view what)
      : shard_(shard), component_(component), what_(what) {}

  void add(std::vector<std::string> files, runtime::Instant due) {
    if (!files.empty()) files_.emplace(due, std::move(files));
  }
  /// When the next ones are due.
  [[nodiscard]] std::optional<runtime::Instant> next_due() const {
    return files_.empty() ? std::nullopt : std::optional(files_.begin()->first);
  }
  /// Removes what is due. What can't be removed is logged and stays.
  runtime::Task<void> remove_due();

 private:
  runtime::Shard& shard_;
  std::string_view component_;
  std::string_view what_;
  std::multimap<runtime::Instant, std::vector<std::string>> files_;  // by when they go
};

}  // namespace gregor::broker
