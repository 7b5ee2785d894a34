// The hash that stands for a key in the offset map: SipHash-2-4 with 128 bits, under a secret.
//
// Two keys with the same hash would be taken for one, and the older record of the two be lost.
// Kafka relies on MD5, for which such pairs can be made at will; under a secret nobody can look for
// them, and by chance the first is to be expected among 2^64 keys. Source: J.-P. Aumasson, D. J.
// Bernstein: SipHash, a fast short-input PRF.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace gregor::storage {

/// Drawn anew for each cleaning; clients don't learn it.
struct HashSecret {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

struct KeyHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const KeyHash&, const KeyHash&) = default;
};

/// Thread: any.
[[nodiscard]] KeyHash hash_key(const HashSecret& secret, ByteView key);

}  // namespace gregor::storage
