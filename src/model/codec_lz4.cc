// LZ4 frames by liblz4. Written as the Java client does: 64 KiB independent blocks, no content
// size, no checksums but the header's. Read: one frame, and nothing behind it; the Java client
// stops after the first frame and can't follow blocks that refer to earlier ones, so a stream that
// needs either is refused here, where the producer learns of it.
#include <fmt/format.h>
#include <lz4frame.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "model/codecs.h"

namespace gregor::model::codecs {
namespace {

constexpr std::size_t magic_bytes = 4;
constexpr std::uint32_t uncompressed_bit = 0x80000000;
// Kafka's level 9, its default, is the fast compressor; the others are "high compression", of which
// liblz4 has 3..12.
constexpr int kafka_fast_level = 9;
constexpr int high_level_min = 3;
constexpr int high_level_max = 12;

// Bits of the FLG byte, which follows the magic.
constexpr unsigned flag_dictionary = 0x01;
constexpr unsigned flag_content_checksum = 0x04;
constexpr unsigned flag_content_size = 0x08;
constexpr unsigned flag_block_checksum = 0x10;
constexpr unsigned flag_independent = 0x20;

std::uint32_t load_le32(const std::byte* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Checks the frame's outline: where its blocks and its end are. What is in them, and the header's
/// checksum, is left to the library.
Result<void> check_outline(ByteView frame) {
  if (frame.size() < magic_bytes + 3 || load_le32(frame.data()) != LZ4F_MAGICNUMBER) {
    return corrupt("lz4: no frame");
  }
  const auto flags = std::to_integer<unsigned>(frame[magic_bytes]);
  if ((flags & flag_dictionary) != 0) return corrupt("lz4: the frame needs a dictionary");
  const std::size_t header = magic_bytes + 3 + ((flags & flag_content_size) != 0 ? 8 : 0);
  const std::size_t block_tail = (flags & flag_block_checksum) != 0 ? 4 : 0;
  const std::size_t frame_tail = (flags & flag_content_checksum) != 0 ? 4 : 0;
  std::size_t at = header;
  std::size_t blocks = 0;
  for (;;) {
    if (frame.size() < at + sizeof(std::uint32_t)) return corrupt("lz4: the frame is cut");
    const std::uint32_t size = load_le32(frame.data() + at) & ~uncompressed_bit;
    at += sizeof size;
    if (size == 0) break;
    if (frame.size() - at < size + block_tail) return corrupt("lz4: a block is cut");
    at += size + block_tail;
    ++blocks;
  }
  if (frame.size() != at + frame_tail) {
    return corrupt(frame.size() < at + frame_tail ? "lz4: the frame is cut"
                                                  : "lz4: bytes behind the frame");
  }
  if (blocks > 1 && (flags & flag_independent) == 0) return corrupt("lz4: linked blocks");
  return {};
}

class Lz4Reader final : public Decompressor {
 public:
  Lz4Reader(ByteView compressed, std::size_t bytes_max)
      : Decompressor(bytes_max), rest_(compressed) {}
  ~Lz4Reader() override { LZ4F_freeDecompressionContext(context_); }

  [[nodiscard]] bool open() {
    return LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)) == 0;
  }

 private:
  Result<std::size_t> read_some(ByteSpan out) override {
    while (!has_ended_) {
      std::size_t written = out.size();
      std::size_t taken = rest_.size();
      const std::size_t hint =
          LZ4F_decompress(context_, out.data(), &written, rest_.data(), &taken, nullptr);
      if (LZ4F_isError(hint) != 0) return corrupt(fmt::format("lz4: {}", LZ4F_getErrorName(hint)));
      rest_ = rest_.subspan(taken);
      has_ended_ = hint == 0;
      if (has_ended_ && !rest_.empty()) return corrupt("lz4: bytes behind the frame");
      if (written > 0) return written;
      if (!has_ended_ && taken == 0) return corrupt("lz4: the frame is cut");
    }
    return 0;
  }

  ByteView rest_;
  LZ4F_dctx* context_ = nullptr;
  bool has_ended_ = false;
};

}  // namespace

Compressed compress_lz4(std::optional<int> level, ByteView plain) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.autoFlush = 1;  // all input is there: compress it where it lies
  if (level && *level != kafka_fast_level) {
    preferences.compressionLevel = std::clamp(*level, high_level_min, high_level_max);
  }
  LZ4F_cctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)) != 0) {
    return fail(ErrorCode::unknown_server_error, "lz4: no memory");
  }
  std::vector<std::byte> out(LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(plain.size(), &preferences));
  // In steps and not by LZ4F_compressFrame, which picks a smaller block size of its own for short
  // input.
  std::size_t used = 0;
  std::size_t step = LZ4F_compressBegin(context, out.data(), out.size(), &preferences);
  if (LZ4F_isError(step) == 0) {
    used = step;
    step = LZ4F_compressUpdate(context, out.data() + used, out.size() - used, plain.data(),
                               plain.size(), nullptr);
  }
  if (LZ4F_isError(step) == 0) {
    used += step;
    step = LZ4F_compressEnd(context, out.data() + used, out.size() - used, nullptr);
  }
  LZ4F_freeCompressionContext(context);
  if (LZ4F_isError(step) != 0) {
    return fail(ErrorCode::unknown_server_error, fmt::format("lz4: {}", LZ4F_getErrorName(step)));
  }
  out.resize(used + step);
  return out;
}

Opened open_lz4(ByteView compressed, std::size_t inflated_bytes_max) {
  auto outline = check_outline(compressed);
  if (!outline) return fail(std::move(outline.error()));
  auto reader = std::make_unique<Lz4Reader>(compressed, inflated_bytes_max);
  if (!reader->open()) return fail(ErrorCode::unknown_server_error, "lz4: no memory");
  return reader;
}

}  // namespace gregor::model::codecs
