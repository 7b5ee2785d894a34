// The resources that have configs, as DescribeConfigs, the Alter... requests and
// ListConfigResources name them.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/log.h"
#include "base/result.h"
#include "model/ids.h"

namespace gregor::broker {

/// Numbers as on the wire. Client metrics (16) and groups (32) have no configs here.
enum class ConfigResourceType : std::int8_t { topic = 2, broker = 4, broker_logger = 8 };

/// The one logger that can be named; Kafka's name for the level of everything.
inline constexpr std::string_view root_logger = "root";

/// Whether `name` is the number of this broker. Pure.
/// @errors invalid_request with Kafka's text: not a number, another broker
[[nodiscard]] Result<void> check_broker_name(std::string_view name, model::BrokerId self);

/// Kafka's name of a log level, and back (its FATAL and TRACE are our error and debug).
[[nodiscard]] std::string_view kafka_level_name(log::Level level);
/// @errors invalid_config: no such level
[[nodiscard]] Result<log::Level> parse_kafka_level(std::string_view name);

}  // namespace gregor::broker
