#include "storage/meta_properties.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <optional>

namespace gregor::storage {
namespace {

constexpr std::int32_t zookeeper_version = 0;
constexpr std::int32_t kraft_version = 1;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

std::string_view without_leading_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

/// Takes one natural line, without its end, off the front.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find_first_of("\r\n");
  const auto line = text.substr(0, end);
  text.remove_prefix(line.size());
  if (text.starts_with("\r\n")) {
    text.remove_prefix(2);
  } else if (!text.empty()) {
    text.remove_prefix(1);
  }
  return line;
}

bool goes_on(std::string_view line) {
  std::size_t slashes = 0;
  while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
  return slashes % 2 == 1;
}

/// A logical line: natural lines joined where they end in a backslash.
std::optional<std::string> take_logical_line(std::string_view& text) {
  while (!text.empty()) {
    std::string_view line = without_leading_blanks(take_line(text));
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    std::string joined;
    while (goes_on(line) && !text.empty()) {
      joined += line.substr(0, line.size() - 1);
      line = without_leading_blanks(take_line(text));
    }
    joined += goes_on(line) ? line.substr(0, line.size() - 1) : line;
    return joined;
  }
  return std::nullopt;
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

std::string unescaped(std::string_view text) {
  constexpr std::size_t unicode_digits = 4;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    unsigned code = 0;
    if (c == 'u' && i + unicode_digits < text.size()) {
      const char* first = text.data() + i + 1;
      const auto parsed = std::from_chars(first, first + unicode_digits, code, 16);
      if (parsed.ec == std::errc{} && parsed.ptr == first + unicode_digits) {
        append_utf8(out, code);
        i += unicode_digits;
        continue;
      }
    }
    switch (c) {
      case 't':
        out += '\t';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 'f':
        out += '\f';
        break;
      default:
        out += c;
        break;
    }
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\t':
        out += "\\t";
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\f':
        out += "\\f";
        continue;
      default:
        break;
    }
    if (std::string_view("\\=:#! ").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

/// Where the key of a logical line ends: at the first '=', ':' or blank that is not escaped.
std::size_t key_size(std::string_view line) {
  std::size_t i = 0;
  while (i < line.size() && line[i] != '=' && line[i] != ':' && !is_blank(line[i])) {
    i += line[i] == '\\' ? 2 : 1;
  }
  return std::min(i, line.size());
}

std::optional<std::int32_t> parse_int32(std::string_view text) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> take(std::map<std::string, std::string>& properties, const char* key) {
  auto node = properties.extract(key);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

}  // namespace

std::map<std::string, std::string> parse_properties(std::string_view text) {
  std::map<std::string, std::string> properties;
  while (const auto line = take_logical_line(text)) {
    const std::string_view whole = *line;
    const std::size_t size = key_size(whole);
    std::string_view value = without_leading_blanks(whole.substr(size));
    if (!value.empty() && (value.front() == '=' || value.front() == ':')) {
      value = without_leading_blanks(value.substr(1));
    }
    properties[unescaped(whole.substr(0, size))] = unescaped(value);
  }
  return properties;
}

Result<MetaProperties> parse_meta_properties(std::string_view text, std::string_view path) {
  auto properties = parse_properties(text);
  MetaProperties meta;
  if (const auto version = take(properties, "version")) {
    const auto number = parse_int32(*version);
    if (number == kraft_version) {
      return fail(ErrorCode::kafka_storage_error,
                  fmt::format("{} has version 1: this log dir belongs to a KRaft cluster; only log "
                              "dirs of ZooKeeper mode (version 0) can be taken over",
                              path));
    }
    if (number != zookeeper_version) {
      return fail(ErrorCode::kafka_storage_error,
                  fmt::format("{}: unknown meta.properties version {}", path, *version));
    }
  }
  if (const auto broker_id = take(properties, "broker.id")) {
    meta.broker_id = parse_int32(*broker_id);
    if (!meta.broker_id) {
      return fail(ErrorCode::kafka_storage_error,
                  fmt::format("{}: broker.id is not a number: {}", path, *broker_id));
    }
  }
  meta.cluster_id = take(properties, "cluster.id");
  // What junk looks like once it was read as properties is not worth keeping.
  if (meta.broker_id || meta.cluster_id) meta.others = std::move(properties);
  return meta;
}

std::string format_meta_properties(const MetaProperties& meta) {
  std::string text = "#\n# written by Gregor\n";
  auto out = std::back_inserter(text);
  if (meta.broker_id) fmt::format_to(out, "broker.id={}\n", *meta.broker_id);
  fmt::format_to(out, "version={}\n", meta.version);
  if (meta.cluster_id) fmt::format_to(out, "cluster.id={}\n", escaped(*meta.cluster_id));
  for (const auto& [key, value] : meta.others) {
    fmt::format_to(out, "{}={}\n", escaped(key), escaped(value));
  }
  return text;
}

}  // namespace gregor::storage
