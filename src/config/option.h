// One row of an option table: what may be written, what it means, and how it gets into a struct.
// The rows themselves are in broker_options.def and topic_options.def; option_tables.h has the
// tables made of them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gregor::config {

enum class TimestampType { create_time, log_append_time };

/// What a value is. The Kafka type that clients are told follows from it (kafka_type_name).
enum class ValueType {
  boolean,
  int16,  ///< Kafka's short
  int32,
  size32,  ///< Kafka's int, but held in 64 bits: a size or a number that is added to others
  int64,
  float64,
  string,
  list,          ///< comma separated; blanks around entries do not count
  maybe_int32,   ///< int without a default
  maybe_int64,   ///< long without a default
  maybe_string,  ///< string without a default
  timestamp_type,
};

template <ValueType type>
struct ValueOf;
template <>
struct ValueOf<ValueType::boolean> {
  using Value = bool;
};
template <>
struct ValueOf<ValueType::int16> {
  using Value = std::int32_t;
};
template <>
struct ValueOf<ValueType::int32> {
  using Value = std::int32_t;
};
template <>
struct ValueOf<ValueType::size32> {
  using Value = std::int64_t;
};
template <>
struct ValueOf<ValueType::int64> {
  using Value = std::int64_t;
};
template <>
struct ValueOf<ValueType::float64> {
  using Value = double;
};
template <>
struct ValueOf<ValueType::string> {
  using Value = std::string;
};
template <>
struct ValueOf<ValueType::list> {
  using Value = std::vector<std::string>;
};
template <>
struct ValueOf<ValueType::maybe_int32> {
  using Value = std::optional<std::int32_t>;
};
template <>
struct ValueOf<ValueType::maybe_int64> {
  using Value = std::optional<std::int64_t>;
};
template <>
struct ValueOf<ValueType::maybe_string> {
  using Value = std::optional<std::string>;
};
template <>
struct ValueOf<ValueType::timestamp_type> {
  using Value = TimestampType;
};

/// What clients are told of a value's type; numbers as on the wire (DescribeConfigs).
enum class KafkaType : std::int8_t {
  unknown = 0,
  boolean = 1,
  string = 2,
  int32 = 3,
  int16 = 4,
  int64 = 5,
  float64 = 6,
  list = 7,
  class_name = 8,
  password = 9,
};

/// The values that an option takes. Numbers: [lowest, highest] or `besides`. Strings and entries of
/// lists: one of `words` (separated by '|') if there are any, or of a special form.
struct Allowed {
  enum class Form { plain, release_name, throttled_replicas };
  std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  std::optional<std::int64_t> besides{};
  std::string_view words{};
  Form form = Form::plain;
};

[[nodiscard]] constexpr Allowed anything() { return {}; }
[[nodiscard]] constexpr Allowed at_least(std::int64_t lowest) { return {.lowest = lowest}; }
[[nodiscard]] constexpr Allowed range(std::int64_t lowest, std::int64_t highest) {
  return {.lowest = lowest, .highest = highest};
}
[[nodiscard]] constexpr Allowed range_or(std::int64_t lowest, std::int64_t highest,
                                         std::int64_t besides) {
  return {.lowest = lowest, .highest = highest, .besides = besides};
}
[[nodiscard]] constexpr Allowed one_of(std::string_view words) { return {.words = words}; }
[[nodiscard]] constexpr Allowed release_name() { return {.form = Allowed::Form::release_name}; }
[[nodiscard]] constexpr Allowed throttled_replicas() {
  return {.form = Allowed::Form::throttled_replicas};
}

/// How an option may be changed while brokers run: not at all, of one broker only, of one or of all
/// (Kafka's "Update Mode", where this program honours it), of a topic.
enum class Update { read_only, per_broker, cluster_wide, per_topic };

/// One option of the struct Config (BrokerConfig or TopicConfig).
template <class Config>
struct Option {
  std::string_view name;
  ValueType type;
  Allowed allowed;
  Update update;
  std::string_view synonyms;  ///< topic options: broker options that give the default, first that
                              ///< has a value wins
  std::string_view text;
  /// Sets the field from `text`, blanks around it ignored. @errors invalid_config with what is
  /// allowed
  Result<void> (*set)(Config& config, std::string_view text, const Option& self);
  /// The field as Kafka writes it; nullopt for an option without a value.
  std::optional<std::string> (*get)(const Config& config);
};

}  // namespace gregor::config
