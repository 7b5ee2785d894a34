#include "storage/cleaner/key_hash.h"

#include <bit>
#include <cstring>

namespace gregor::storage {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void rounds(int count) {
    for (int i = 0; i < count; ++i) round();
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  [[nodiscard]] std::uint64_t folded() const { return v0 ^ v1 ^ v2 ^ v3; }
};

}  // namespace

KeyHash hash_key(const HashSecret& secret, ByteView key) {
  constexpr std::size_t word_bytes = sizeof(std::uint64_t);
  constexpr std::uint64_t wide = 0xee;  // marks the form with 128 bits
  State state{0x736f6d6570736575 ^ secret.low, 0x646f72616e646f6d ^ secret.high ^ wide,
              0x6c7967656e657261 ^ secret.low, 0x7465646279746573 ^ secret.high};
  std::size_t at = 0;
  for (; at + word_bytes <= key.size(); at += word_bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, key.data() + at, word_bytes);
    state.absorb(word);
  }
  std::uint64_t last = std::uint64_t{key.size()} << 56;
  for (std::size_t i = at; i < key.size(); ++i) {
    last |= std::to_integer<std::uint64_t>(key[i]) << (8 * (i - at));
  }
  state.absorb(last);
  state.v2 ^= wide;
  state.rounds(4);
  KeyHash hash;
  hash.low = state.folded();
  state.v1 ^= 0xdd;
  state.rounds(4);
  hash.high = state.folded();
  return hash;
}

}  // namespace gregor::storage
