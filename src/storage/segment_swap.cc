#include "storage/segment_swap.h"

#include <array>
#include <cerrno>
#include <utility>

#include "storage/dir_health.h"
#include "storage/file_names.h"
#include "storage/small_file.h"

namespace gregor::storage {
namespace {

// The .log comes last: as long as it has its old name nothing has happened yet.
constexpr std::array segment_suffixes{names::offset_index_suffix, names::time_index_suffix,
                                      names::transaction_index_suffix, names::log_suffix};

}  // namespace

std::string cleaned_path(const std::string& directory, model::Offset base,
                         std::string_view suffix) {
  return join_path(directory, segment_file_name(base, suffix)).append(names::cleaned_suffix);
}

std::string SegmentSwap::named(std::string_view suffix, std::string_view state) const {
  return join_path(directory_, segment_file_name(cleaned_.base(), suffix)).append(state);
}

SwapOutcome SegmentSwap::run() {
  SwapOutcome outcome;
  while (next_ != Step::done) {
    outcome.done = perform(next_);
    if (!outcome.done) break;
    next_ = static_cast<Step>(static_cast<std::uint8_t>(next_) + 1);
  }
  if (outcome.done) return outcome;
  if (next_ > Step::sync_made && is_out_of_descriptors(outcome.done.error())) {
    // Only a sync of the directory needs one, and it can be repeated.
    outcome.is_halfway = outcome.may_go_on = true;
  } else {
    outcome.is_halfway = next_ > Step::sync_swaps || !undo();
  }
  return outcome;
}

Result<void> SegmentSwap::perform(Step step) {
  switch (step) {
    case Step::sync_made:
    case Step::sync_swaps:
    case Step::sync_old:
    case Step::sync_new:
      return sync_entries(files_, directory_);
    case Step::name_swaps:
      return rename_all(names::cleaned_suffix, names::swap_suffix);
    case Step::retire_old:
      return retire_all();
    case Step::name_new:
      return rename_all(names::swap_suffix, "");
    case Step::done:
      break;
  }
  return {};
}

Result<void> SegmentSwap::rename_all(std::string_view from, std::string_view to) {
  for (const auto suffix : segment_suffixes) {
    if (suffix == names::transaction_index_suffix && cleaned_.aborted_count == 0) continue;
    if (auto renamed = files_.rename(named(suffix, from), named(suffix, to)); !renamed) {
      return renamed;
    }
  }
  return {};
}

/// @return true if nothing of the new segment is left
bool SegmentSwap::undo() {
  for (const auto suffix : segment_suffixes) {
    if (!files_.remove(named(suffix, names::swap_suffix))) return false;
    if (!files_.remove(named(suffix, names::cleaned_suffix))) return false;
  }
  // Nothing had its last name yet: the entries may as well go to the disk later.
  return next_ == Step::sync_made || sync_entries(files_, directory_).has_value();
}

Result<void> SegmentSwap::retire(model::Offset base, std::string_view suffix) {
  const std::string from = join_path(directory_, segment_file_name(base, suffix));
  std::string to = from + std::string(names::deleted_suffix);
  const auto renamed = files_.rename(from, to);
  if (!renamed && renamed.error().os_error == ENOENT) return {};
  if (renamed) deleted_.push_back(std::move(to));
  return renamed;
}

Result<void> SegmentSwap::retire_all() {
  for (const auto base : cleaned_.replaced) {
    for (const auto suffix : segment_suffixes) {
      if (auto retired = retire(base, suffix); !retired) return retired;
    }
    if (base == cleaned_.base()) continue;
    if (auto retired = retire(base, names::snapshot_suffix); !retired) return retired;
  }
  return {};
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
