#include "storage/file_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "model/topic_name.h"

namespace gregor::storage {
namespace {

constexpr std::size_t base_offset_digits = 20;
constexpr std::size_t folder_name_bytes_max = 255;
constexpr std::size_t unique_suffix_bytes = 32;  // a UUID in hex

/// Decimal digits only, no sign, no blanks.
template <class T>
std::optional<T> parse_digits(std::string_view text) {
  T value = 0;
  if (text.empty() ||
      !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string join_path(std::string_view directory, std::string_view name) {
  return fmt::format("{}/{}", directory, name);
}

std::string parent_directory(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string segment_file_name(model::Offset base, std::string_view suffix) {
  return fmt::format("{:020}{}", base.value(), suffix);
}

std::optional<SegmentFileName> parse_segment_file_name(std::string_view name) {
  if (name.size() < base_offset_digits + 2 || name[base_offset_digits] != '.') return std::nullopt;
  const auto base = parse_digits<std::int64_t>(name.substr(0, base_offset_digits));
  if (!base) return std::nullopt;
  return SegmentFileName{model::Offset(*base), std::string(name.substr(base_offset_digits))};
}

std::optional<model::TopicPartition> parse_partition_folder(std::string_view name) {
  const auto dash = name.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto topic = name.substr(0, dash);
  const auto number = parse_digits<std::int32_t>(name.substr(dash + 1));
  if (!number || !model::check_topic_name(topic)) return std::nullopt;
  return model::TopicPartition{std::string(topic), model::PartitionIndex(*number)};
}

std::string deleted_folder_name(const model::TopicPartition& partition,
                                std::string_view unique_suffix) {
  const std::string rest = fmt::format("-{}.{}{}", partition.partition.value(), unique_suffix,
                                       names::delete_folder_suffix);
  const std::size_t room = folder_name_bytes_max - std::min(rest.size(), folder_name_bytes_max);
  return partition.topic.substr(0, room) + rest;
}

bool is_deleted_folder(std::string_view name) {
  return name.ends_with(names::delete_folder_suffix) && name.find('.') != std::string_view::npos;
}

std::string future_folder_name(const model::TopicPartition& partition,
                               std::string_view unique_suffix) {
  return fmt::format("{}-{}.{}{}", partition.topic, partition.partition.value(), unique_suffix,
                     names::future_folder_suffix);
}

bool has_future_folder_name(const model::TopicPartition& partition) {
  return future_folder_name(partition, std::string(unique_suffix_bytes, '0')).size() <=
         folder_name_bytes_max;
}

std::optional<FutureFolderName> parse_future_folder(std::string_view name) {
  if (!name.ends_with(names::future_folder_suffix)) return std::nullopt;
  name.remove_suffix(names::future_folder_suffix.size());
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  auto partition = parse_partition_folder(name.substr(0, dot));
  if (!partition) return std::nullopt;
  return FutureFolderName{std::move(*partition), std::string(name.substr(dot + 1))};
}

}  // namespace gregor::storage
