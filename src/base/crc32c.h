// CRC-32C (Castagnoli) by the CPU's instructions, through ISA-L. Source: RFC 3720, appendix B.4.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace gregor {

/// CRC-32C of `bytes`; crc32c("123456789") is 0xe3069283. Thread: any.
[[nodiscard]] std::uint32_t crc32c(ByteView bytes);

/// Goes on from `crc`, which an earlier call returned for the bytes before these.
[[nodiscard]] std::uint32_t crc32c_extend(std::uint32_t crc, ByteView bytes);

}  // namespace gregor
