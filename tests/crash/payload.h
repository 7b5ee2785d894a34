// What the records of the crash tests hold: bytes that follow from the record's number and the
// run's seed alone, so that nothing has to be remembered to check them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace gregor::crash {

/// One produced batch: the producer from bit 40 on, a count below.
using SendId = std::uint64_t;
/// One record: its send and its place in the batch.
using RecordNumber = std::uint64_t;

inline constexpr int send_index_bits = 6;
/// The records of a batch fit into the bits of one word.
inline constexpr int records_per_send_max = 1 << send_index_bits;

[[nodiscard]] constexpr RecordNumber record_number(SendId send, int index) {
  return send << send_index_bits | static_cast<RecordNumber>(index);
}
[[nodiscard]] constexpr SendId send_of(RecordNumber number) { return number >> send_index_bits; }
[[nodiscard]] constexpr int index_of(RecordNumber number) {
  return static_cast<int>(number & (records_per_send_max - 1));
}

/// Sizes of values in bytes.
inline constexpr std::size_t value_bytes_min = 24;
inline constexpr std::size_t value_bytes_max = 1800;

/// The value of a record: its number, bytes that look random, and a CRC-32C of both.
[[nodiscard]] std::vector<std::byte> make_value(RecordNumber number, std::uint64_t seed);

/// The number that a value claims to be of; nullopt if it is too short to be one.
[[nodiscard]] std::optional<RecordNumber> claimed_number(ByteView value);

/// True if every byte is as make_value() made it.
[[nodiscard]] bool value_is_intact(ByteView value, std::uint64_t seed);

/// A well mixed number from two; the source of all that looks random here.
[[nodiscard]] std::uint64_t mixed(std::uint64_t a, std::uint64_t b);

}  // namespace gregor::crash
