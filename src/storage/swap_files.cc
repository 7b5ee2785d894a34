#include "storage/swap_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "storage/batch_scan.h"
#include "storage/file_names.h"

namespace gregor::storage {
namespace {

/// A file of the folder that has to do with a segment.
struct Entry {
  std::string name;
  SegmentFileName parsed;
  std::uint64_t size = 0;

  [[nodiscard]] bool has(std::string_view ending) const { return name.ends_with(ending); }
};

struct OffsetSpan {
  model::Offset first;
  model::Offset end;
};

class Swaps {
 public:
  Swaps(runtime::FileSystem& files, const std::string& directory)
      : files_(files), directory_(directory) {}

  Result<bool> finish() {
    const auto listed = files_.list(directory_);
    if (!listed) return fail(listed.error());
    for (const auto& info : *listed) {
      const auto parsed = parse_segment_file_name(info.name);
      if (parsed && info.is_regular) entries_.push_back({info.name, *parsed, info.size});
    }
    if (auto removed = remove_leftovers(); !removed) return fail(std::move(removed.error()));
    if (auto completed = complete(); !completed) return fail(std::move(completed.error()));
    return changed_;
  }

 private:
  Result<void> remove(Entry& entry) {
    log::info("storage", "{}/{} is removed: left by an interrupted deletion or compaction",
              directory_, entry.name);
    if (auto removed = files_.remove(join_path(directory_, entry.name)); !removed) return removed;
    changed_ = true;
    entry.name.clear();
    return {};
  }

  Result<void> remove_leftovers() {
    std::optional<model::Offset> cleaned_from;
    for (const auto& entry : entries_) {  // in the order of names, so of base offsets
      if (entry.has(names::cleaned_suffix) && !cleaned_from) cleaned_from = entry.parsed.base;
    }
    for (auto& entry : entries_) {
      const bool is_unfinished =
          entry.has(names::swap_suffix) && cleaned_from && entry.parsed.base >= *cleaned_from;
      if (!entry.has(names::deleted_suffix) && !entry.has(names::cleaned_suffix) &&
          !is_unfinished) {
        continue;
      }
      if (auto removed = remove(entry); !removed) return removed;
    }
    return {};
  }

  /// The offsets that the swapped-in logs cover, all taken together.
  Result<std::optional<OffsetSpan>> swapped_span() {
    std::optional<OffsetSpan> span;
    for (const auto& entry : entries_) {
      if (!entry.has(".log.swap")) continue;
      if (!span) span = OffsetSpan{entry.parsed.base, entry.parsed.base};
      auto log = files_.open(join_path(directory_, entry.name), runtime::OpenMode::read);
      if (!log) return fail(std::move(log.error()));
      BatchScanner scanner(**log, 0, entry.size);
      for (;;) {
        auto batch = scanner.next(BatchScanner::Check::header);
        if (!batch) {
          return fail(ErrorCode::kafka_storage_error,
                      fmt::format("{}/{}: {}", directory_, entry.name, batch.error().detail));
        }
        if (!*batch) break;
        span->end = std::max(span->end, (*batch)->header.next_offset());
      }
    }
    return span;
  }

  Result<void> complete() {
    const auto span = swapped_span();
    if (!span) return fail(span.error());
    for (auto& entry : entries_) {
      const bool is_replaced = *span && !entry.has(names::swap_suffix) && !entry.name.empty() &&
                               entry.parsed.base >= (*span)->first &&
                               entry.parsed.base < (*span)->end;
      if (!is_replaced || entry.has(".snapshot")) continue;
      if (auto removed = remove(entry); !removed) return removed;
    }
    for (const auto& entry : entries_) {
      if (!entry.has(names::swap_suffix)) continue;
      const auto from = join_path(directory_, entry.name);
      const auto to = from.substr(0, from.size() - names::swap_suffix.size());
      if (auto renamed = files_.rename(from, to); !renamed) return renamed;
      changed_ = true;
    }
    return {};
  }

  runtime::FileSystem& files_;
  const std::string& directory_;
  std::vector<Entry> entries_;
  bool changed_ = false;
};

}  // namespace

bool is_leftover(std::string_view name) {
  return name.ends_with(names::deleted_suffix) || name.ends_with(names::cleaned_suffix) ||
         name.ends_with(names::swap_suffix);
}

Result<bool> finish_swaps(runtime::FileSystem& files, const std::string& directory) {
  return Swaps(files, directory).finish();
}

}  // namespace gregor::storage
