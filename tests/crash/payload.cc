#include "crash/payload.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"

namespace gregor::crash {
namespace {

constexpr std::size_t crc_bytes = sizeof(std::uint32_t);

// The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
// generators", 2014).
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) { return mix(mix(a) ^ b); }

std::vector<std::byte> make_value(RecordNumber number, std::uint64_t seed) {
  std::uint64_t state = mixed(number, seed);
  const std::size_t size = value_bytes_min + state % (value_bytes_max - value_bytes_min + 1);
  std::vector<std::byte> value(size);
  store_be(value.data(), number);
  const std::size_t crc_at = size - crc_bytes;
  for (std::size_t at = sizeof number; at < crc_at; at += sizeof state) {
    state = mix(state);
    std::memcpy(value.data() + at, &state, std::min(sizeof state, crc_at - at));
  }
  store_be(value.data() + crc_at, crc32c(ByteView(value).first(crc_at)));
  return value;
}

std::optional<RecordNumber> claimed_number(ByteView value) {
  if (value.size() < value_bytes_min) return std::nullopt;
  return load_be<RecordNumber>(value.data());
}

bool value_is_intact(ByteView value, std::uint64_t seed) {
  const auto number = claimed_number(value);
  if (!number) return false;
  const auto expected = make_value(*number, seed);
  return std::equal(value.begin(), value.end(), expected.begin(), expected.end());
}

}  // namespace gregor::crash
