// What IncrementalAlterConfigs and AlterConfigs do to the configs of a topic or of brokers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/dynamic_config.h"
#include "config/topic_config_rules.h"

namespace gregor::config {

/// What to do with a config; numbers as on the wire.
enum class ChangeKind : std::int8_t {
  set = 0,
  remove = 1,    ///< back to the default
  append = 2,    ///< adds entries to a list
  subtract = 3,  ///< takes entries out of a list
};

/// nullopt: there is no such kind.
[[nodiscard]] std::optional<ChangeKind> known_kind(std::int8_t kind);

/// As it was asked for.
struct ConfigChange {
  std::string name;
  std::int8_t kind = 0;  ///< of ChangeKind, or anything else
  std::optional<std::string> value{};
};

/// What is wrong whatever the resource is. @errors invalid_request: a key twice, a value that is
/// null
[[nodiscard]] Result<void> check_changes(std::span<const ConfigChange> changes);

/// The configs that a topic has afterwards, as they are to be stored. Pure; any thread.
/// @param current  what is stored; empty to replace it
/// @errors invalid_config: unknown key, bad value, not a list; unknown_server_error: unknown kind
[[nodiscard]] Result<TopicOverrides> change_topic_configs(const BrokerConfig& broker,
                                                          const TopicOverrides& current,
                                                          std::span<const ConfigChange> changes);

/// The dynamic configs that one broker, or all brokers, have afterwards. Pure; any thread.
/// @errors invalid_request: see check_dynamic_configs; unknown kind. invalid_config: not a list
[[nodiscard]] Result<TopicOverrides> change_broker_configs(const BrokerConfig& from_file,
                                                           BrokerScope scope,
                                                           const TopicOverrides& current,
                                                           std::span<const ConfigChange> changes);

}  // namespace gregor::config
