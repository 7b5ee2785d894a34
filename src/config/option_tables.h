// The option tables: all rows of broker_options.def and topic_options.def with the functions that
// set and show a field. Everything that lists, parses, documents or checks options goes through
// these.
#pragma once

#include <span>
#include <string_view>

#include "config/broker_config.h"
#include "config/option.h"
#include "config/topic_config.h"

namespace gregor::config {

/// In the order of the table. Static storage; any thread.
[[nodiscard]] std::span<const Option<BrokerConfig>> broker_options();
/// By name. Static storage; any thread.
[[nodiscard]] std::span<const Option<TopicConfig>> topic_options();

/// nullptr if there is none of that name.
[[nodiscard]] const Option<BrokerConfig>* find_broker_option(std::string_view name);
[[nodiscard]] const Option<TopicConfig>* find_topic_option(std::string_view name);

/// What a file that sets a key without effect is told.
enum class Treatment {
  accepted,   ///< nothing reads it yet
  senseless,  ///< it only means something to a Java program or to KRaft
};

/// A key of Kafka that has no effect.
struct KnownKey {
  std::string_view name;
  KafkaType type;
  const char* fallback;  ///< Kafka's default; nullptr = none
  Treatment treatment;
  [[nodiscard]] constexpr bool is_secret() const { return type == KafkaType::password; }
};
[[nodiscard]] std::span<const KnownKey> known_keys();
/// nullptr if there is none of that name.
[[nodiscard]] const KnownKey* find_known_key(std::string_view name);

}  // namespace gregor::config
