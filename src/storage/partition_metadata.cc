#include "storage/partition_metadata.h"

#include <fmt/format.h>

#include <optional>

namespace gregor::storage {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// The value of "name: value".
std::optional<std::string_view> value_of(std::string_view line, std::string_view name) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || trimmed(line.substr(0, colon)) != name) {
    return std::nullopt;
  }
  return trimmed(line.substr(colon + 1));
}

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::kafka_storage_error, fmt::format("partition.metadata: {}", what));
}

}  // namespace

Result<model::Uuid> parse_partition_metadata(std::string_view text) {
  const auto version = value_of(take_line(text), "version");
  if (!version || version->empty() ||
      version->find_first_not_of("0123456789") != std::string_view::npos) {
    return malformed("no version");
  }
  const auto id_text = value_of(take_line(text), "topic_id");
  if (!id_text) return malformed("no topic_id");
  auto id = model::Uuid::parse(*id_text);
  if (!id) return malformed(id.error().detail);
  if (id->is_zero()) return malformed("the topic id is zero");
  return *id;
}

std::string format_partition_metadata(const model::Uuid& topic_id) {
  return fmt::format("version: 0\ntopic_id: {}", topic_id.to_string());
}

}  // namespace gregor::storage
