// From what a user wrote to a BrokerConfig: the file, then the environment, then --set, each
// overriding the one before.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/broker_config.h"

namespace gregor::config {

/// A server.properties file, already read.
struct ConfigFile {
  std::string path;  ///< for messages
  std::string text;
};

/// Everything a configuration may come from; the reading is the caller's.
struct ConfigSources {
  std::optional<ConfigFile> file{};
  /// All environment variables; those that start with GREGOR_ count.
  std::vector<std::pair<std::string, std::string>> environment{};
  /// "key=value" of --set, in order.
  std::vector<std::string> settings{};
  /// Name of this machine, advertised for listeners on all interfaces.
  std::string host_name = "localhost";
  /// Unknown keys are errors.
  bool is_strict = false;
};

/// What came of it. Messages are whole sentences that name the place; they may hold text of the
/// user's.
struct LoadedConfig {
  std::optional<BrokerConfig> config;  ///< absent if there are errors
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  std::vector<std::string> notes;
};

/// Reads and checks everything and finds as many errors as it can at once. Pure; any thread.
[[nodiscard]] LoadedConfig load_config(const ConfigSources& sources);

}  // namespace gregor::config
