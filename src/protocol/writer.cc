#include "protocol/writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "base/assert.h"

namespace gregor::protocol {
namespace {

constexpr std::size_t first_room = 512;
constexpr std::size_t string_length_max = std::numeric_limits<std::int16_t>::max();
constexpr std::size_t length_max = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t uvarint_size_max = 5;

std::size_t put_uvarint(std::array<std::byte, uvarint_size_max>& out, std::uint32_t value) {
  std::size_t size = 0;
  while (value >= 0x80) {
    out[size++] = static_cast<std::byte>((value & 0x7fU) | 0x80U);
    value >>= 7;
  }
  out[size++] = static_cast<std::byte>(value);
  return size;
}

}  // namespace

std::vector<std::byte> Writer::take() {
  buffer_.resize(used_);
  std::vector<std::byte> result = std::move(buffer_);
  clear();
  return result;
}

void Writer::clear() {
  truncate(0);
  error_codes_.clear();
}

void Writer::truncate(std::size_t position) {
  GREGOR_ASSERT(position <= used_);
  used_ = position;
  while (!gaps_.empty() && gaps_.back().position > position) {
    gap_bytes_ -= gaps_.back().size;
    gaps_.pop_back();
  }
  failure_.clear();
  failure_code_ = ErrorCode::none;
}

Error Writer::error(std::string_view what, ApiVersion version) const {
  return Error{failure_code_, std::string(what) + " v" + std::to_string(version) + ": " + failure_};
}

void Writer::fail_absent(const char* field) {
  if (!ok()) return;
  failure_code_ = ErrorCode::unsupported_version;
  failure_ = std::string("this version has no field ") + field;
}

void Writer::fail(ErrorCode code, const char* reason) {
  if (!ok()) return;
  failure_code_ = code;
  failure_ = reason;
}

void Writer::enlarge(std::size_t size) {
  buffer_.resize(std::max({first_room, buffer_.size() * 2, used_ + size}));
}

void Writer::float64(double value) { fixed(std::bit_cast<std::int64_t>(value)); }

void Writer::uuid(const model::Uuid& value) { raw(value.bytes); }

void Writer::uvarint(std::uint32_t value) {
  std::array<std::byte, uvarint_size_max> out;
  const std::size_t size = put_uvarint(out, value);
  raw(ByteView(out).first(size));
}

void Writer::raw(ByteView data) {
  if (!data.empty()) std::memcpy(grow(data.size()), data.data(), data.size());
}

void Writer::length(std::size_t size, bool flexible) {
  if (size > length_max) return fail(ErrorCode::invalid_request, "data of more than 2 GiB");
  if (flexible) return uvarint(static_cast<std::uint32_t>(size) + 1);
  int32(static_cast<std::int32_t>(size));
}

void Writer::string(std::string_view text, bool flexible) {
  if (text.size() > string_length_max) {
    return fail(ErrorCode::invalid_request, "a string longer than 32767 bytes");
  }
  if (flexible) {
    uvarint(static_cast<std::uint32_t>(text.size()) + 1);
  } else {
    int16(static_cast<std::int16_t>(text.size()));
  }
  raw(as_bytes(text));
}

void Writer::nullable_string(const std::optional<std::string_view>& text, bool flexible,
                             bool null_allowed) {
  if (text) return string(*text, flexible);
  if (!null_allowed) return fail(ErrorCode::invalid_request, "a null string where it is illegal");
  if (flexible) return uvarint(0);
  int16(-1);
}

void Writer::bytes(ByteView data, bool flexible) {
  length(data.size(), flexible);
  raw(data);
}

void Writer::nullable_bytes(const std::optional<Bytes>& data, bool flexible, bool null_allowed) {
  if (data) return bytes(*data, flexible);
  null_array(flexible, null_allowed);
}

void Writer::records(const std::optional<Records>& data, bool flexible, bool null_allowed) {
  if (!data) return null_array(flexible, null_allowed);
  length(data->size(), flexible);
  raw(data->bytes);
  if (data->external_bytes == 0) return;
  gaps_.push_back(Gap{used_, data->external_bytes});
  gap_bytes_ += data->external_bytes;
}

void Writer::array(std::size_t count, bool flexible) { length(count, flexible); }

void Writer::null_array(bool flexible, bool null_allowed) {
  if (!null_allowed) return fail(ErrorCode::invalid_request, "null where it is illegal");
  if (flexible) return uvarint(0);
  int32(-1);
}

std::size_t Writer::begin_tag(std::uint32_t number) {
  uvarint(number);
  return used_;
}

void Writer::end_tag(std::size_t start) {
  GREGOR_ASSERT(start <= used_);
  GREGOR_ASSERT(gaps_.empty() || gaps_.back().position <= start);
  const std::size_t size = used_ - start;
  std::array<std::byte, uvarint_size_max> head;
  const std::size_t head_size = put_uvarint(head, static_cast<std::uint32_t>(size));
  grow(head_size);
  std::byte* data = buffer_.data() + start;
  std::memmove(data + head_size, data, size);
  std::memcpy(data, head.data(), head_size);
}

void Writer::patch_int32(std::size_t position, std::int32_t value) {
  GREGOR_ASSERT(position + sizeof value <= used_);
  store_be(buffer_.data() + position, value);
}

}  // namespace gregor::protocol
