#include "config/config_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/connection_limits.h"
#include "config/key_names.h"
#include "config/option_tables.h"
#include "config/option_value.h"
#include "config/properties.h"
#include "config/topic_config_rules.h"

namespace gregor::config {
namespace {

/// A value and where it was written.
struct Setting {
  std::string value;
  std::string where;
};
using Settings = std::map<std::string, Setting, std::less<>>;

constexpr std::string_view listeners_without_file = "PLAINTEXT://127.0.0.1:9092";

void read_file(const ConfigFile& file, Settings& settings, LoadedConfig& out) {
  auto properties = parse_properties(file.text, file.path);
  if (!properties) {
    out.errors.push_back(properties.error().detail);
    return;
  }
  for (auto& property : *properties) {
    auto where = fmt::format("{}:{}", file.path, property.line);
    if (const auto earlier = settings.find(property.key); earlier != settings.end()) {
      out.warnings.push_back(fmt::format("{}: {} was set before at {}; this one counts", where,
                                         property.key, earlier->second.where));
    }
    settings[property.key] = {std::move(property.value), std::move(where)};
  }
}

void read_environment(const ConfigSources& sources, Settings& settings) {
  for (const auto& [variable, value] : sources.environment) {
    if (auto key = key_of_environment_variable(variable))
      settings[*key] = {value, "environment variable " + variable};
  }
}

void read_command_line(const ConfigSources& sources, Settings& settings, LoadedConfig& out) {
  for (const auto& setting : sources.settings) {
    const auto equals = setting.find('=');
    const auto key = std::string(trim(std::string_view(setting).substr(0, equals)));
    if (equals == std::string::npos || key.empty()) {
      out.errors.push_back(fmt::format("--set {}: not of the form key=value", setting));
      continue;
    }
    settings[key] = {setting.substr(equals + 1), "--set " + key};
  }
}

/// A suggestion compares with every known name: a file full of unknown keys gets only so many.
constexpr std::size_t suggestions_max = 20;

std::string unknown_key(const std::string& key, const Setting& setting, bool with_suggestion) {
  auto text = fmt::format("{}: unknown key \"{}\"", setting.where, key);
  if (!with_suggestion) return text;
  if (const auto nearest = nearest_key(key))
    text += fmt::format("; did you mean \"{}\"?", *nearest);
  return text;
}

/// Sets the fields of all options, sorts the other keys into notes, warnings and errors.
void apply_settings(const Settings& settings, bool is_strict, BrokerConfig& config,
                    LoadedConfig& out) {
  std::string without_effect;
  std::string senseless;
  std::size_t unknown = 0;
  for (const auto& [key, setting] : settings) {
    switch (kind_of_key(key)) {
      case KeyKind::option: {
        const auto* option = find_broker_option(key);
        if (auto set = option->set(config, setting.value, *option); !set) {
          out.errors.push_back(fmt::format("{}: {}", setting.where, set.error().detail));
        }
        config.given.emplace(key, trim(setting.value));
        break;
      }
      case KeyKind::known: {
        const auto is_limit = set_listener_limit(key, setting.value, config.listener_limits);
        if (!is_limit) {
          out.errors.push_back(fmt::format("{}: {}", setting.where, is_limit.error().detail));
          break;
        }
        if (!*is_limit) without_effect += (without_effect.empty() ? "" : ", ") + key;
        config.given.emplace(key, trim(setting.value));
        break;
      }
      case KeyKind::senseless:
        senseless += (senseless.empty() ? "" : ", ") + key;
        break;
      case KeyKind::unknown:
        (is_strict ? out.errors : out.warnings)
            .push_back(unknown_key(key, setting, ++unknown <= suggestions_max));
        break;
    }
  }
  if (!without_effect.empty())
    out.notes.push_back("accepted without effect yet: " + without_effect);
  if (!senseless.empty())
    out.warnings.push_back("ignored, since they only mean something to a Java program or KRaft: " +
                           senseless);
  const auto authorizer = settings.find("authorizer.class.name");
  if (authorizer != settings.end() && !trim(authorizer->second.value).empty()) {
    out.warnings.push_back(
        authorizer->second.where +
        ": authorizer.class.name has no effect yet: every client may do everything");
  }
}

Result<void> derive_listeners(BrokerConfig& config, const std::string& host_name) {
  auto protocols = parse_protocol_map(config.listener_security_protocol_map);
  if (!protocols) return fail(std::move(protocols.error()));
  auto listeners = parse_listeners("listeners", config.listeners_text, *protocols);
  if (!listeners) return fail(std::move(listeners.error()));
  if (auto differ = check_ports_differ(*listeners); !differ) return differ;
  config.listeners = std::move(*listeners);

  std::optional<std::vector<Listener>> given;
  if (config.advertised_listeners_text && !config.advertised_listeners_text->empty()) {
    auto parsed =
        parse_listeners("advertised.listeners", *config.advertised_listeners_text, *protocols);
    if (!parsed) return fail(std::move(parsed.error()));
    given = std::move(*parsed);
  }
  auto advertised = advertise(config.listeners, given ? &*given : nullptr, host_name);
  if (!advertised) return fail(std::move(advertised.error()));
  config.advertised_listeners = std::move(*advertised);
  return {};
}

Result<void> derive_http_listeners(BrokerConfig& config) {
  auto listeners = parse_http_listeners("http.listeners", config.http_listeners_text);
  if (!listeners) return fail(std::move(listeners.error()));
  config.http_listeners = std::move(*listeners);
  return {};
}

/// Source: Kafka's rule: the named listener, else the one of the inter-broker protocol; it must be
/// advertised.
Result<void> derive_inter_broker_listener(BrokerConfig& config) {
  const bool is_named = config.inter_broker_listener_name.has_value();
  if (is_named && config.given.contains("security.inter.broker.protocol")) {
    return fail(ErrorCode::invalid_config,
                "inter.broker.listener.name and security.inter.broker.protocol: only one of them "
                "may be set");
  }
  const auto& wanted =
      is_named ? *config.inter_broker_listener_name : config.security_inter_broker_protocol;
  for (const auto& listener : config.advertised_listeners) {
    const bool is_it = std::equal(
        wanted.begin(), wanted.end(), listener.name.begin(), listener.name.end(),
        [](char a, char b) { return a == b || (a >= 'a' && a <= 'z' && a - ('a' - 'A') == b); });
    if (!is_it) continue;
    config.inter_broker_listener = listener.name;
    return {};
  }
  return fail(
      ErrorCode::invalid_config,
      fmt::format("inter.broker.listener.name: {} is not one of the advertised listeners; {}",
                  wanted,
                  is_named ? "name one that is" : "set inter.broker.listener.name to one that is"));
}

Result<void> derive_log_dirs(BrokerConfig& config) {
  std::set<std::string> seen;
  for (auto& path : split_list(config.log_dirs_text.value_or(config.log_dir))) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (path.empty()) continue;
    if (!seen.insert(path).second) {
      return fail(ErrorCode::invalid_config, fmt::format("log.dirs: {} occurs twice", path));
    }
    config.log_dirs.push_back(path);
  }
  for (const auto& path : seen) {
    const auto inner = seen.lower_bound(path + "/");
    if (inner == seen.end() || !inner->starts_with(path + "/")) continue;
    return fail(ErrorCode::invalid_config,
                fmt::format("log.dirs: {} lies within {}", *inner, path));
  }
  if (config.log_dirs.empty()) {
    return fail(ErrorCode::invalid_config,
                "log.dirs: at least one log directory must be defined by log.dirs or log.dir");
  }
  return {};
}

Result<void> derive_broker_id(BrokerConfig& config) {
  if (config.node_id < 0) return {};
  if (config.broker_id >= 0 && config.broker_id != config.node_id) {
    return fail(ErrorCode::invalid_config,
                fmt::format("broker.id is {} and node.id is {}: they must be equal",
                            config.broker_id, config.node_id));
  }
  config.broker_id = config.node_id;
  return {};
}

Result<void> check_relations(const BrokerConfig& config) {
  if (config.zookeeper_connect && !config.zookeeper_connect->empty()) {
    return fail(ErrorCode::invalid_config,
                "zookeeper.connect: this version runs one node with embedded metadata only, "
                "cluster mode is not there yet; "
                "remove the key");
  }
  // Kafka's rule: 0 would remove every segment at once.
  if (config.log_retention_minutes == 0 ||
      (!config.log_retention_minutes && config.log_retention_hours == 0)) {
    if (!config.log_retention_ms) {
      return fail(ErrorCode::invalid_config,
                  "log.retention.ms, .minutes, .hours must be -1 (unlimited) or at least 1");
    }
  }
  return {};
}

/// Settings that are allowed together and hardly meant so.
void warn_of_contradictions(const BrokerConfig& config, LoadedConfig& out) {
  const auto warn = [&out](std::string text) { out.warnings.push_back(std::move(text)); };
  if (config.min_insync_replicas > config.default_replication_factor) {
    warn(
        fmt::format("min.insync.replicas is {} and default.replication.factor {}: topics made "
                    "with the defaults take no acks=all",
                    config.min_insync_replicas, config.default_replication_factor));
  }
  if (config.message_max_bytes > config.socket_request_max_bytes) {
    warn(
        fmt::format("message.max.bytes is {} and socket.request.max.bytes {}: a batch of that "
                    "size never arrives",
                    config.message_max_bytes, config.socket_request_max_bytes));
  }
  if (config.log_retention_bytes >= 0 && config.log_segment_bytes > config.log_retention_bytes) {
    warn(
        fmt::format("log.segment.bytes is {} and log.retention.bytes {}: only whole segments are "
                    "removed, so more is kept",
                    config.log_segment_bytes, config.log_retention_bytes));
  }
}

void derive_logging(BrokerConfig& config) {
  const auto& level = config.gregor_log_level;
  config.log_level = level == "debug"   ? log::Level::debug
                     : level == "warn"  ? log::Level::warn
                     : level == "error" ? log::Level::error
                                        : log::Level::info;
  config.log_format = config.gregor_log_format == "json" ? log::Format::json : log::Format::text;
}

void derive_all(BrokerConfig& config, const std::string& host_name, LoadedConfig& out) {
  const auto note = [&](Result<void> result) {
    if (!result) out.errors.push_back(std::move(result.error().detail));
    return result.has_value();
  };
  if (note(derive_listeners(config, host_name))) note(derive_inter_broker_listener(config));
  note(derive_http_listeners(config));
  note(derive_log_dirs(config));
  note(derive_broker_id(config));
  note(check_relations(config));
  note(derive_connection_limits(config));
  warn_of_contradictions(config, out);
  if (config.queued_max_request_bytes > 0)
    config.frame_bytes_max_total = config.queued_max_request_bytes;
  derive_logging(config);
  if (auto defaults = topic_defaults_of(config)) {
    config.topic_defaults = std::move(*defaults);
  } else {
    out.errors.push_back(std::move(defaults.error().detail));
  }
}

}  // namespace

LoadedConfig load_config(const ConfigSources& sources) {
  LoadedConfig out;
  Settings settings;
  if (sources.file) read_file(*sources.file, settings, out);
  read_environment(sources, settings);
  read_command_line(sources, settings, out);

  BrokerConfig config;
  if (!sources.file) config.listeners_text = listeners_without_file;
  apply_settings(settings, sources.is_strict, config, out);
  // Values that could not be read keep their defaults here, so that one run names the errors of
  // both kinds.
  derive_all(config, sources.host_name, out);
  if (out.errors.empty()) out.config = std::move(config);
  return out;
}

}  // namespace gregor::config
