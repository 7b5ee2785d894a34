#include "storage/segment_swap.h"

#include <array>
#include <cerrno>
#include <utility>

#include "storage/file_names.h"
#include "storage/small_file.h"

namespace gregor::storage {
namespace {

// The .log comes last: as long as it has its old name nothing has happened yet.
constexpr std::array segment_suffixes{names::offset_index_suffix, names::time_index_suffix,
                                      names::transaction_index_suffix, names::log_suffix};

/// One swap, step by step.
class Swap {
 public:
  Swap(runtime::FileSystem& files, const std::string& directory, const CleanedSegment& cleaned)
      : files_(files), directory_(directory), cleaned_(cleaned) {}

  SwapOutcome run() {
    SwapOutcome outcome;
    outcome.done = commit();
    if (!outcome.done) {
      outcome.is_halfway = !undo();
      return outcome;
    }
    outcome.done = replace(outcome.deleted);
    outcome.is_halfway = !outcome.done;
    return outcome;
  }

 private:
  [[nodiscard]] std::string path(model::Offset base, std::string_view suffix) const {
    return join_path(directory_, segment_file_name(base, suffix));
  }
  [[nodiscard]] std::string named(std::string_view suffix, std::string_view state) const {
    return path(cleaned_.base(), suffix).append(state);
  }
  [[nodiscard]] bool has(std::string_view suffix) const {
    return suffix != names::transaction_index_suffix || cleaned_.aborted_count > 0;
  }

  /// Once this is on the disk, a crash ends with the new segment.
  Result<void> commit() {
    // An index whose entry got lost would leave a .swap that looks complete.
    if (auto synced = sync_entries(files_, directory_); !synced) return synced;
    for (const auto suffix : segment_suffixes) {
      if (!has(suffix)) continue;
      auto renamed =
          files_.rename(named(suffix, names::cleaned_suffix), named(suffix, names::swap_suffix));
      if (!renamed) return renamed;
    }
    return sync_entries(files_, directory_);
  }

  /// @return true if nothing of the new segment is left
  bool undo() {
    for (const auto suffix : segment_suffixes) {
      if (!files_.remove(named(suffix, names::swap_suffix))) return false;
      if (!files_.remove(named(suffix, names::cleaned_suffix))) return false;
    }
    return sync_entries(files_, directory_).has_value();
  }

  Result<void> retire(model::Offset base, std::string_view suffix,
                      std::vector<std::string>& deleted) {
    const std::string from = path(base, suffix);
    std::string to = from + std::string(names::deleted_suffix);
    const auto renamed = files_.rename(from, to);
    if (!renamed && renamed.error().os_error == ENOENT) return {};
    if (renamed) deleted.push_back(std::move(to));
    return renamed;
  }

  Result<void> replace(std::vector<std::string>& deleted) {
    for (const auto base : cleaned_.replaced) {
      for (const auto suffix : segment_suffixes) {
        if (auto retired = retire(base, suffix, deleted); !retired) return retired;
      }
      if (base == cleaned_.base()) continue;
      if (auto retired = retire(base, names::snapshot_suffix, deleted); !retired) return retired;
    }
    // The new .log must not have its name while an old one that it covers has its own.
    if (auto synced = sync_entries(files_, directory_); !synced) return synced;
    for (const auto suffix : segment_suffixes) {
      if (!has(suffix)) continue;
      auto renamed =
          files_.rename(named(suffix, names::swap_suffix), path(cleaned_.base(), suffix));
      if (!renamed) return renamed;
    }
    return sync_entries(files_, directory_);
  }

  runtime::FileSystem& files_;
  const std::string& directory_;
  const CleanedSegment& cleaned_;
};

}  // namespace

std::string cleaned_path(const std::string& directory, model::Offset base,
                         std::string_view suffix) {
  return join_path(directory, segment_file_name(base, suffix)).append(names::cleaned_suffix);
}

SwapOutcome swap_in(runtime::FileSystem& files, const std::string& directory,
                    const CleanedSegment& cleaned) {
  return Swap(files, directory, cleaned).run();
}

Result<void> discard_cleaned(runtime::FileSystem& files, const std::string& directory,
                             model::Offset base) {
  for (const auto suffix : segment_suffixes) {
    if (auto removed = files.remove(cleaned_path(directory, base, suffix)); !removed) {
      return removed;
    }
  }
  return {};
}

}  // namespace gregor::storage
