// Configs of brokers that change while they run: which may, what they do to a BrokerConfig.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/broker_config.h"
#include "config/topic_config_rules.h"

namespace gregor::config {

/// What is stored for a broker: its own configs, and those of all brokers.
struct DynamicConfigs {
  TopicOverrides own;
  TopicOverrides of_all;
};

enum class BrokerScope { one_broker, all_brokers };

/// May this key be changed while brokers run? False for unknown keys and those without effect.
[[nodiscard]] bool is_dynamic(std::string_view name);

/// A BrokerConfig with dynamic values, and what was wrong with some of them.
struct OverlaidConfig {
  BrokerConfig config;
  std::vector<std::string> warnings;
};

/// Puts dynamic values over those of the file. Values that may not be changed or do not fit are
/// left out, with a warning: they may have been stored by another program. Pure; any thread.
/// @param from_file  as load_config() gave it
[[nodiscard]] OverlaidConfig with_dynamic_configs(const BrokerConfig& from_file,
                                                  const DynamicConfigs& dynamic);

/// Whether `wanted` may become all of the dynamic configs of one broker or of all brokers. Keys
/// that nobody knows are fine, as in Kafka. Pure; any thread.
/// @errors invalid_request with a text for the client
[[nodiscard]] Result<void> check_dynamic_configs(const BrokerConfig& from_file, BrokerScope scope,
                                                 const TopicOverrides& wanted);

}  // namespace gregor::config
