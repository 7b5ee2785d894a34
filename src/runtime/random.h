// Randomness from the runtime, so that a seed repeats a run. Not for secrets.
#pragma once

#include <cstdint>

namespace gregor::runtime {

/// Thread: one shard.
class Random {
 public:
  virtual ~Random() = default;
  /// 64 uniformly distributed bits.
  virtual std::uint64_t next() = 0;
  /// Uniform in [0, end); end > 0.
  std::uint64_t below(std::uint64_t end) { return next() % end; }
};

}  // namespace gregor::runtime
