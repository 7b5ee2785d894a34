#include "storage/sync_gathering.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::storage {

void SyncGathering::begin(runtime::Instant now, bool has_waited) {
  began_ = now;
  if (!has_waited || took_.count() == 0) return;
  // It pays if more are served by unit of time than if it had begun at once.
  const auto at_once = static_cast<double>(std::max<std::size_t>(left_behind_, 1));
  const double gain = (static_cast<double>(targets_.size()) - at_once) / at_once;
  const auto waited = static_cast<double>((now - ended_).count());
  const double cost = waited / static_cast<double>(took_.count());
  divisor_ = std::clamp(gain >= cost ? divisor_ / 2 : divisor_ * 2, divisor_min, divisor_max);
}

void SyncGathering::end(runtime::Instant now, model::Offset flushed_end) {
  GREGOR_ASSERT(now >= began_);
  const std::size_t served = std::erase_if(
      targets_, [flushed_end](model::Offset target) { return target <= flushed_end; });
  left_behind_ = targets_.size();
  expected_ = served + left_behind_;
  took_ = now - began_;
  ended_ = until_ = now;
  const runtime::Duration wait = std::min(took_ / divisor_, wait_max);
  if (expected_ > 1 && wait >= wait_min) until_ = now + wait;
}

}  // namespace gregor::storage
