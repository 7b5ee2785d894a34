// The offset map: for each key of the dirty part of a log the offset of its last record, in a table
// of fixed size.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "model/ids.h"
#include "storage/cleaner/key_hash.h"

namespace gregor::storage {

/// A hash table with 24 bytes per slot, as Kafka's; keys are known by their hash (key_hash.h).
///
/// Thread: one at a time. Memory: slots * slot_bytes, from the start.
class OffsetMap {
 public:
  static constexpr std::size_t slot_bytes = 24;

  /// @param keys_max  put() takes no further key from then on; below `slots`, so that lookups end
  OffsetMap(std::uint64_t slots, std::uint64_t keys_max, HashSecret secret);

  /// Notes the last offset of a key; offsets come in order.
  /// @return false if the key is new and there is no room for it
  [[nodiscard]] bool put(ByteView key, model::Offset offset);
  /// -1 if the key was never put.
  [[nodiscard]] model::Offset find(ByteView key) const;

  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  struct Slot {
    KeyHash hash;
    std::int64_t offset_and_one = 0;  // 0: free
  };
  static_assert(sizeof(Slot) == slot_bytes);
  /// The slot of the key, or the free one where it belongs.
  [[nodiscard]] std::size_t slot_of(const KeyHash& hash) const;

  std::vector<Slot> slots_;
  const std::uint64_t keys_max_;
  const HashSecret secret_;
  std::uint64_t size_ = 0;
};

}  // namespace gregor::storage
