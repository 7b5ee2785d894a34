// What a simulated world may do to the code in it. Probabilities are 0 by default, so that unit
// tests are predictable.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "runtime/clock.h"

namespace gregor::runtime::simulated {

/// A delay is drawn uniformly from [min, max].
struct DelayRange {
  Duration min{0};
  Duration max{0};
};

struct WorldOptions {
  std::uint64_t seed = 1;
  std::int64_t wall_start_ms =
      1'700'000'000'000;  ///< wall clock at the start of the world, ms since 1970

  // scheduling
  DelayRange mailbox_delay{};  ///< between post() and the run of a message
  std::uint64_t events_per_instant_max =
      5'000'000;  ///< more at one virtual time is a livelock: the process ends

  // network
  DelayRange network_delay{std::chrono::microseconds(100),
                           std::chrono::microseconds(100)};  ///< one way, per piece
  std::size_t window_bytes = 256 * 1024;  ///< a write waits when so much is under way or unread
  std::size_t listen_backlog = 128;       ///< further connections are refused
  double split_probability = 0;  ///< a write is cut into pieces, a read returns less than is there
  double suspend_probability = 0;  ///< a read or write that could end at once goes through the loop
  double reset_probability = 0;    ///< per piece sent: the connection is reset instead
  double refuse_probability = 0;   ///< a connect is refused
  double half_open_probability =
      0;  ///< at a power loss a peer does not learn that the connection is gone

  // disk
  DelayRange io_delay{std::chrono::microseconds(50),
                      std::chrono::microseconds(50)};  ///< before offloaded work runs
  double slow_disk_probability = 0;  ///< offloaded work takes slow_disk_delay on top
  Duration slow_disk_delay = std::chrono::seconds(1);
  double not_resident_probability = 0;  ///< File::is_resident() says false
  std::uint64_t disk_bytes_max =
      256U << 20;  ///< contents beyond it: ENOSPC (also the bound of memory per node)

  /// Options drawn from `seed`: delays vary, each fault is switched off in about half of the seeds.
  [[nodiscard]] static WorldOptions swarm(std::uint64_t seed);
};

}  // namespace gregor::runtime::simulated
