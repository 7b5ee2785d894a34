// Views of bytes and big-endian access to them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace gregor {

using ByteView = std::span<const std::byte>;  // borrowed, read only
using ByteSpan = std::span<std::byte>;        // borrowed, writable

static_assert(std::endian::native == std::endian::little, "big-endian hosts are not supported");

/// Reads a big-endian integer at `at`, which need not be aligned. The caller has checked the
/// length.
template <class T>
[[nodiscard]] inline T load_be(const std::byte* at) {
  static_assert(std::is_integral_v<T>);
  std::make_unsigned_t<T> raw;
  std::memcpy(&raw, at, sizeof raw);
  if constexpr (sizeof raw == 2) raw = __builtin_bswap16(raw);
  if constexpr (sizeof raw == 4) raw = __builtin_bswap32(raw);
  if constexpr (sizeof raw == 8) raw = __builtin_bswap64(raw);
  return static_cast<T>(raw);
}

/// Writes a big-endian integer at `at`, which need not be aligned. The caller has checked the
/// length.
template <class T>
inline void store_be(std::byte* at, T value) {
  static_assert(std::is_integral_v<T>);
  auto raw = static_cast<std::make_unsigned_t<T>>(value);
  if constexpr (sizeof raw == 2) raw = __builtin_bswap16(raw);
  if constexpr (sizeof raw == 4) raw = __builtin_bswap32(raw);
  if constexpr (sizeof raw == 8) raw = __builtin_bswap64(raw);
  std::memcpy(at, &raw, sizeof raw);
}

[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace gregor
