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

/// A key that is accepted without effect.
struct KnownKey {
  std::string_view name;
  bool is_secret = false;
};
[[nodiscard]] std::span<const KnownKey> known_keys();

}  // namespace gregor::config
