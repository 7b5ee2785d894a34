// 128-bit ids of topics, clusters and log dirs, in Kafka's text form.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gregor::model {

/// 16 bytes, high half first; all zero = "none". Text: URL-safe base64 without padding, 22
/// characters.
struct Uuid {
  std::array<std::byte, 16> bytes{};

  [[nodiscard]] bool is_zero() const { return bytes == std::array<std::byte, 16>{}; }
  [[nodiscard]] std::string to_string() const;
  /// @errors invalid_request: not 22 characters of the alphabet.
  [[nodiscard]] static Result<Uuid> parse(std::string_view text);
  /// A version 4 uuid of 128 random bits; never one that Kafka reserves nor one whose text starts
  /// with '-'.
  template <class Random>
  [[nodiscard]] static Uuid make(Random& random) {
    for (;;) {
      const Uuid id = from_bits(random.next(), random.next());
      if (id.to_string().front() != '-') return id;
    }
  }
  /// Sets the version and variant bits of two random halves.
  [[nodiscard]] static Uuid from_bits(std::uint64_t high, std::uint64_t low);

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace gregor::model

template <>
struct std::hash<gregor::model::Uuid> {
  std::size_t operator()(const gregor::model::Uuid& id) const noexcept {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
  }
};
