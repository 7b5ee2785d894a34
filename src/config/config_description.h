// What clients are told of configs (DescribeConfigs): value, where it comes from, what it would be
// otherwise, type, meaning.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/broker_config.h"
#include "config/option.h"
#include "config/topic_config_rules.h"

namespace gregor::config {

/// One of the values that an option has or would have.
struct ConfigSynonym {
  std::string name;
  std::optional<std::string> value{};  ///< nullopt: a secret
  ConfigSource source = ConfigSource::default_config;
};

struct ConfigDescription {
  std::string name;
  std::optional<std::string> value{};  ///< nullopt: none, or a secret
  ConfigSource source = ConfigSource::default_config;
  bool is_read_only = false;
  bool is_sensitive = false;
  KafkaType type = KafkaType::unknown;
  std::string_view documentation{};  ///< static storage
  /// From the value that counts to the default; made only where asked for.
  std::vector<ConfigSynonym> synonyms{};
};

/// What is asked for.
struct DescriptionRequest {
  std::span<const std::string_view> names{};  ///< empty = all; unknown names are left out
  bool with_synonyms = false;
};

/// The configs of a topic, by name. Pure; any thread.
/// Source: Kafka's rule: the topic's own value; then of each name under which a broker may give the
/// default: dynamic of the broker, dynamic of all, static, default; what stands before the first
/// name is dropped.
[[nodiscard]] std::vector<ConfigDescription> describe_topic_configs(
    const BrokerConfig& broker, const TopicOverrides& own, const DescriptionRequest& request);

/// The configs of a broker: options and Kafka's keys without effect. Not those that make no sense
/// here.
[[nodiscard]] std::vector<ConfigDescription> describe_broker_configs(
    const BrokerConfig& broker, const DescriptionRequest& request);

/// Only what was set for all brokers.
[[nodiscard]] std::vector<ConfigDescription> describe_default_broker_configs(
    const BrokerConfig& broker, const DescriptionRequest& request);

}  // namespace gregor::config
