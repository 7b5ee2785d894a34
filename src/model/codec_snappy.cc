// snappy in both of its forms: the framing of the xerial Java library (written, and read) and a
// bare block (read).
//
//   xerial: 82 53 4e 41 50 50 59 00 | int32 version | int32 lowest compatible version | { int32
//   length, block } *
//
// A block begins with the size that it inflates to. It is held against what so many bytes can
// inflate to at most before anything is allocated, and a chunk's length against the bytes that are
// there.
#include <fmt/format.h>
#include <snappy.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"
#include "model/codecs.h"

namespace gregor::model::codecs {
namespace {

constexpr std::array<unsigned char, 8> xerial_magic{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t xerial_header_bytes = 16;
constexpr std::int32_t xerial_version = 1;
constexpr std::size_t written_block_bytes = std::size_t{32} << 10;
// The densest element, a copy of 64 bytes, takes 3 bytes.
constexpr std::size_t inflation_max = 64 / 3 + 1;

const char* chars(ByteView bytes) { return reinterpret_cast<const char*>(bytes.data()); }

bool is_xerial(ByteView bytes) {
  return bytes.size() >= xerial_header_bytes &&
         std::memcmp(bytes.data(), xerial_magic.data(), xerial_magic.size()) == 0;
}

class SnappyReader final : public Decompressor {
 public:
  SnappyReader(ByteView compressed, bool is_framed, std::size_t bytes_max)
      : Decompressor(bytes_max), rest_(compressed), is_framed_(is_framed), has_begun_(is_framed) {}

 private:
  Result<std::size_t> read_some(ByteSpan out) override {
    while (block_at_ == block_size_) {
      if (rest_.empty() && has_begun_) return 0;
      auto loaded = load_block();
      if (!loaded) return fail(std::move(loaded.error()));
    }
    const std::size_t size = std::min(out.size(), block_size_ - block_at_);
    std::memcpy(out.data(), block_.get() + block_at_, size);
    block_at_ += size;
    return size;
  }

  /// Takes the next compressed block off rest_.
  Result<ByteView> next_block() {
    has_begun_ = true;
    if (!is_framed_) return std::exchange(rest_, ByteView{});
    if (rest_.size() < sizeof(std::int32_t)) return corrupt("snappy: a chunk length is cut");
    const auto length = load_be<std::int32_t>(rest_.data());
    rest_ = rest_.subspan(sizeof length);
    if (length <= 0 || static_cast<std::size_t>(length) > rest_.size()) {
      return corrupt(
          fmt::format("snappy: a chunk of {} bytes, {} are there", length, rest_.size()));
    }
    const ByteView block = rest_.first(static_cast<std::size_t>(length));
    rest_ = rest_.subspan(block.size());
    return block;
  }

  Result<void> load_block() {
    const auto compressed = next_block();
    if (!compressed) return fail(compressed.error());
    std::size_t size = 0;
    if (!snappy::GetUncompressedLength(chars(*compressed), compressed->size(), &size)) {
      return corrupt("snappy: no block");
    }
    if (size > compressed->size() * inflation_max) {
      return corrupt(
          fmt::format("snappy: a block of {} bytes can't hold {}", compressed->size(), size));
    }
    if (size > inflated_bytes_max() - inflated_bytes()) {
      return fail(ErrorCode::message_too_large,
                  fmt::format("the records inflate to more than {} bytes", inflated_bytes_max()));
    }
    if (size > block_capacity_) {
      block_ = std::make_unique_for_overwrite<char[]>(size);
      block_capacity_ = size;
    }
    if (size > 0 && !snappy::RawUncompress(chars(*compressed), compressed->size(), block_.get())) {
      return corrupt("snappy: garbage");
    }
    if (size == 0 && compressed->size() != 1) return corrupt("snappy: bytes behind an empty block");
    block_at_ = 0;
    block_size_ = size;
    return {};
  }

  ByteView rest_;  // not yet loaded
  const bool is_framed_;
  bool has_begun_;                 // a bare block must be there; frames may hold none
  std::unique_ptr<char[]> block_;  // the block being handed out
  std::size_t block_capacity_ = 0;
  std::size_t block_size_ = 0;
  std::size_t block_at_ = 0;
};

}  // namespace

Compressed compress_snappy(ByteView plain) {
  const std::size_t blocks = (plain.size() + written_block_bytes - 1) / written_block_bytes;
  const std::size_t block_bound =
      sizeof(std::int32_t) + snappy::MaxCompressedLength(written_block_bytes);
  std::vector<std::byte> out(xerial_header_bytes + blocks * block_bound);
  std::memcpy(out.data(), xerial_magic.data(), xerial_magic.size());
  store_be(out.data() + 8, xerial_version);
  store_be(out.data() + 12, xerial_version);
  std::size_t used = xerial_header_bytes;
  while (!plain.empty()) {
    const ByteView block = plain.first(std::min(plain.size(), written_block_bytes));
    std::size_t size = 0;
    char* to = reinterpret_cast<char*>(out.data()) + used + sizeof(std::int32_t);
    snappy::RawCompress(chars(block), block.size(), to, &size);
    store_be(out.data() + used, static_cast<std::int32_t>(size));
    used += sizeof(std::int32_t) + size;
    plain = plain.subspan(block.size());
  }
  GREGOR_ASSERT(used <= out.size());
  out.resize(used);
  return out;
}

Opened open_snappy(ByteView compressed, std::size_t inflated_bytes_max) {
  if (compressed.empty()) return corrupt("snappy: nothing there");
  const bool is_framed = is_xerial(compressed);
  if (is_framed) {
    const auto version = load_be<std::int32_t>(compressed.data() + xerial_magic.size());
    if (version < xerial_version) return corrupt(fmt::format("snappy: version {}", version));
    compressed = compressed.subspan(xerial_header_bytes);
  }
  return std::make_unique<SnappyReader>(compressed, is_framed, inflated_bytes_max);
}

}  // namespace gregor::model::codecs
