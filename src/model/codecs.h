// The four codecs behind compression.h; nothing else includes this file.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/compression.h"

namespace gregor::model::codecs {

using Compressed = Result<std::vector<std::byte>>;
using Opened = Result<std::unique_ptr<Decompressor>>;

[[nodiscard]] Compressed compress_gzip(std::optional<int> level, ByteView plain);
[[nodiscard]] Compressed compress_snappy(ByteView plain);
[[nodiscard]] Compressed compress_lz4(std::optional<int> level, ByteView plain);
[[nodiscard]] Compressed compress_zstd(std::optional<int> level, ByteView plain);

[[nodiscard]] Opened open_gzip(ByteView compressed, std::size_t inflated_bytes_max);
[[nodiscard]] Opened open_snappy(ByteView compressed, std::size_t inflated_bytes_max);
[[nodiscard]] Opened open_lz4(ByteView compressed, std::size_t inflated_bytes_max);
[[nodiscard]] Opened open_zstd(ByteView compressed, std::size_t inflated_bytes_max);

/// A Decompressor's answer to bytes that are not what they should be.
[[nodiscard]] inline tl::unexpected<Error> corrupt(std::string detail) {
  return fail(ErrorCode::corrupt_message, std::move(detail));
}

}  // namespace gregor::model::codecs
