// Values: every record that a model producer sends is a function of a number that is never used
// twice, so that a checker can tell of any record who sent it and whether each byte is right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/strong.h"

namespace gregor::sim {

/// Number of one record: 24 bits of the producer's number, 40 bits of its own count. 0 = none.
using ValueId = Strong<struct ValueIdTag, std::uint64_t>;

[[nodiscard]] constexpr ValueId make_value(std::uint32_t producer, std::uint64_t counter) {
  return ValueId((std::uint64_t{producer} << 40) | counter);
}
[[nodiscard]] constexpr std::uint32_t producer_of(ValueId value) {
  return static_cast<std::uint32_t>(value.value() >> 40);
}
[[nodiscard]] constexpr std::uint64_t counter_of(ValueId value) {
  return value.value() & ((std::uint64_t{1} << 40) - 1);
}

/// Smallest payload: the number and the size.
inline constexpr std::size_t payload_bytes_min = 12;

/// The value field of record `value`: number, size, and a filling that both decide. It compresses
/// to about a half. @param size  at least payload_bytes_min
[[nodiscard]] std::vector<std::byte> make_payload(ValueId value, std::size_t size);

/// The key field: nullopt = null, for every fourth record.
[[nodiscard]] std::optional<std::vector<std::byte>> make_key(ValueId value);

/// The number in a payload of which every byte is right; nothing if one is wrong. A payload that is
/// cut or longer than it was is wrong too.
[[nodiscard]] std::optional<ValueId> read_payload(ByteView payload);

}  // namespace gregor::sim
