// Where the last batches of the active segment lie, so that readers at the end of a log, which are
// most readers, need no look at the disk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "model/ids.h"

namespace gregor::storage {

/// Thread: one shard. Limit: 128 batches, grown on demand.
/// Invariant: batches that this process appended, in order and without a gap; the last one ends at
///            the end of the segment.
class TailCache {
 public:
  struct Place {
    model::Offset base;
    std::uint64_t position = 0;
  };

  void add(model::Offset base, std::uint64_t position) {
    if (places_.size() == places_max) {
      places_.erase(places_.begin(), places_.begin() + places_max / 2);
    }
    places_.push_back({base, position});
  }
  void clear() { places_.clear(); }

  struct Found {
    std::uint64_t position = 0;
    model::Offset base;
    std::uint64_t end_position = 0;  ///< of this batch
  };
  /// The batch that holds `offset`, which is below the end of the log. @param segment_bytes size
  [[nodiscard]] std::optional<Found> find(model::Offset offset, std::uint64_t segment_bytes) const {
    const auto above =
        std::upper_bound(places_.begin(), places_.end(), offset,
                         [](model::Offset o, const Place& place) { return o < place.base; });
    if (above == places_.begin()) return std::nullopt;
    const auto& place = *std::prev(above);
    return Found{place.position, place.base,
                 above == places_.end() ? segment_bytes : above->position};
  }

  /// An offset that no record before `position` reaches: the base of the first batch from there on;
  /// the largest offset if there is none.
  [[nodiscard]] model::Offset end_of(std::uint64_t position) const {
    const auto next =
        std::lower_bound(places_.begin(), places_.end(), position,
                         [](const Place& place, std::uint64_t at) { return place.position < at; });
    return next == places_.end() ? model::Offset(std::numeric_limits<std::int64_t>::max())
                                 : next->base;
  }

 private:
  static constexpr std::ptrdiff_t places_max = 128;
  std::vector<Place> places_;
};

}  // namespace gregor::storage
