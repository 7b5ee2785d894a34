#include "storage/cleaner/cleaning_choice.h"

#include <algorithm>
#include <limits>

namespace gregor::storage {
namespace {

using model::Offset;
using model::TimestampMs;

/// The segments that hold offsets from `from` on, by index.
std::size_t first_segment_at(const CleaningFacts& facts, Offset from) {
  const auto above = std::upper_bound(
      facts.segments.begin(), facts.segments.end(), from,
      [](Offset offset, const CleanableSegment& segment) { return offset < segment.base; });
  return above == facts.segments.begin()
             ? 0
             : static_cast<std::size_t>(above - facts.segments.begin()) - 1;
}

Offset base_at(const CleaningFacts& facts, std::size_t index) {
  return index < facts.segments.size() ? facts.segments[index].base : facts.active_base;
}

bool is_overdue(const CleaningFacts& facts, std::size_t first, TimestampMs now) {
  const std::int64_t lag_ms = facts.config->max_compaction_lag_ms;
  if (lag_ms == std::numeric_limits<std::int64_t>::max()) return false;
  return std::any_of(facts.segments.begin() + static_cast<std::ptrdiff_t>(first),
                     facts.segments.end(), [&](const CleanableSegment& segment) {
                       const TimestampMs at = segment.first_timestamp.value_or(TimestampMs(-1));
                       return at > TimestampMs(0) && now - at > lag_ms;
                     });
}

}  // namespace

double CleaningChoice::dirty_ratio() const {
  const std::uint64_t total = clean_bytes + cleanable_bytes;
  if (total == 0) return 0;
  return static_cast<double>(cleanable_bytes) / static_cast<double>(total);
}

CleaningChoice choose_cleaning(const CleaningFacts& facts, std::optional<Offset> checkpoint,
                               TimestampMs now) {
  CleaningChoice choice;
  choice.first_dirty = facts.log_start;
  // A checkpoint that can't be is worth nothing; one above the active segment's base is from a log
  // that lost its end.
  if (checkpoint && *checkpoint >= facts.log_start && *checkpoint <= facts.active_base) {
    choice.first_dirty = *checkpoint;
  }
  const std::size_t first = first_segment_at(facts, choice.first_dirty);
  std::size_t end = facts.segments.size();
  if (facts.bound < facts.active_base) end = first_segment_at(facts, facts.bound);
  const std::int64_t min_lag_ms = facts.config->min_compaction_lag_ms;
  for (std::size_t i = first; min_lag_ms > 0 && i < end; ++i) {
    const TimestampMs largest = facts.segments[i].largest_timestamp.value_or(TimestampMs(-1));
    if (largest.value() > now.value() - min_lag_ms) end = i;
  }
  choice.end = base_at(facts, end);
  for (std::size_t i = 0; i < end; ++i) {
    const CleanableSegment& segment = facts.segments[i];
    if (segment.base < choice.first_dirty) choice.clean_bytes += segment.size_bytes;
    if (i >= first) choice.cleanable_bytes += segment.size_bytes;
  }
  if (choice.end <= choice.first_dirty) choice.cleanable_bytes = 0;
  choice.is_overdue = is_overdue(facts, first, now);
  return choice;
}

bool is_worth_cleaning(const CleaningChoice& choice, const config::TopicConfig& config) {
  if (choice.cleanable_bytes == 0) return false;
  return choice.is_overdue || choice.dirty_ratio() > config.min_cleanable_dirty_ratio;
}

}  // namespace gregor::storage
