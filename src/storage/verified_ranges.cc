#include "storage/verified_ranges.h"

#include <algorithm>

namespace gregor::storage {

void VerifiedRanges::add(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  if (!ranges_.empty() && ranges_.back().end == begin) {  // a segment that grows
    ranges_.back().end = end;
    return;
  }
  const auto first = std::find_if(ranges_.begin(), ranges_.end(),
                                  [begin](const Range& r) { return r.end >= begin; });
  auto last = first;
  while (last != ranges_.end() && last->begin <= end) {
    begin = std::min(begin, last->begin);
    end = std::max(end, last->end);
    ++last;
  }
  const auto at = ranges_.erase(first, last);
  ranges_.insert(at, {begin, end});
  if (ranges_.size() <= ranges_max) return;
  ranges_.erase(std::min_element(
      ranges_.begin(), ranges_.end(),
      [](const Range& a, const Range& b) { return a.end - a.begin < b.end - b.begin; }));
}

bool VerifiedRanges::covers(std::uint64_t begin, std::uint64_t end) const {
  if (begin >= end) return true;
  const auto above =
      std::upper_bound(ranges_.begin(), ranges_.end(), begin,
                       [](std::uint64_t position, const Range& r) { return position < r.begin; });
  return above != ranges_.begin() && std::prev(above)->end >= end;
}

void VerifiedRanges::truncate(std::uint64_t position) {
  while (!ranges_.empty() && ranges_.back().begin >= position) ranges_.pop_back();
  if (!ranges_.empty()) ranges_.back().end = std::min(ranges_.back().end, position);
}

}  // namespace gregor::storage
