// Which bytes of a segment may be handed to readers: written by this process, or checked by it.
#pragma once

#include <cstdint>
#include <vector>

namespace gregor::storage {

/// Half-open ranges of positions, merged where they touch.
///
/// Thread: one at a time. Limit: at most 256 ranges; the smallest one is forgotten, and its bytes
/// are checked again by the next reader.
class VerifiedRanges {
 public:
  void add(std::uint64_t begin, std::uint64_t end);
  /// True if all of [begin, end) was added.
  [[nodiscard]] bool covers(std::uint64_t begin, std::uint64_t end) const;
  /// Forgets what lies at or behind `position`.
  void truncate(std::uint64_t position);

 private:
  static constexpr std::size_t ranges_max = 256;
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  std::vector<Range> ranges_;  // in order, not touching
};

}  // namespace gregor::storage
