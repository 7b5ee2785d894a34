// SyncGathering: when the next sync of a log begins. Those who send one request at a time come back
// soon after a sync has answered them: a sync that begins at once takes the first few only, the
// others wait for the one after it, and each serves half of all. So it waits a little for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/ids.h"
#include "runtime/clock.h"

namespace gregor::storage {

/// Judges by the last sync: as many as it has answered, or left waiting, are expected to be there
/// for the next one. The wait for them is a small part of what a sync takes; the part grows while
/// that pays, shrinks while it does not. Who is alone never waits, nor who comes later than that.
///
/// A value: time comes in as arguments. Thread: one.
class SyncGathering {
 public:
  /// The wait is between these parts of the last sync's duration ...
  static constexpr std::int64_t divisor_min = 4;
  static constexpr std::int64_t divisor_max = 64;
  /// ... and neither shorter than a timer can tell, nor so long that it would be felt.
  static constexpr runtime::Duration wait_min = std::chrono::microseconds(50);
  static constexpr runtime::Duration wait_max = std::chrono::milliseconds(5);

  /// An append waits until all below `target` is on the disk.
  void arrive(model::Offset target) { targets_.push_back(target); }

  /// A sync begins. @param has_waited  it was not due when it was asked for first
  void begin(runtime::Instant now, bool has_waited);
  /// It has ended: all below `flushed_end` is on the disk.
  void end(runtime::Instant now, model::Offset flushed_end);

  /// True if a sync should begin.
  [[nodiscard]] bool is_due(runtime::Instant now) const { return is_complete() || now >= until_; }
  /// All who were expected are there.
  [[nodiscard]] bool is_complete() const { return targets_.size() >= expected_; }
  /// When it is due at the latest.
  [[nodiscard]] runtime::Instant until() const { return until_; }

 private:
  std::vector<model::Offset> targets_;  // of those who wait
  std::size_t expected_ = 0;
  std::size_t left_behind_ = 0;  // who waited already when the last sync ended
  runtime::Instant began_{};
  runtime::Instant ended_{};
  runtime::Instant until_{};
  runtime::Duration took_{0};
  std::int64_t divisor_ = 8;
};

}  // namespace gregor::storage
