// Option values as text: parsing with Kafka's rules and the form in which Kafka writes them back.
//
// Source: the published behaviour of Kafka 3.9 for topic configs: blanks are trimmed, numbers are
// plain decimal (no 1e9, no 0x10), booleans are true or false in any case.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/option.h"

namespace gregor::config {

/// Without blanks, tabs and other control characters at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

/// The entries of a comma separated list, trimmed; "" has none. Empty entries between commas are
/// kept.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text, char separator = ',');

/// So much of a key or a value is quoted in messages: they have to fit into answers.
inline constexpr int quoted_characters_max = 500;

/// What parse functions need to know of an option.
struct ValueRule {
  std::string_view name;
  ValueType type;
  const Allowed& allowed;
};

/// Each parses `text` into `out`, which is unchanged on an error. @errors invalid_config, detail
/// fit for a client
[[nodiscard]] Result<void> parse_value(const ValueRule& rule, std::string_view text, bool& out);
[[nodiscard]] Result<void> parse_value(const ValueRule& rule, std::string_view text,
                                       std::int32_t& out);
[[nodiscard]] Result<void> parse_value(const ValueRule& rule, std::string_view text,
                                       std::int64_t& out);
[[nodiscard]] Result<void> parse_value(const ValueRule& rule, std::string_view text, double& out);
[[nodiscard]] Result<void> parse_value(const ValueRule& rule, std::string_view text,
                                       std::string& out);
[[nodiscard]] Result<void> parse_value(const ValueRule& rule, std::string_view text,
                                       std::vector<std::string>& out);
[[nodiscard]] Result<void> parse_value(const ValueRule& rule, std::string_view text,
                                       TimestampType& out);

template <class T>
[[nodiscard]] Result<void> parse_value(const ValueRule& rule, std::string_view text,
                                       std::optional<T>& out) {
  T value{};
  if (auto parsed = parse_value(rule, text, value); !parsed) return parsed;
  out = std::move(value);
  return {};
}

[[nodiscard]] std::optional<std::string> format_value(bool value);
[[nodiscard]] std::optional<std::string> format_value(std::int32_t value);
[[nodiscard]] std::optional<std::string> format_value(std::int64_t value);
[[nodiscard]] std::optional<std::string> format_value(double value);
[[nodiscard]] std::optional<std::string> format_value(const std::string& value);
[[nodiscard]] std::optional<std::string> format_value(const std::vector<std::string>& value);
[[nodiscard]] std::optional<std::string> format_value(TimestampType value);

template <class T>
[[nodiscard]] std::optional<std::string> format_value(const std::optional<T>& value) {
  if (!value) return std::nullopt;
  return format_value(*value);
}

/// What clients are told of values of this type.
[[nodiscard]] KafkaType kafka_type(ValueType type);
/// "int", "long", "boolean", ... as in Kafka's documentation.
[[nodiscard]] std::string_view kafka_type_name(ValueType type);

/// The allowed values for people: "[14,...,2147483647]", "[compact, delete]", "" for no limit.
[[nodiscard]] std::string describe_allowed(const Allowed& allowed, ValueType type);

}  // namespace gregor::config
