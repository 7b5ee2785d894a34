// SyncGathering: when the next sync of a log begins. Those who send one request at a time come back
// soon after a sync has answered them: a sync that begins at once takes the first few only, the
// others wait for the one after it, and each serves half of all. So it waits a little for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/ids.h"
#include "runtime/clock.h"

namespace gregor::storage {

/// Judges by the last sync: as many as it has answered, or left waiting, are expected for the next
/// one, and take as long to come as they took the last time; that is seen whether it was waited for
/// them or not. If that is longer than half of a sync, it is not waited for them: it would not pay.
/// Who is alone never waits, nor who comes later than that.
///
/// A value: time comes in as arguments. Thread: one.
class SyncGathering {
 public:
  /// The wait is at most this part of the last sync's duration ...
  static constexpr std::int64_t divisor = 2;
  /// ... and not so long that it would be felt.
  static constexpr runtime::Duration wait_max = std::chrono::milliseconds(10);

  /// An append waits until all below `target` is on the disk.
  void arrive(model::Offset target, runtime::Instant now);

  /// A sync begins.
  void begin(runtime::Instant now) { began_ = now; }
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
  std::size_t served_ = 0;                       // by the last sync
  std::size_t came_ = 0;                         // since it has ended
  std::optional<runtime::Duration> back_after_;  // most of those who were served, once they are
  runtime::Instant began_{};
  runtime::Instant ended_{};
  runtime::Instant until_{};
};

}  // namespace gregor::storage
