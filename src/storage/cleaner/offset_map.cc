#include "storage/cleaner/offset_map.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::storage {

OffsetMap::OffsetMap(std::uint64_t slots, std::uint64_t keys_max, HashSecret secret)
    : slots_(slots), keys_max_(keys_max), secret_(secret) {
  GREGOR_ASSERT(keys_max > 0 && keys_max < slots);
}

std::size_t OffsetMap::slot_of(const KeyHash& hash) const {
  std::size_t at = hash.low % slots_.size();
  while (slots_[at].offset_and_one != 0 && slots_[at].hash != hash) {
    if (++at == slots_.size()) at = 0;
  }
  return at;
}

bool OffsetMap::put(ByteView key, model::Offset offset) {
  const KeyHash hash = hash_key(secret_, key);
  Slot& slot = slots_[slot_of(hash)];
  if (slot.offset_and_one == 0) {
    if (size_ == keys_max_) return false;
    ++size_;
    slot.hash = hash;
  }
  slot.offset_and_one = std::max(slot.offset_and_one, offset.value() + 1);
  return true;
}

model::Offset OffsetMap::find(ByteView key) const {
  return model::Offset(slots_[slot_of(hash_key(secret_, key))].offset_and_one - 1);
}

}  // namespace gregor::storage
