// A topic's configs: checked, put over the broker's defaults, and listed with where each value
// comes from.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/broker_config.h"
#include "config/option.h"
#include "config/topic_config.h"

namespace gregor::config {

/// A topic's own configs as they are stored: Kafka name -> value.
using TopicOverrides = std::map<std::string, std::string>;  // as model::ConfigEntries

/// The settings of a topic with these configs of its own on this broker. Pure; any thread.
/// @errors invalid_config with a text for the client: unknown name, a value that does not fit,
/// values that contradict
[[nodiscard]] Result<std::shared_ptr<const TopicConfig>> make_topic_config(
    const BrokerConfig& broker, const TopicOverrides& own);

/// The same checks. @return the values as they are to be stored: trimmed
[[nodiscard]] Result<TopicOverrides> check_topic_configs(const BrokerConfig& broker,
                                                         const TopicOverrides& own);

/// Where an effective value comes from; numbers as on the wire (DescribeConfigs, CreateTopics).
enum class ConfigSource : std::int8_t {
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  default_config = 5,
  broker_logger = 6,
};

struct TopicConfigEntry {
  std::string name;
  std::string value{};
  ConfigSource source = ConfigSource::default_config;
  bool is_read_only = false;
  bool is_sensitive = false;
};

/// All topic configs with their effective values, by name.
/// @param own  configs that check_topic_configs has accepted; one that it would not is shown as it
/// is
[[nodiscard]] std::vector<TopicConfigEntry> list_topic_configs(const BrokerConfig& broker,
                                                               const TopicOverrides& own);

/// The effective value of one option, as Kafka writes it. A stored value that does not fit is given
/// as it is.
[[nodiscard]] std::string topic_value(const BrokerConfig& broker, const TopicOverrides& own,
                                      const Option<TopicConfig>& option);

/// Fills what a topic without configs of its own gets from the rows of `broker`; for the loader.
/// @errors invalid_config: values that contradict
[[nodiscard]] Result<TopicConfig> topic_defaults_of(const BrokerConfig& broker);

}  // namespace gregor::config
