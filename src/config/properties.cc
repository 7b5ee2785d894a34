#include "config/properties.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>

namespace gregor::config {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

std::string_view without_leading_blanks(std::string_view line) {
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  return line;
}

/// Cuts the text into lines at LF, CR or CRLF.
class NaturalLines {
 public:
  explicit NaturalLines(std::string_view text) : rest_(text) {}

  std::optional<std::string_view> next() {
    if (rest_.empty()) return std::nullopt;
    ++number_;
    const auto end = rest_.find_first_of("\r\n");
    const std::string_view line = rest_.substr(0, end);
    if (end == std::string_view::npos) {
      rest_ = {};
    } else {
      rest_.remove_prefix(rest_.substr(end, 2) == "\r\n" ? end + 2 : end + 1);
    }
    return line;
  }
  /// Number of the line that next() gave last.
  [[nodiscard]] std::size_t number() const { return number_; }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

/// True if an odd number of backslashes stands at the end: the line goes on.
bool goes_on(std::string_view line) {
  std::size_t slashes = 0;
  while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
  return slashes % 2 == 1;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

/// The four hexadecimal digits after "\u" at `at` (of the backslash); nullopt if they are not
/// there.
std::optional<std::uint32_t> unicode_escape(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "\\u" || text.size() < at + 6) return std::nullopt;
  std::uint32_t code = 0;
  const char* begin = text.data() + at + 2;
  const auto [stopped, error] = std::from_chars(begin, begin + 4, code, 16);
  if (error != std::errc{} || stopped != begin + 4) return std::nullopt;
  return code;
}

/// Resolves escapes; nullopt for a malformed \u (a lone half of a surrogate pair included).
std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      if (text[at] != '\\') out.push_back(text[at]);
      continue;
    }
    if (text[at + 1] == 'u') {
      auto code = unicode_escape(text, at);
      if (!code || (*code >= 0xDC00 && *code <= 0xDFFF)) return std::nullopt;
      at += 5;
      if (*code >= 0xD800 && *code <= 0xDBFF) {
        const auto low = unicode_escape(text, at + 1);
        if (!low || *low < 0xDC00 || *low > 0xDFFF) return std::nullopt;
        code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
        at += 6;
      }
      append_utf8(out, *code);
      continue;
    }
    const char c = text[++at];
    out.push_back(c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c);
  }
  return out;
}

struct KeyAndValue {
  std::string_view key, value;  // not yet unescaped
};

KeyAndValue split_entry(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && line[end] != '=' && line[end] != ':' && !is_blank(line[end])) {
    end += line[end] == '\\' ? 2 : 1;
  }
  if (end > line.size()) end = line.size();
  std::string_view value = without_leading_blanks(line.substr(end));
  if (!value.empty() && (value.front() == '=' || value.front() == ':')) {
    value = without_leading_blanks(value.substr(1));
  }
  return {line.substr(0, end), value};
}

}  // namespace

Result<std::vector<Property>> parse_properties(std::string_view text, std::string_view path) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());

  std::vector<Property> properties;
  NaturalLines lines(text);
  while (auto line = lines.next()) {
    const std::size_t number = lines.number();
    std::string_view first = without_leading_blanks(*line);
    if (first.empty() || first.front() == '#' || first.front() == '!') continue;
    std::string entry(first);
    while (goes_on(entry)) {
      entry.pop_back();
      const auto more = lines.next();
      if (!more) break;
      entry += without_leading_blanks(*more);
    }
    const auto [key, value] = split_entry(entry);
    auto plain_key = unescape(key);
    auto plain_value = unescape(value);
    if (!plain_key || !plain_value) {
      return fail(ErrorCode::invalid_config,
                  fmt::format("{}:{}: malformed \\uxxxx escape", path, number));
    }
    if (entry.find('\0') != std::string::npos) {
      return fail(ErrorCode::invalid_config, fmt::format("{}:{}: NUL byte", path, number));
    }
    properties.push_back({std::move(*plain_key), std::move(*plain_value), number});
  }
  return properties;
}

}  // namespace gregor::config
