// Kafka's four codecs: whole-buffer compression, and decompression as a stream through fixed
// windows, so that what a hostile batch inflates to costs neither memory nor much time. One file
// per codec: codec_*.cc. What each writer does is chosen so that the Java client, librdkafka and
// the Go clients can read it; the readers take what all of those write. Source: the protocol guide;
// RFC 1952, RFC 8878, the LZ4 frame and snappy format texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace gregor::model {

/// The numbers are those of the attributes field of a batch.
enum class Codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

/// What a batch may inflate to unless told otherwise; a Kafka broker of default settings takes 1
/// MiB compressed.
inline constexpr std::size_t inflated_bytes_max_default = std::size_t{128} << 20;

/// nullopt for 5 and above, and below 0. Thread: any, as all of this file's functions.
[[nodiscard]] std::optional<Codec> codec_from_bits(int bits);
/// "none", "gzip", "snappy", "lz4", "zstd".
[[nodiscard]] std::string_view codec_name(Codec codec);
/// The inverse of codec_name; no other spellings.
[[nodiscard]] std::optional<Codec> codec_by_name(std::string_view name);

/// Compresses all of `plain` at once. `none` copies.
///
/// @param level  nullopt = the codec's default; else as in Kafka's compression.<codec>.level:
/// gzip 1..9 (-1 default),
///               lz4 1..17 (9 = fast), zstd -131072..22; clamped into the codec's range, ignored by
///               snappy
/// @errors unknown_server_error: the library refused (out of memory, or more than 2^31-1 bytes)
[[nodiscard]] Result<std::vector<std::byte>> compress(Codec codec, std::optional<int> level,
                                                      ByteView plain);

/// One compressed stream, read piece by piece. Borrows the compressed bytes.
///
/// Limits: gzip 32 KiB window; lz4 4 MiB blocks; zstd windows up to 128 MiB (of which only what was
/// really inflated is touched); snappy one block, which can't inflate to more than 22 times its
/// size. None of them allocates what the input claims without holding it against what the input
/// could inflate to. Thread: one at a time.
class Decompressor {
 public:
  virtual ~Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// Fills the start of `out`, which must not be empty. After an error nothing more may be read.
  /// @return bytes written; 0 = the stream has ended properly and nothing is left behind it
  /// @errors corrupt_message: garbage, a wrong checksum, a cut stream, bytes behind its end;
  ///         message_too_large: more than inflated_bytes_max came out
  [[nodiscard]] Result<std::size_t> read(ByteSpan out);

  /// Bytes that came out so far.
  [[nodiscard]] std::size_t inflated_bytes() const { return inflated_bytes_; }

 protected:
  explicit Decompressor(std::size_t inflated_bytes_max) : inflated_bytes_max_(inflated_bytes_max) {}
  [[nodiscard]] std::size_t inflated_bytes_max() const { return inflated_bytes_max_; }

 private:
  /// As read(), without the limit.
  [[nodiscard]] virtual Result<std::size_t> read_some(ByteSpan out) = 0;

  const std::size_t inflated_bytes_max_;
  std::size_t inflated_bytes_ = 0;
};

/// @param compressed  borrowed until the Decompressor is gone
/// @errors corrupt_message (already the beginning is wrong), message_too_large (already a length is
/// above the limit),
///         unknown_server_error (no memory)
[[nodiscard]] Result<std::unique_ptr<Decompressor>> make_decompressor(
    Codec codec, ByteView compressed, std::size_t inflated_bytes_max = inflated_bytes_max_default);

/// The whole stream at once; memory grows with what really comes out. @errors as Decompressor.
[[nodiscard]] Result<std::vector<std::byte>> decompress(
    Codec codec, ByteView compressed, std::size_t inflated_bytes_max = inflated_bytes_max_default);

}  // namespace gregor::model
