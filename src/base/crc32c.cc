#include "base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace gregor {
namespace {
// ISA-L takes the length as an int.
constexpr std::size_t chunk_bytes_max = std::size_t{1} << 30;
}  // namespace

std::uint32_t crc32c(ByteView bytes) { return crc32c_extend(0, bytes); }

std::uint32_t crc32c_extend(std::uint32_t crc, ByteView bytes) {
  std::uint32_t state = ~crc;
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), chunk_bytes_max);
    // The function takes a non-const pointer but only reads.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    state = crc32_iscsi(data, static_cast<int>(size), state);
    bytes = bytes.subspan(size);
  }
  return ~state;
}

}  // namespace gregor
