// Names of configuration keys: which are known, which one was probably meant, and their form as
// environment variables.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gregor::config {

enum class KeyKind {
  option,     ///< has an effect: a row of broker_options.def
  known,      ///< Kafka's, accepted without effect
  senseless,  ///< Kafka's, and only means something to a Java program or to KRaft
  unknown,
};

/// Pure; any thread. Per-listener keys (listener.name.NAME....) count as known.
[[nodiscard]] KeyKind kind_of_key(std::string_view key);

/// The value of this key must not be shown: passwords and keys, also per listener, and whatever
/// sounds like one.
[[nodiscard]] bool is_secret_key(std::string_view key);

/// The known key that was probably meant by an unknown one: the broker's name of a topic config,
/// else the nearest by edits (at most a quarter of its length); nullopt if none is near.
[[nodiscard]] std::optional<std::string> nearest_key(std::string_view key);

/// The key that an environment variable sets: "GREGOR_LOG_RETENTION_MS" -> "log.retention.ms", and
/// "GREGOR_SHARDS" -> "gregor.shards". Where no known key has that form, '_' becomes '.'. nullopt
/// if it does not start with "GREGOR_".
[[nodiscard]] std::optional<std::string> key_of_environment_variable(std::string_view variable);

}  // namespace gregor::config
