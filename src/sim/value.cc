#include "sim/value.h"

#include <algorithm>

#include "base/assert.h"
#include "runtime/simulated/prng.h"

namespace gregor::sim {
namespace {

constexpr std::uint64_t null_key_every = 4;

std::byte filling(ValueId value, std::size_t size, std::size_t at) {
  const std::uint64_t word = runtime::simulated::mix(value.value() ^ (size << 48) ^ (at / 16));
  return static_cast<std::byte>('a' + ((word >> (at % 16 * 4)) & 0xf));
}

}  // namespace

std::vector<std::byte> make_payload(ValueId value, std::size_t size) {
  GREGOR_ASSERT(size >= payload_bytes_min);
  std::vector<std::byte> payload(size);
  store_be(payload.data(), value.value());
  store_be(payload.data() + sizeof(std::uint64_t), static_cast<std::uint32_t>(size));
  for (std::size_t at = payload_bytes_min; at < size; ++at) payload[at] = filling(value, size, at);
  return payload;
}

std::optional<std::vector<std::byte>> make_key(ValueId value) {
  if (value.value() % null_key_every == 0) return std::nullopt;
  std::vector<std::byte> key(sizeof(std::uint64_t));
  store_be(key.data(), runtime::simulated::mix(value.value()));
  return key;
}

std::optional<ValueId> read_payload(ByteView payload) {
  if (payload.size() < payload_bytes_min) return std::nullopt;
  const ValueId value(load_be<std::uint64_t>(payload.data()));
  const auto size = load_be<std::uint32_t>(payload.data() + sizeof(std::uint64_t));
  if (size != payload.size()) return std::nullopt;
  const std::vector<std::byte> wanted = make_payload(value, payload.size());
  if (!std::equal(wanted.begin(), wanted.end(), payload.begin())) return std::nullopt;
  return value;
}

}  // namespace gregor::sim
