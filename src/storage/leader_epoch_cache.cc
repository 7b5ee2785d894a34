#include "storage/leader_epoch_cache.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::storage {

using model::LeaderEpoch;
using model::Offset;

LeaderEpochCache::LeaderEpochCache(std::span<const EpochStart> entries) {
  for (const auto& entry : entries) assign(entry.epoch, entry.start);
}

bool LeaderEpochCache::assign(LeaderEpoch epoch, Offset start) {
  GREGOR_ASSERT(epoch >= LeaderEpoch(0));
  GREGOR_ASSERT(start >= Offset(0));
  if (!entries_.empty() && entries_.back().epoch == epoch && start >= entries_.back().start) {
    return false;
  }
  while (!entries_.empty() && (entries_.back().epoch >= epoch || entries_.back().start >= start)) {
    entries_.pop_back();
  }
  entries_.push_back({epoch, start});
  return true;
}

bool LeaderEpochCache::truncate_end(Offset end) {
  const auto size = entries_.size();
  while (!entries_.empty() && entries_.back().start >= end) entries_.pop_back();
  return entries_.size() != size;
}

bool LeaderEpochCache::truncate_start(Offset start) {
  const auto kept = std::find_if(entries_.begin(), entries_.end(),
                                 [start](const EpochStart& e) { return e.start > start; });
  if (kept == entries_.begin()) return false;
  const EpochStart covering{std::prev(kept)->epoch, start};
  if (std::prev(kept) == entries_.begin() && entries_.front() == covering) return false;
  const auto first = entries_.erase(entries_.begin(), kept);
  entries_.insert(first, covering);
  return true;
}

LeaderEpoch LeaderEpochCache::latest() const {
  return entries_.empty() ? LeaderEpoch(-1) : entries_.back().epoch;
}

LeaderEpoch LeaderEpochCache::epoch_at(Offset offset) const {
  const auto above = std::find_if(entries_.begin(), entries_.end(),
                                  [offset](const EpochStart& e) { return e.start > offset; });
  return above == entries_.begin() ? LeaderEpoch(-1) : std::prev(above)->epoch;
}

EpochStart LeaderEpochCache::end_of(LeaderEpoch requested, Offset log_end) const {
  if (requested == LeaderEpoch(-1) || entries_.empty() || requested > latest()) return {};
  if (requested == latest()) return {requested, log_end};
  const auto higher =
      std::find_if(entries_.begin(), entries_.end(),
                   [requested](const EpochStart& e) { return e.epoch > requested; });
  GREGOR_ASSERT(higher != entries_.end());
  if (higher == entries_.begin()) return {requested, higher->start};
  return {std::prev(higher)->epoch, higher->start};
}

}  // namespace gregor::storage
