#include "storage/sync_gathering.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::storage {

void SyncGathering::arrive(model::Offset target, runtime::Instant now) {
  targets_.push_back(target);
  ++came_;
  // One in eight may be late.
  if (!back_after_ && came_ >= served_ - served_ / 8) back_after_ = now - ended_;
}

void SyncGathering::end(runtime::Instant now, model::Offset flushed_end) {
  GREGOR_ASSERT(now >= began_);
  served_ = std::erase_if(targets_,
                          [flushed_end](model::Offset target) { return target <= flushed_end; });
  expected_ = served_ + targets_.size();
  const runtime::Duration limit = std::min((now - began_) / divisor, wait_max);
  const std::optional<runtime::Duration> usual = back_after_;
  ended_ = until_ = now;
  // They do not all take the same time, nor always.
  if (expected_ > 1 && usual && *usual <= limit) until_ = now + std::min(*usual * 3 / 2, limit);
  back_after_.reset();
  came_ = 0;
}

}  // namespace gregor::storage
