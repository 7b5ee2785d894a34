// Zstandard frames (RFC 8878) by libzstd: one frame is written; one or more are read, with windows
// up to 128 MiB, the limit that the library and the clients have by default. Without a dictionary.
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

#include "base/assert.h"
#include "model/codecs.h"

namespace gregor::model::codecs {
namespace {

constexpr int window_log_max = 27;  // ZSTD_WINDOWLOG_LIMIT_DEFAULT

class ZstdReader final : public Decompressor {
 public:
  ZstdReader(ByteView compressed, std::size_t bytes_max)
      : Decompressor(bytes_max), input_{compressed.data(), compressed.size(), 0} {}
  ~ZstdReader() override { ZSTD_freeDCtx(context_); }

  [[nodiscard]] bool open() {
    context_ = ZSTD_createDCtx();
    if (context_ == nullptr) return false;
    return ZSTD_isError(ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, window_log_max)) == 0;
  }

 private:
  Result<std::size_t> read_some(ByteSpan out) override {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    while (output.pos == 0) {
      if (frame_ended_ && input_.pos == input_.size) return 0;
      const std::size_t taken_before = input_.pos;
      const std::size_t hint = ZSTD_decompressStream(context_, &output, &input_);
      if (ZSTD_isError(hint) != 0) return corrupt(fmt::format("zstd: {}", ZSTD_getErrorName(hint)));
      frame_ended_ = hint == 0;
      if (output.pos == 0 && !frame_ended_ && input_.pos == taken_before) {
        return corrupt("zstd: the stream is cut");
      }
    }
    return output.pos;
  }

  ZSTD_inBuffer input_;
  ZSTD_DCtx* context_ = nullptr;
  bool frame_ended_ = false;
};

}  // namespace

Compressed compress_zstd(std::optional<int> level, ByteView plain) {
  const int wanted =
      std::clamp(level.value_or(ZSTD_CLEVEL_DEFAULT), ZSTD_minCLevel(), ZSTD_maxCLevel());
  std::vector<std::byte> out(ZSTD_compressBound(plain.size()));
  const std::size_t size =
      ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), wanted);
  if (ZSTD_isError(size) != 0) {
    return fail(ErrorCode::unknown_server_error, fmt::format("zstd: {}", ZSTD_getErrorName(size)));
  }
  out.resize(size);
  return out;
}

Opened open_zstd(ByteView compressed, std::size_t inflated_bytes_max) {
  if (compressed.empty()) return corrupt("zstd: nothing there");
  auto reader = std::make_unique<ZstdReader>(compressed, inflated_bytes_max);
  if (!reader->open()) return fail(ErrorCode::unknown_server_error, "zstd: no memory");
  return reader;
}

}  // namespace gregor::model::codecs
