// The simulator's pseudo-random numbers: xoshiro256**, seeded by splitmix64, split by name so that
// one more draw in one subsystem does not shift the others. Source: Blackman and Vigna, "Scrambled
// linear pseudorandom number generators".
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#include "base/assert.h"

namespace gregor::runtime::simulated {

/// Mixes all bits of `value` (the finalizer of splitmix64): a bijection.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

/// The seed of the subsystem `name` in a run with `seed`.
[[nodiscard]] constexpr std::uint64_t derive_seed(std::uint64_t seed, std::string_view name) {
  std::uint64_t derived = mix(seed + 0x9e3779b97f4a7c15U);
  for (const char c : name)
    derived = mix(derived ^ static_cast<unsigned char>(c)) + 0x9e3779b97f4a7c15U;
  return derived;
}

/// One stream of numbers. Thread: one.
class Prng {
 public:
  explicit constexpr Prng(std::uint64_t seed) {
    for (auto& word : state_) word = mix(seed += 0x9e3779b97f4a7c15U);
  }

  /// 64 uniformly distributed bits.
  constexpr std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  /// In [0, end); end > 0. The bias of the remainder is below 2^-32 for the small ranges used here.
  constexpr std::uint64_t below(std::uint64_t end) {
    GREGOR_ASSERT(end > 0);
    return next() % end;
  }
  /// In [first, last], both included.
  constexpr std::uint64_t between(std::uint64_t first, std::uint64_t last) {
    GREGOR_ASSERT(first <= last);
    return first == last ? first : first + below(last - first + 1);
  }
  /// True with this probability; 0 and less never draw.
  constexpr bool chance(double probability) {
    if (probability <= 0) return false;
    return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace gregor::runtime::simulated
