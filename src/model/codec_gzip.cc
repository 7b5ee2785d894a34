// gzip by zlib (RFC 1952): one member is written; one or more, back to back, are read.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "base/assert.h"
#include "model/codecs.h"

namespace gregor::model::codecs {
namespace {

constexpr int gzip_window_bits = 15 + 16;  // 32 KiB window; +16 = gzip format only
constexpr int memory_level = 8;            // zlib's default

Bytef* zlib_pointer(const std::byte* bytes) {
  // zlib's next_in is not const in its C interface, but is only read.
  return reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes));
}

class GzipReader final : public Decompressor {
 public:
  GzipReader(ByteView compressed, std::size_t bytes_max) : Decompressor(bytes_max) {
    stream_.next_in = zlib_pointer(compressed.data());
    stream_.avail_in = static_cast<uInt>(compressed.size());
  }
  ~GzipReader() override {
    if (is_open_) inflateEnd(&stream_);
  }

  [[nodiscard]] bool open() {
    is_open_ = inflateInit2(&stream_, gzip_window_bits) == Z_OK;
    return is_open_;
  }

 private:
  Result<std::size_t> read_some(ByteSpan out) override {
    stream_.next_out = zlib_pointer(out.data());
    stream_.avail_out = static_cast<uInt>(std::min(out.size(), window_bytes_max));
    const auto offered = stream_.avail_out;
    while (stream_.avail_out == offered) {
      if (member_ended_) {
        if (stream_.avail_in == 0) return 0;
        if (inflateReset(&stream_) != Z_OK) return corrupt("gzip: reset failed");
        member_ended_ = false;
      }
      const int code = inflate(&stream_, Z_NO_FLUSH);
      member_ended_ = code == Z_STREAM_END;
      if (code == Z_BUF_ERROR) return corrupt("gzip: the stream is cut");
      if (code != Z_OK && code != Z_STREAM_END) {
        return corrupt(fmt::format("gzip: {}", stream_.msg != nullptr ? stream_.msg : "garbage"));
      }
    }
    return offered - stream_.avail_out;
  }

  static constexpr std::size_t window_bytes_max = std::size_t{1} << 30;  // uInt is 32 bits

  z_stream stream_{};
  bool is_open_ = false;
  bool member_ended_ = false;
};

}  // namespace

Compressed compress_gzip(std::optional<int> level, ByteView plain) {
  z_stream stream{};
  const int wanted = level && *level != Z_DEFAULT_COMPRESSION
                         ? std::clamp(*level, Z_BEST_SPEED, Z_BEST_COMPRESSION)
                         : Z_DEFAULT_COMPRESSION;
  if (deflateInit2(&stream, wanted, Z_DEFLATED, gzip_window_bits, memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(ErrorCode::unknown_server_error, "gzip: no memory");
  }
  std::vector<std::byte> out(deflateBound(&stream, static_cast<uLong>(plain.size())));
  stream.next_in = zlib_pointer(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = zlib_pointer(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int code = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (code != Z_STREAM_END) return fail(ErrorCode::unknown_server_error, "gzip: deflate failed");
  return out;
}

Opened open_gzip(ByteView compressed, std::size_t inflated_bytes_max) {
  auto reader = std::make_unique<GzipReader>(compressed, inflated_bytes_max);
  if (!reader->open()) return fail(ErrorCode::unknown_server_error, "gzip: no memory");
  return reader;
}

}  // namespace gregor::model::codecs
