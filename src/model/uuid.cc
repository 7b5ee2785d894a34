#include "model/uuid.h"

#include "base/bytes.h"

namespace gregor::model {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t text_size = 22;  // ceil(128 / 6)

}  // namespace

std::string Uuid::to_string() const {
  std::string out;
  unsigned pending = 0;
  int bits = 0;
  for (std::byte b : bytes) {
    pending = (pending << 8) | std::to_integer<unsigned>(b);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      out += alphabet[(pending >> bits) & 63];
    }
  }
  out += alphabet[(pending << (6 - bits)) & 63];
  return out;
}

Result<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != text_size) return fail(ErrorCode::invalid_request, "a uuid has 22 characters");
  Uuid id;
  unsigned pending = 0;
  int bits = 0;
  std::size_t at = 0;
  for (char c : text) {
    const auto digit = alphabet.find(c);
    if (digit == std::string_view::npos)
      return fail(ErrorCode::invalid_request, "not a base64url character in a uuid");
    pending = (pending << 6) | static_cast<unsigned>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      id.bytes[at++] = static_cast<std::byte>((pending >> bits) & 255);
    }
  }
  return id;
}

Uuid Uuid::from_bits(std::uint64_t high, std::uint64_t low) {
  high = (high & ~std::uint64_t{0xf000}) | 0x4000;
  low = (low & ~(std::uint64_t{3} << 62)) | (std::uint64_t{2} << 62);
  Uuid id;
  store_be(id.bytes.data(), high);
  store_be(id.bytes.data() + 8, low);
  return id;
}

}  // namespace gregor::model
