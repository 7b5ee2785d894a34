// FreeMemory: gives memory that was freed back to the operating system. glibc keeps what lies below
// a block that is still in use, so a storm of connections would leave its peak behind for ever.
#pragma once

#include <cstdint>

#include "runtime/shard.h"

namespace gregor::runtime::real {

/// Looks every ten seconds, in the I/O pool.
///
/// Thread: its shard. Outlives the shard's timers.
class FreeMemory {
 public:
  explicit FreeMemory(Shard& shard) : shard_(shard) {}
  /// From now on, until the shard stops.
  void start();

  /// What a look has found.
  struct Look {
    std::uint64_t free_bytes = 0;  ///< free in the heap, whether the system has it back or not
    bool was_returned = false;
  };
  /// Gives back what is free if that is more than `margin_bytes` above what was free when it last
  /// gave something back. Blocks allocations for milliseconds. Thread: any.
  ///
  /// @param before  `free_bytes` of the last look
  [[nodiscard]] static Look look(std::uint64_t before, std::uint64_t margin_bytes);

 private:
  Shard& shard_;
  Look last_;
};

}  // namespace gregor::runtime::real
