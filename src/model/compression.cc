#include "model/compression.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/assert.h"
#include "model/codecs.h"

namespace gregor::model {
namespace {

constexpr std::array<std::string_view, 5> names{"none", "gzip", "snappy", "lz4", "zstd"};
constexpr std::size_t first_window_bytes = std::size_t{16} << 10;

/// Hands the bytes through.
class PlainReader final : public Decompressor {
 public:
  PlainReader(ByteView plain, std::size_t bytes_max) : Decompressor(bytes_max), rest_(plain) {}

 private:
  Result<std::size_t> read_some(ByteSpan out) override {
    const std::size_t size = std::min(out.size(), rest_.size());
    std::copy_n(rest_.begin(), size, out.begin());
    rest_ = rest_.subspan(size);
    return size;
  }

  ByteView rest_;
};

}  // namespace

std::optional<Codec> codec_from_bits(int bits) {
  if (bits < 0 || bits >= static_cast<int>(names.size())) return std::nullopt;
  return static_cast<Codec>(bits);
}

std::string_view codec_name(Codec codec) {
  const auto index = static_cast<std::size_t>(codec);
  GREGOR_ASSERT(index < names.size());
  return names[index];
}

std::optional<Codec> codec_by_name(std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Codec>(found - names.begin());
}

Result<std::vector<std::byte>> compress(Codec codec, std::optional<int> level, ByteView plain) {
  // Nothing larger fits a batch; the libraries' int parameters need the limit too.
  if (plain.size() > std::size_t{std::numeric_limits<std::int32_t>::max()}) {
    return fail(ErrorCode::unknown_server_error,
                fmt::format("{} bytes are too many to compress at once", plain.size()));
  }
  switch (codec) {
    case Codec::none:
      return std::vector<std::byte>(plain.begin(), plain.end());
    case Codec::gzip:
      return codecs::compress_gzip(level, plain);
    case Codec::snappy:
      return codecs::compress_snappy(plain);
    case Codec::lz4:
      return codecs::compress_lz4(level, plain);
    case Codec::zstd:
      return codecs::compress_zstd(level, plain);
  }
  return fail(ErrorCode::unsupported_compression_type, "no such codec");
}

Result<std::size_t> Decompressor::read(ByteSpan out) {
  GREGOR_ASSERT(!out.empty());
  auto size = read_some(out);
  if (!size) return size;
  GREGOR_ASSERT(*size <= out.size());
  inflated_bytes_ += *size;
  if (inflated_bytes_ > inflated_bytes_max_) {
    return fail(ErrorCode::message_too_large,
                fmt::format("the records inflate to more than {} bytes", inflated_bytes_max_));
  }
  return size;
}

Result<std::unique_ptr<Decompressor>> make_decompressor(Codec codec, ByteView compressed,
                                                        std::size_t inflated_bytes_max) {
  switch (codec) {
    case Codec::none:
      return std::make_unique<PlainReader>(compressed, inflated_bytes_max);
    case Codec::gzip:
      return codecs::open_gzip(compressed, inflated_bytes_max);
    case Codec::snappy:
      return codecs::open_snappy(compressed, inflated_bytes_max);
    case Codec::lz4:
      return codecs::open_lz4(compressed, inflated_bytes_max);
    case Codec::zstd:
      return codecs::open_zstd(compressed, inflated_bytes_max);
  }
  return fail(ErrorCode::unsupported_compression_type, "no such codec");
}

Result<std::vector<std::byte>> decompress(Codec codec, ByteView compressed,
                                          std::size_t inflated_bytes_max) {
  auto stream = make_decompressor(codec, compressed, inflated_bytes_max);
  if (!stream) return fail(std::move(stream.error()));
  std::vector<std::byte> plain(std::max(first_window_bytes, compressed.size()));
  std::size_t used = 0;
  for (;;) {
    if (used == plain.size()) plain.resize(plain.size() * 2);
    const auto size = (*stream)->read(ByteSpan(plain).subspan(used));
    if (!size) return fail(size.error());
    if (*size == 0) break;
    used += *size;
  }
  plain.resize(used);
  return plain;
}

}  // namespace gregor::model
