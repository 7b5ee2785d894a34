// For the tests of model/ only: bytes from hex, batches to be damaged, noise with a fixed seed.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "model/batch_builder.h"
#include "model/batch_validation.h"

namespace gregor::model::test {

using Bytes = std::vector<std::byte>;

inline const Codec all_codecs[] = {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4,
                                   Codec::zstd};
inline const Codec real_codecs[] = {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

/// Blanks are skipped.
inline Bytes from_hex(std::string_view hex) {
  Bytes out;
  int digits = 0;
  unsigned value = 0;
  for (char c : hex) {
    if (c == ' ' || c == '\n') continue;
    const unsigned digit = static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    value = value * 16 + digit;
    if (++digits % 2 == 0) out.push_back(static_cast<std::byte>(value & 255));
  }
  return out;
}

inline std::string to_hex(ByteView bytes) {
  std::string out;
  for (std::byte b : bytes) {
    out += "0123456789abcdef"[std::to_integer<int>(b) >> 4];
    out += "0123456789abcdef"[std::to_integer<int>(b) & 15];
  }
  return out;
}

inline Bytes operator+(Bytes a, ByteView b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Bytes that no codec can shrink.
inline Bytes noise(std::size_t size, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  Bytes out(size);
  for (auto& b : out) b = static_cast<std::byte>(random() & 255);
  return out;
}

/// Bytes that look like text: they compress, but not to nothing.
inline Bytes text(std::size_t size) {
  std::mt19937 random(7);
  Bytes out(size);
  for (auto& b : out) b = static_cast<std::byte>("etaoin shrdlu\n"[random() % 14]);
  return out;
}

inline constexpr std::int64_t test_now = 1'700'000'000'000;

/// `count` records with keys, values and, each third, a header; timestamps test_now, +1, +2 ...
inline Bytes make_batch(int count, BatchOptions options = {}) {
  BatchBuilder builder(options);
  for (int i = 0; i < count; ++i) {
    const std::string key = "key-" + std::to_string(i);
    const std::string value = "value-" + std::to_string(i * 7919);
    const HeaderView headers[] = {{"h", as_bytes("x")}};
    builder.add({.timestamp = TimestampMs(test_now + i),
                 .key = as_bytes(key),
                 .value = as_bytes(value),
                 .headers = i % 3 == 2 ? std::span(headers) : std::span<const HeaderView>{}});
  }
  auto batch = builder.finish();
  EXPECT_TRUE(batch);
  return batch ? *batch : Bytes{};
}

/// Makes length and CRC good again after a change.
inline void reseal(Bytes& batch) {
  store_be(batch.data() + batch_layout::length_at,
           static_cast<std::int32_t>(batch.size() - batch_layout::prefix_bytes));
  store_be(batch.data() + batch_layout::crc_at,
           crc32c(ByteView(batch).subspan(batch_layout::attributes_at)));
}

/// A field of the header set, CRC made good.
template <class T>
Bytes with_field(Bytes batch, std::size_t at, T value) {
  store_be(batch.data() + at, value);
  store_be(batch.data() + batch_layout::crc_at,
           crc32c(ByteView(batch).subspan(batch_layout::attributes_at)));
  return batch;
}

/// The header of `batch` with other records and another codec.
inline Bytes with_records(const Bytes& batch, Codec codec, ByteView records) {
  Bytes out(batch.begin(), batch.begin() + batch_layout::header_bytes);
  out = std::move(out) + records;
  store_be(out.data() + batch_layout::attributes_at, static_cast<std::int16_t>(codec));
  reseal(out);
  return out;
}

/// An uncompressed batch of `count` records with these bytes as its records section.
inline Bytes raw_batch(ByteView records, std::int32_t count = 1) {
  Bytes batch = with_records(make_batch(1), Codec::none, records);
  store_be(batch.data() + batch_layout::last_offset_delta_at, count - 1);
  return with_field(batch, batch_layout::record_count_at, count);
}

inline ValidationOptions options_now() { return {.now = TimestampMs(test_now)}; }

/// The code of a rejection; `none` if the batch was accepted.
inline ErrorCode code_of(ByteView batch, const ValidationOptions& options = options_now()) {
  const auto facts = validate_batch(batch, options);
  return facts ? ErrorCode::none : facts.error().error.code;
}

}  // namespace gregor::model::test
