// Zigzag LEB128 numbers as they stand inside records: varint (int32, <= 5 bytes) and varlong
// (int64, <= 10 bytes). Overlong forms are accepted and surplus high bits of the last byte are
// dropped, as Kafka's readers do. Source: the protocol guide, "Record format"; the encoding is that
// of Protocol Buffers' sint32 and sint64.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace gregor::model {

inline constexpr std::size_t varint_bytes_max = 5;
inline constexpr std::size_t varlong_bytes_max = 10;

[[nodiscard]] constexpr std::uint32_t zigzag(std::int32_t n) {
  return (static_cast<std::uint32_t>(n) << 1) ^ static_cast<std::uint32_t>(n >> 31);
}
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t n) {
  return (static_cast<std::uint64_t>(n) << 1) ^ static_cast<std::uint64_t>(n >> 63);
}
[[nodiscard]] constexpr std::int32_t unzigzag(std::uint32_t n) {
  return static_cast<std::int32_t>((n >> 1) ^ (~(n & 1) + 1));
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t n) {
  return static_cast<std::int64_t>((n >> 1) ^ (~(n & 1) + 1));
}

/// Bytes that `n` takes: 1 to 5, or 1 to 10 for an int64.
template <class T>
[[nodiscard]] constexpr std::size_t varint_size(T n) {
  const auto bits = static_cast<std::size_t>(std::bit_width(zigzag(n)));
  return bits == 0 ? 1 : (bits + 6) / 7;
}

/// Appends `n`, an int32 (varint) or an int64 (varlong), in its shortest form.
template <class T>
void append_varint(std::vector<std::byte>& out, T n) {
  auto rest = zigzag(n);
  while (rest >= 0x80) {
    out.push_back(static_cast<std::byte>((rest & 0x7f) | 0x80));
    rest >>= 7;
  }
  out.push_back(static_cast<std::byte>(rest));
}

/// The general form of read_varint below.
template <class T>
[[nodiscard]] const std::byte* read_long_varint(const std::byte* at, const std::byte* end, T& out);
extern template const std::byte* read_long_varint(const std::byte*, const std::byte*,
                                                  std::int32_t&);
extern template const std::byte* read_long_varint(const std::byte*, const std::byte*,
                                                  std::int64_t&);

/// Reads an int32 (varint) or int64 (varlong) from [at, end).
/// @return the byte after it, or nullptr if it is cut or longer than 5 or 10 bytes; `out` is then
/// unspecified.
template <class T>
[[nodiscard]] inline const std::byte* read_varint(const std::byte* at, const std::byte* end,
                                                  T& out) {
  using Raw = std::make_unsigned_t<T>;
  // Most numbers of a record are below 64, and lengths below 8192: one or two bytes.
  if (at == end) return nullptr;
  const auto first = std::to_integer<Raw>(at[0]);
  if (first < 0x80) [[likely]] {
    out = unzigzag(first);
    return at + 1;
  }
  if (end - at < 2) return nullptr;
  const auto second = std::to_integer<Raw>(at[1]);
  if (second < 0x80) {
    out = unzigzag(static_cast<Raw>((first & 0x7f) | (second << 7)));
    return at + 2;
  }
  return read_long_varint(at, end, out);
}

}  // namespace gregor::model
