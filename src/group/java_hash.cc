#include "group/java_hash.h"

#include <cstddef>
#include <limits>

#include "base/assert.h"

namespace gregor::group {
namespace {

constexpr std::uint32_t replacement = 0xFFFD;

struct Decoded {
  std::uint32_t code_point = replacement;
  std::size_t size = 1;  // bytes used
};

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

// The smallest code point that needs so many bytes; overlong forms are no UTF-8.
constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};

// The next code point; what can't be one is replaced, together with the bytes that began well.
Decoded decode(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, 1};
  std::size_t wanted = 0;
  if (first >= 0xC2 && first < 0xE0) wanted = 2;
  if (first >= 0xE0 && first < 0xF0) wanted = 3;
  if (first >= 0xF0 && first < 0xF5) wanted = 4;
  if (wanted == 0) return {};
  std::uint32_t value = first & (0x7FU >> wanted);
  std::size_t size = 1;
  while (size < wanted && continues(text, at + size)) {
    value = (value << 6) | (static_cast<unsigned char>(text[at + size]) & 0x3FU);
    ++size;
    // The second byte shows whether it is overlong or beyond Unicode.
    const std::uint32_t lowest = value << (6 * (wanted - size));
    const std::uint32_t highest = lowest | ((1U << (6 * (wanted - size))) - 1);
    if (size == 2 && (highest < smallest[wanted] || lowest > 0x10FFFF)) return {replacement, 1};
  }
  const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF && wanted == 3;
  if (size < wanted || is_surrogate) return {replacement, size};
  return {value, size};
}

template <class Visit>
void for_each_unit(std::string_view text, Visit visit) {
  for (std::size_t at = 0; at < text.size();) {
    const Decoded next = decode(text, at);
    at += next.size;
    if (next.code_point < 0x10000) {
      visit(next.code_point);
      continue;
    }
    visit(0xD800 + ((next.code_point - 0x10000) >> 10));
    visit(0xDC00 + ((next.code_point - 0x10000) & 0x3FF));
  }
}

}  // namespace

std::int32_t java_hash(std::string_view text) {
  std::uint32_t hash = 0;
  for_each_unit(text, [&hash](std::uint32_t unit) { hash = 31 * hash + unit; });
  return static_cast<std::int32_t>(hash);
}

std::size_t java_length(std::string_view text) {
  std::size_t units = 0;
  for_each_unit(text, [&units](std::uint32_t) { ++units; });
  return units;
}

std::int32_t partition_of(std::string_view id, std::int32_t partitions) {
  GREGOR_ASSERT(partitions > 0);
  const std::int32_t hash = java_hash(id);
  if (hash == std::numeric_limits<std::int32_t>::min()) return 0;
  return (hash < 0 ? -hash : hash) % partitions;
}

}  // namespace gregor::group
