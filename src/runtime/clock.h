// Time as the shards see it. Nothing above runtime/ reads a clock of the operating system.
#pragma once

#include <chrono>
#include <cstdint>

namespace gregor::runtime {

using Duration = std::chrono::nanoseconds;

/// A tag clock: gives time points a type of their own, has no now().
struct MonotonicClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};

/// A point on the monotonic clock of this process; not comparable between processes.
using Instant = MonotonicClock::time_point;

/// A setting in milliseconds as a duration that can be added to an Instant: what is not within a
/// clock's reach (a hundred years) never comes.
[[nodiscard]] constexpr Duration milliseconds_within_reach(std::int64_t count) {
  constexpr std::int64_t longest = std::int64_t{100} * 365 * 86'400'000;
  return std::chrono::milliseconds(count < longest ? count : longest);
}

/// Thread: any.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic time, for deadlines and durations.
  [[nodiscard]] virtual Instant now() const = 0;
  /// Wall-clock time in ms since 1970 (UTC); may jump. Only for timestamps that people or records
  /// see.
  [[nodiscard]] virtual std::int64_t wall_ms() const = 0;
};

}  // namespace gregor::runtime
