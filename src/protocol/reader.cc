#include "protocol/reader.h"

#include <bit>
#include <limits>

namespace gregor::protocol {
namespace {

constexpr std::int32_t string_length_max = std::numeric_limits<std::int16_t>::max();
constexpr const char* illegal_null = "null where it is not allowed";
constexpr const char* too_short = "the frame ends too early";

}  // namespace

Error Reader::error(std::string_view what, ApiVersion version) const {
  std::string detail(what);
  detail += " v" + std::to_string(version) + ": ";
  detail += failure_ != nullptr ? failure_ : "no error";
  detail += " (at byte " + std::to_string(failed_at_) + " of " + std::to_string(end_) + ")";
  return Error{ErrorCode::invalid_request, std::move(detail)};
}

void Reader::fail(const char* reason) {
  if (failure_ != nullptr) return;
  failure_ = reason;
  failed_at_ = position_;
  position_ = end_;  // so that every later read fails its bounds check
}

ByteView Reader::take(std::size_t size) {
  if (size > remaining()) {
    fail(too_short);
    return {};
  }
  const ByteView result(begin_ + position_, size);
  position_ += size;
  return result;
}

double Reader::float64() { return std::bit_cast<double>(fixed<std::int64_t>()); }

model::Uuid Reader::uuid() {
  model::Uuid id;
  const ByteView bytes = take(id.bytes.size());
  if (bytes.size() == id.bytes.size()) std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
  return id;
}

std::uint32_t Reader::uvarint() {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift <= 28; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(fixed<std::int8_t>());
    value |= static_cast<std::uint32_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) return value;
  }
  fail("a varint of more than five bytes");
  return 0;
}

std::int32_t Reader::string_length(bool flexible) {
  return flexible ? static_cast<std::int32_t>(uvarint() - 1U) : int16();
}

std::int32_t Reader::length(bool flexible) {
  return flexible ? static_cast<std::int32_t>(uvarint() - 1U) : int32();
}

std::string_view Reader::string(bool flexible) {
  const auto text = nullable_string(flexible, false);
  return text ? *text : std::string_view{};
}

std::optional<std::string_view> Reader::nullable_string(bool flexible, bool null_allowed) {
  const std::int32_t size = string_length(flexible);
  if (size < 0 || !ok()) {
    if (!null_allowed) fail(illegal_null);
    return std::nullopt;
  }
  if (size > string_length_max) {
    fail("a string longer than 32767 bytes");
    return std::nullopt;
  }
  return as_text(take(static_cast<std::size_t>(size)));
}

Bytes Reader::bytes(bool flexible) {
  const auto data = nullable_bytes(flexible, false);
  return data ? *data : Bytes{};
}

std::optional<Bytes> Reader::nullable_bytes(bool flexible, bool null_allowed) {
  const std::int32_t size = length(flexible);
  if (size < 0 || !ok()) {
    if (!null_allowed) fail(illegal_null);
    return std::nullopt;
  }
  return Bytes(take(static_cast<std::size_t>(size)));
}

std::optional<Records> Reader::records(bool flexible, bool null_allowed) {
  const auto data = nullable_bytes(flexible, null_allowed);
  if (!data) return std::nullopt;
  return Records{.bytes = *data};
}

std::size_t Reader::admit(std::int32_t count, std::size_t item_on_wire,
                          std::size_t item_in_memory) {
  const auto items = static_cast<std::size_t>(count);
  if (items > remaining() / item_on_wire) {
    fail("an array with more items than the frame can hold");
    return 0;
  }
  if (items * item_in_memory > allocation_left_) {
    fail("arrays that take too much memory for a frame of this size");
    return 0;
  }
  allocation_left_ -= items * item_in_memory;
  return items;
}

std::size_t Reader::array(bool flexible, std::size_t item_on_wire, std::size_t item_in_memory) {
  const auto count = nullable_array(flexible, false, item_on_wire, item_in_memory);
  return count ? *count : 0;
}

std::optional<std::size_t> Reader::nullable_array(bool flexible, bool null_allowed,
                                                  std::size_t item_on_wire,
                                                  std::size_t item_in_memory) {
  const std::int32_t count = length(flexible);
  if (count < 0 || !ok()) {
    if (!null_allowed) fail(illegal_null);
    return std::nullopt;
  }
  return admit(count, item_on_wire, item_in_memory);
}

std::uint32_t Reader::tag_count() {
  const auto count = static_cast<std::int32_t>(uvarint());
  return count > 0 ? static_cast<std::uint32_t>(count) : 0;
}

Tag Reader::begin_tag() {
  Tag tag;
  tag.number = uvarint();
  const std::size_t size = uvarint();
  if (size > remaining()) fail("a tagged field that is longer than the rest of the frame");
  tag.end = position_ + size;
  return tag;
}

void Reader::skip_tag(const Tag& tag) {
  if (ok()) position_ = tag.end;
}

void Reader::end_tag(const Tag& tag) {
  if (ok() && position_ != tag.end) fail("a tagged field whose size does not fit its data");
}

void Reader::skip_tags() {
  for (std::uint32_t left = tag_count(); left > 0 && ok(); --left) skip_tag(begin_tag());
}

}  // namespace gregor::protocol
