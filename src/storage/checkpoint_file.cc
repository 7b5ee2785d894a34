#include "storage/checkpoint_file.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <iterator>
#include <optional>

namespace gregor::storage {
namespace {

constexpr int version = 0;
constexpr std::size_t fields_max = 3;

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

/// The words of a line, which any run of blanks separates. One more than fields_max is never
/// needed.
struct Words {
  std::array<std::string_view, fields_max + 1> word;
  std::size_t count = 0;
};

Words split(std::string_view line) {
  Words words;
  while (words.count < words.word.size()) {
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    if (line.empty()) break;
    std::size_t size = 0;
    while (size < line.size() && !is_blank(line[size])) ++size;
    words.word[words.count++] = line.substr(0, size);
    line.remove_prefix(size);
  }
  return words;
}

/// Takes lines off the front of a text.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  [[nodiscard]] std::optional<std::string_view> next() {
    if (rest_.empty()) return std::nullopt;
    ++number_;
    const auto end = rest_.find('\n');
    const auto line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return line;
  }
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] tl::unexpected<Error> malformed(std::string_view what) const {
    return fail(ErrorCode::kafka_storage_error, fmt::format("line {}: {}", number_, what));
  }

 private:
  std::string_view rest_;
  int number_ = 0;
};

/// Reads version and count, then hands each entry's words to `take`, which returns a complaint or
/// nullptr.
template <class Take>
Result<void> parse_entries(std::string_view text, Take take) {
  Lines lines(text);
  const auto first = lines.next();
  if (!first) return {};
  if (parse_number<int>(split(*first).word[0]) != version) return lines.malformed("not version 0");
  const auto second = lines.next();
  const auto count = second ? parse_number<std::int32_t>(split(*second).word[0]) : std::nullopt;
  if (!count || *count < 0) return lines.malformed("not a number of entries");
  std::int32_t seen = 0;
  while (const auto line = lines.next()) {
    const Words words = split(*line);
    if (words.count == 0) continue;
    if (const char* complaint = take(words)) return lines.malformed(complaint);
    ++seen;
  }
  if (seen != *count) {
    return lines.malformed(fmt::format("{} entries were announced, {} found", *count, seen));
  }
  return {};
}

}  // namespace

Result<OffsetsByPartition> parse_offset_checkpoint(std::string_view text) {
  OffsetsByPartition offsets;
  const auto take = [&offsets](const Words& words) -> const char* {
    if (words.count != 3) return "not topic, partition and offset";
    const auto partition = parse_number<std::int32_t>(words.word[1]);
    const auto offset = parse_number<std::int64_t>(words.word[2]);
    if (!partition || *partition < 0) return "not a partition number";
    if (!offset || *offset < 0) return "not an offset";
    model::TopicPartition key{std::string(words.word[0]), model::PartitionIndex(*partition)};
    if (!offsets.emplace(std::move(key), model::Offset(*offset)).second) {
      return "a partition for the second time";
    }
    return nullptr;
  };
  if (auto parsed = parse_entries(text, take); !parsed) return fail(std::move(parsed.error()));
  return offsets;
}

Result<std::vector<EpochStart>> parse_epoch_checkpoint(std::string_view text) {
  std::vector<EpochStart> epochs;
  const auto take = [&epochs](const Words& words) -> const char* {
    if (words.count != 2) return "not epoch and start offset";
    const auto epoch = parse_number<std::int32_t>(words.word[0]);
    const auto start = parse_number<std::int64_t>(words.word[1]);
    if (!epoch || *epoch < 0) return "not an epoch";
    if (!start || *start < 0) return "not an offset";
    epochs.push_back({model::LeaderEpoch(*epoch), model::Offset(*start)});
    return nullptr;
  };
  if (auto parsed = parse_entries(text, take); !parsed) return fail(std::move(parsed.error()));
  return epochs;
}

std::string format_offset_checkpoint(const OffsetsByPartition& offsets) {
  std::string text = fmt::format("{}\n{}\n", version, offsets.size());
  for (const auto& [partition, offset] : offsets) {
    fmt::format_to(std::back_inserter(text), "{} {} {}\n", partition.topic,
                   partition.partition.value(), offset.value());
  }
  return text;
}

std::string format_epoch_checkpoint(std::span<const EpochStart> epochs) {
  std::string text = fmt::format("{}\n{}\n", version, epochs.size());
  for (const auto& entry : epochs) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", entry.epoch.value(), entry.start.value());
  }
  return text;
}

}  // namespace gregor::storage
