// What the process takes of the machine, as the operating system counts it.
#pragma once

#include <cstdint>

namespace gregor::runtime {

/// 0 = not known.
struct ProcessUsage {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t descriptors = 0;      ///< open now
  std::uint64_t descriptors_max = 0;  ///< the limit that holds now
  double processor_seconds = 0;       ///< user and system, of all threads
};

}  // namespace gregor::runtime
