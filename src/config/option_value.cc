#include "config/option_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/assert.h"

namespace gregor::config {
namespace {

constexpr std::int64_t int16_lowest = std::numeric_limits<std::int16_t>::min();
constexpr std::int64_t int16_highest = std::numeric_limits<std::int16_t>::max();
constexpr std::int64_t int32_lowest = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t int32_highest = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t int64_lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t int64_highest = std::numeric_limits<std::int64_t>::max();

tl::unexpected<Error> invalid(const ValueRule& rule, std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid_config,
              fmt::format("Invalid value {:.{}} for configuration {}: {}", text,
                          quoted_characters_max, rule.name, why));
}

// What a number of this type may be, and Kafka's name for it in messages.
struct NumberRange {
  std::int64_t lowest;
  std::int64_t highest;
  std::string_view name;
};

NumberRange range_of(ValueType type) {
  if (type == ValueType::int16) return {int16_lowest, int16_highest, "SHORT"};
  if (type == ValueType::int32 || type == ValueType::size32 || type == ValueType::maybe_int32)
    return {int32_lowest, int32_highest, "INT"};
  return {int64_lowest, int64_highest, "LONG"};
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
  });
}

/// A decimal number with an optional sign that fits into 64 bits; anything else is nullopt.
std::optional<std::int64_t> parse_decimal(std::string_view text) {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end || text.empty()) return std::nullopt;
  return value;
}

Result<std::int64_t> parse_number(const ValueRule& rule, std::string_view text) {
  const std::string_view trimmed = trim(text);
  const auto value = parse_decimal(trimmed);
  const NumberRange range = range_of(rule.type);
  if (!value || *value < range.lowest || *value > range.highest)
    return invalid(rule, text, fmt::format("Not a number of type {}", range.name));
  if (rule.allowed.besides && *value == *rule.allowed.besides) return *value;
  if (*value < rule.allowed.lowest) {
    return invalid(rule, text, fmt::format("Value must be at least {}", rule.allowed.lowest));
  }
  if (*value > rule.allowed.highest) {
    return invalid(rule, text, fmt::format("Value must be no more than {}", rule.allowed.highest));
  }
  return *value;
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "3.9", "0.8.0", "3.0-IV1".
bool is_release_name(std::string_view text) {
  if (const auto at = text.find("-IV"); at != std::string_view::npos) {
    if (!is_digits(text.substr(at + 3))) return false;
    text = text.substr(0, at);
  }
  const auto parts = split_list(text, '.');
  return parts.size() >= 2 && parts.size() <= 4 &&
         std::all_of(parts.begin(), parts.end(), is_digits);
}

/// "*" alone, or entries of the form "partition:broker".
bool is_throttled_replica(std::string_view entry, std::size_t entries) {
  if (entry == "*") return entries == 1;
  const auto colon = entry.find(':');
  return colon != std::string_view::npos && is_digits(entry.substr(0, colon)) &&
         is_digits(entry.substr(colon + 1));
}

std::string words_for_people(std::string_view words) {
  return fmt::format("{}", fmt::join(split_list(words, '|'), ", "));
}

bool is_word(std::string_view words, std::string_view text) {
  const auto all = split_list(words, '|');
  return std::find(all.begin(), all.end(), text) != all.end();
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

std::vector<std::string> split_list(std::string_view text, char separator) {
  std::vector<std::string> entries;
  text = trim(text);
  if (text.empty()) return entries;
  for (;;) {
    const auto at = text.find(separator);
    entries.emplace_back(trim(text.substr(0, at)));
    if (at == std::string_view::npos) return entries;
    text.remove_prefix(at + 1);
  }
}

Result<void> parse_value(const ValueRule& rule, std::string_view text, bool& out) {
  const std::string_view trimmed = trim(text);
  const bool is_true = equals_ignoring_case(trimmed, "true");
  if (!is_true && !equals_ignoring_case(trimmed, "false")) {
    return invalid(rule, text, "Expected value to be either true or false");
  }
  out = is_true;
  return {};
}

Result<void> parse_value(const ValueRule& rule, std::string_view text, std::int32_t& out) {
  const auto number = parse_number(rule, text);
  if (!number) return fail(number.error());
  out = static_cast<std::int32_t>(*number);
  return {};
}

Result<void> parse_value(const ValueRule& rule, std::string_view text, std::int64_t& out) {
  const auto number = parse_number(rule, text);
  if (!number) return fail(number.error());
  out = *number;
  return {};
}

Result<void> parse_value(const ValueRule& rule, std::string_view text, double& out) {
  const std::string_view trimmed = trim(text);
  double value = 0;
  const char* end = trimmed.data() + trimmed.size();
  const auto [stopped, error] = std::from_chars(trimmed.data(), end, value);
  if (error != std::errc{} || stopped != end || trimmed.empty() || !std::isfinite(value)) {
    return invalid(rule, text, "Not a number of type DOUBLE");
  }
  if (value < static_cast<double>(rule.allowed.lowest)) {
    return invalid(rule, text, fmt::format("Value must be at least {}", rule.allowed.lowest));
  }
  const bool is_limited = rule.allowed.highest < std::numeric_limits<std::int64_t>::max();
  if (is_limited && value > static_cast<double>(rule.allowed.highest)) {
    return invalid(rule, text, fmt::format("Value must be no more than {}", rule.allowed.highest));
  }
  out = value;
  return {};
}

Result<void> parse_value(const ValueRule& rule, std::string_view text, std::string& out) {
  const std::string_view trimmed = trim(text);
  if (!rule.allowed.words.empty() && !is_word(rule.allowed.words, trimmed)) {
    return invalid(rule, text, "String must be one of: " + words_for_people(rule.allowed.words));
  }
  if (rule.allowed.form == Allowed::Form::release_name && !is_release_name(trimmed)) {
    return invalid(rule, text, "Not the name of a Kafka release, such as 3.0-IV1");
  }
  out = trimmed;
  return {};
}

Result<void> parse_value(const ValueRule& rule, std::string_view text,
                         std::vector<std::string>& out) {
  auto entries = split_list(text);
  for (const auto& entry : entries) {
    if (!rule.allowed.words.empty() && !is_word(rule.allowed.words, entry)) {
      return invalid(rule, text, "String must be one of: " + words_for_people(rule.allowed.words));
    }
    if (rule.allowed.form == Allowed::Form::throttled_replicas &&
        !is_throttled_replica(entry, entries.size())) {
      return invalid(rule, fmt::format("[{}]", fmt::join(entries, ", ")),
                     fmt::format("{} must be the literal '*' or a list of replicas in the "
                                 "following format: [partitionId]:[brokerId],"
                                 "[partitionId]:[brokerId],...",
                                 rule.name));
    }
  }
  out = std::move(entries);
  return {};
}

Result<void> parse_value(const ValueRule& rule, std::string_view text, TimestampType& out) {
  const std::string_view trimmed = trim(text);
  if (trimmed == "CreateTime") {
    out = TimestampType::create_time;
  } else if (trimmed == "LogAppendTime") {
    out = TimestampType::log_append_time;
  } else {
    return invalid(rule, text, "String must be one of: CreateTime, LogAppendTime");
  }
  return {};
}

std::optional<std::string> format_value(bool value) { return value ? "true" : "false"; }
std::optional<std::string> format_value(std::int32_t value) { return fmt::format("{}", value); }
std::optional<std::string> format_value(std::int64_t value) { return fmt::format("{}", value); }

// As Java writes it: 0.5, 1.0E7.
std::optional<std::string> format_value(double value) {
  constexpr double plain_min = 1e-3;
  constexpr double plain_end = 1e7;
  const double size = std::abs(value);
  if (value == 0 || (size >= plain_min && size < plain_end)) {
    auto text = fmt::format("{}", value);
    if (text.find('.') == std::string::npos) text += ".0";
    return text;
  }
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                          std::chars_format::scientific);
  GREGOR_ASSERT(error == std::errc{});
  const std::string_view text(buffer.data(), end);
  const auto exponent_at = text.find('e');
  std::string mantissa(text.substr(0, exponent_at));
  if (mantissa.find('.') == std::string::npos) mantissa += ".0";
  std::int32_t exponent = 0;
  const auto digits = text.substr(exponent_at + (text[exponent_at + 1] == '+' ? 2 : 1));
  std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  return fmt::format("{}E{}", mantissa, exponent);
}

std::optional<std::string> format_value(const std::string& value) { return value; }
std::optional<std::string> format_value(const std::vector<std::string>& value) {
  return fmt::format("{}", fmt::join(value, ","));
}
std::optional<std::string> format_value(TimestampType value) {
  return value == TimestampType::create_time ? "CreateTime" : "LogAppendTime";
}

KafkaType kafka_type(ValueType type) {
  switch (type) {
    case ValueType::boolean:
      return KafkaType::boolean;
    case ValueType::int16:
      return KafkaType::int16;
    case ValueType::int32:
    case ValueType::size32:
    case ValueType::maybe_int32:
      return KafkaType::int32;
    case ValueType::int64:
    case ValueType::maybe_int64:
      return KafkaType::int64;
    case ValueType::float64:
      return KafkaType::float64;
    case ValueType::list:
      return KafkaType::list;
    case ValueType::string:
    case ValueType::maybe_string:
    case ValueType::timestamp_type:
      return KafkaType::string;
  }
  return KafkaType::unknown;
}

std::string_view kafka_type_name(ValueType type) {
  switch (kafka_type(type)) {
    case KafkaType::boolean:
      return "boolean";
    case KafkaType::int16:
      return "short";
    case KafkaType::int32:
      return "int";
    case KafkaType::int64:
      return "long";
    case KafkaType::float64:
      return "double";
    case KafkaType::list:
      return "list";
    default:
      return "string";
  }
}

std::string describe_allowed(const Allowed& allowed, ValueType type) {
  if (type == ValueType::timestamp_type) return "[CreateTime, LogAppendTime]";
  if (type == ValueType::boolean) return "[true, false]";
  if (!allowed.words.empty()) return "[" + words_for_people(allowed.words) + "]";
  if (allowed.form == Allowed::Form::release_name) return "a release such as 3.0-IV1";
  if (allowed.form == Allowed::Form::throttled_replicas) return "* or partition:broker,...";
  if (allowed.lowest == int64_lowest && allowed.highest == int64_highest) return "";
  auto text = allowed.highest == int64_highest
                  ? fmt::format("[{},...]", allowed.lowest)
                  : fmt::format("[{},...,{}]", allowed.lowest, allowed.highest);
  if (allowed.besides) text += fmt::format(" or {}", *allowed.besides);
  return text;
}

}  // namespace gregor::config
