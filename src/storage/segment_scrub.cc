#include "storage/segment_scrub.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "storage/batch_scan.h"
#include "storage/index_file.h"

namespace gregor::storage {
namespace {

using Check = BatchScanner::Check;

}  // namespace

Result<SegmentScrub> SegmentScrub::open(runtime::FileSystem& files, SegmentPlace place) {
  auto log = files.open(place.log_path(), runtime::OpenMode::read);
  if (!log) return fail(std::move(log.error()));
  const auto size = (*log)->size();
  if (!size) return fail(size.error());
  return SegmentScrub(files, std::move(place), std::move(*log), *size);
}

SegmentScrub::Step SegmentScrub::step(std::uint64_t bytes_max) {
  Step step;
  const std::uint64_t began = position_;
  BatchScanner scanner(*log_, position_, size_, BatchScanner::window_bytes_large);
  while (position_ < size_ && position_ - began < bytes_max) {
    const auto batch = scanner.next(Check::header_and_crc);
    if (batch && (*batch)->header.base_offset >= next_) {
      next_ = (*batch)->header.next_offset();
      position_ = scanner.position();
      continue;
    }
    if (!batch && batch.error().code == ErrorCode::unsupported_for_message_format) {
      position_ = size_;  // of a time before CRCs that are checked here
      break;
    }
    const Error misplaced{ErrorCode::corrupt_message, "its offsets lie below those before it"};
    note(step, batch ? misplaced : batch.error());
    pass_over(batch.has_value());
    break;
  }
  step.bytes = position_ - began;
  step.is_done = position_ >= size_;
  return step;
}

void SegmentScrub::note(Step& step, const Error& error) {
  ScrubFinding finding;
  finding.position = position_;
  finding.offset = next_;
  finding.is_unreadable = error.code == ErrorCode::kafka_storage_error;
  finding.text = fmt::format("{}: no sound batch at position {}, offset {}: {}", place_.log_path(),
                             position_, next_.value(), error.detail);
  if (finding.is_unreadable) ++unreadable_;
  step.findings.push_back(std::move(finding));
}

/// To where the next batch should begin: behind this one if it has a header, else where the index
/// says that one begins.
void SegmentScrub::pass_over(bool has_header) {
  if (unreadable_ >= unreadable_max) {
    position_ = size_;
    return;
  }
  BatchScanner scanner(*log_, position_, size_);
  const auto header = scanner.next(Check::header);
  if (has_header || header) {
    position_ = scanner.position();
    return;
  }
  position_ = next_indexed_position();
}

std::uint64_t SegmentScrub::next_indexed_position() const {
  const auto file = files_->open(place_.offset_index_path(), runtime::OpenMode::read);
  if (!file) return size_;
  const auto entries = read_valid_prefix(**file, place_.base, size_);
  if (!entries) return size_;
  const auto next = std::ranges::upper_bound(
      *entries, position_, {}, [](const OffsetEntry& e) { return std::uint64_t{e.position}; });
  return next == entries->end() ? size_ : next->position;
}

}  // namespace gregor::storage
