// Settings of connection limits that are more than one value: of single listeners and of single
// addresses.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gregor::config {

/// listener.name.NAME.max.connections and listener.name.NAME.max.connection.creation.rate
struct ListenerLimits {
  std::int64_t connections_max = std::numeric_limits<std::int32_t>::max();
  std::int64_t creation_rate_max = std::numeric_limits<std::int32_t>::max();
};

/// By the listener's name as it stands in keys (key_form).
using LimitsOfListeners = std::map<std::string, ListenerLimits, std::less<>>;
/// By numeric address as the log shows it.
using LimitsOfAddresses = std::map<std::string, std::int64_t, std::less<>>;

struct BrokerConfig;

/// A listener's name as it stands in keys: in lower case. Pure.
[[nodiscard]] std::string key_form(std::string_view listener_name);

/// Sets the limit that `key` names. Pure.
/// @return false if `key` names none
/// @errors invalid_config: not a number >= 0
[[nodiscard]] Result<bool> set_listener_limit(std::string_view key, std::string_view value,
                                              LimitsOfListeners& limits);

/// Reads max.connections.per.ip.overrides: "address:number,...". Pure.
/// @errors invalid_config: not of that form. Kafka takes host names as well; here they are refused.
[[nodiscard]] Result<LimitsOfAddresses> parse_limits_of_addresses(std::string_view text);

/// Sets what follows from max.connections.per.ip and max.connections.per.ip.overrides.
/// @errors invalid_config: the latter can't be read; nobody could connect
[[nodiscard]] Result<void> derive_connection_limits(BrokerConfig& config);

}  // namespace gregor::config
