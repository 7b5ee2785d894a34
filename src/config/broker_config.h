// The settings of one broker, read from the file, the environment and the command line and checked.
// Rows: broker_options.def; how one is made: config_loader.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "config/connection_limits.h"
#include "config/listener.h"
#include "config/option.h"
#include "config/topic_config.h"

namespace gregor::config {

/// What `queued.max.request.bytes` = -1 stands for.
inline constexpr std::int64_t default_frame_bytes_max_total = std::int64_t{64} << 20;

/// Names and values of configs as they are written.
using ConfigTexts = std::map<std::string, std::string, std::less<>>;

/// Immutable once loaded; any thread may read it. One field per row of broker_options.def (field
/// name = Kafka's name with
/// '_' for '.'), then what is derived from them. Made by load_config() only: a plain BrokerConfig{}
/// has no listener and no log dir.
struct BrokerConfig {
#define GREGOR_BROKER_OPTION(field, name, type, fallback, allowed, update, text) \
  ValueOf<ValueType::type>::Value field = fallback;
#include "config/broker_options.def"
#undef GREGOR_BROKER_OPTION

  /// Where to listen, in the order given. An empty host means all interfaces; port 0 lets the
  /// system choose.
  std::vector<Listener> listeners;
  /// What clients are told; a subset of the names in `listeners`. The host is never empty; port 0
  /// means the port that the listener of that name got.
  std::vector<Listener> advertised_listeners;
  /// Name of the listener that other brokers use; one of advertised_listeners.
  std::string inter_broker_listener;
  /// Where the HTTP port listens; none = off.
  std::vector<Listener> http_listeners;
  /// Data folders, distinct, at least one.
  std::vector<std::string> log_dirs;
  /// queued.max.request.bytes with its default filled in.
  std::int64_t frame_bytes_max_total = default_frame_bytes_max_total;
  /// max.connections.per.ip.overrides
  LimitsOfAddresses connections_per_address;
  /// listener.name.NAME.max.connections, ....max.connection.creation.rate
  LimitsOfListeners listener_limits;
  /// What a topic without configs of its own gets.
  TopicConfig topic_defaults;
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::text;
  /// Keys that were set in the file, the environment or on the command line, with the value as
  /// written; all others have their defaults. Those without effect are there too.
  ConfigTexts given;
  /// What was set while brokers ran, of this broker and of all brokers: each wins over the next,
  /// and both over `given`. The fields above have these values already (dynamic_config.h).
  ConfigTexts dynamic_own;
  ConfigTexts dynamic_of_all;
};

}  // namespace gregor::config
