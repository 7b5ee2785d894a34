#include "protocol/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

namespace gregor::protocol {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the well-formed UTF-8 sequence at the front of `text` (RFC 3629), 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || size > text.size()) return 0;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if (at(i) < 0x80 || at(i) > 0xBF) return 0;
  }
  return size;
}

void append_ascii(std::string& out, char c) {
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
    out += "\\u00";
    out += hex_digits[static_cast<unsigned char>(c) >> 4];
    out += hex_digits[static_cast<unsigned char>(c) & 15];
  } else {
    out += c;
  }
}

std::string base64(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    std::uint32_t bits = std::to_integer<std::uint32_t>(bytes[i]) << 16;
    if (left > 1) bits |= std::to_integer<std::uint32_t>(bytes[i + 1]) << 8;
    if (left > 2) bits |= std::to_integer<std::uint32_t>(bytes[i + 2]);
    out += base64_digits[bits >> 18];
    out += base64_digits[bits >> 12 & 63];
    out += left > 1 ? base64_digits[bits >> 6 & 63] : '=';
    out += left > 2 ? base64_digits[bits & 63] : '=';
  }
  return out;
}

}  // namespace

void JsonWriter::separate() {
  if (!out_.empty() && out_.back() != '{' && out_.back() != '[' && out_.back() != ':') out_ += ',';
}

void JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
}

void JsonWriter::close(char bracket) { out_ += bracket; }

void JsonWriter::key(std::string_view name) {
  separate();
  out_ += '"';
  out_ += name;
  out_ += "\":";
}

void JsonWriter::null(std::string_view name) {
  key(name);
  out_ += "null";
}

void JsonWriter::value(std::int64_t number) {
  separate();
  out_ += std::to_string(number);
}

void JsonWriter::value(std::string_view text) {
  separate();
  out_ += '"';
  while (!text.empty()) {
    const std::size_t size = utf8_length(text);
    if (size == 0) out_ += replacement;
    if (size == 1) append_ascii(out_, text.front());
    if (size > 1) out_ += text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  out_ += '"';
}

void JsonWriter::value(const model::Uuid& id) { value(std::string_view(id.to_string())); }

void JsonWriter::field(std::string_view name, bool value) {
  key(name);
  out_ += value ? "true" : "false";
}

void JsonWriter::field(std::string_view name, std::int64_t number) {
  key(name);
  value(number);
}

void JsonWriter::field(std::string_view name, double number) {
  key(name);
  if (!std::isfinite(number)) {
    return value(std::string_view(std::isnan(number) ? "NaN"
                                  : number > 0       ? "Infinity"
                                                     : "-Infinity"));
  }
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  const std::string_view digits(text.data(), static_cast<std::size_t>(end - text.data()));
  out_ += digits;
  if (digits.find_first_of(".e") == std::string_view::npos) out_ += ".0";
}

void JsonWriter::field(std::string_view name, std::string_view text) {
  key(name);
  value(text);
}

void JsonWriter::field(std::string_view name, const std::optional<std::string_view>& text) {
  if (!text) return null(name);
  field(name, *text);
}

void JsonWriter::field(std::string_view name, const Bytes& data) {
  key(name);
  value(std::string_view(base64(data)));
}

void JsonWriter::field(std::string_view name, const std::optional<Bytes>& data) {
  if (!data) return null(name);
  field(name, *data);
}

void JsonWriter::field(std::string_view name, const std::optional<Records>& data) {
  if (!data) return null(name);
  const std::string sized = std::string(name) + "SizeInBytes";
  field(sized, static_cast<std::int64_t>(data->size()));
}

void JsonWriter::field(std::string_view name, const model::Uuid& id) {
  key(name);
  value(id);
}

template <class T>
void JsonWriter::items(std::string_view name, const std::vector<T>& values) {
  begin_array(name);
  for (const T& item : values) value(item);
  end_array();
}

template void JsonWriter::items(std::string_view, const std::vector<std::int8_t>&);
template void JsonWriter::items(std::string_view, const std::vector<std::int16_t>&);
template void JsonWriter::items(std::string_view, const std::vector<std::int32_t>&);
template void JsonWriter::items(std::string_view, const std::vector<std::int64_t>&);
template void JsonWriter::items(std::string_view, const std::vector<std::string_view>&);
template void JsonWriter::items(std::string_view, const std::vector<model::Uuid>&);

}  // namespace gregor::protocol
