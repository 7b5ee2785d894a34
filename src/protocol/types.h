// The field types of messages that the base library lacks: bytes that compare, and record batches
// with data elsewhere.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace gregor::protocol {

/// Version of an API, as in a request header.
using ApiVersion = std::int16_t;

/// `flexible_from` of an API that has no flexible version.
inline constexpr ApiVersion never_flexible = 32767;

/// A borrowed `bytes` field: a ByteView that compares by content.
struct Bytes : ByteView {
  using ByteView::ByteView;
  Bytes() = default;
  Bytes(ByteView view)
      : ByteView(view) {}  // NOLINT: implicit on purpose, so that it reads like a ByteView
  friend bool operator==(const Bytes& a, const Bytes& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }
};

/// A `records` field: zero or more record batches, which the codec takes as they are.
///
/// Written are first `bytes`, then `external_bytes` bytes that are not in memory: the Writer notes
/// a gap for them, and the sender of the frame fills it (for example with sendfile). A decoded
/// message never has external bytes.
struct Records {
  ByteView bytes = {};
  std::uint64_t external_bytes = 0;

  [[nodiscard]] std::uint64_t size() const { return bytes.size() + external_bytes; }
  friend bool operator==(const Records& a, const Records& b) {
    return a.external_bytes == b.external_bytes && Bytes(a.bytes) == Bytes(b.bytes);
  }
};

}  // namespace gregor::protocol
