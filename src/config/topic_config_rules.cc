#include "config/topic_config_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "config/option_tables.h"
#include "config/option_value.h"

namespace gregor::config {
namespace {

/// A synonym counts in another unit than the topic config, which is in milliseconds.
std::int64_t milliseconds_per(std::string_view synonym) {
  if (synonym.ends_with(".hours")) return 3'600'000;
  if (synonym.ends_with(".minutes")) return 60'000;
  return 1;
}

/// The broker's value of a topic option: that of the first synonym that has one, in the unit of the
/// topic option. nullopt if the option has no synonym.
std::optional<std::string> broker_value(const BrokerConfig& broker,
                                        const Option<TopicConfig>& option) {
  for (const auto& synonym : split_list(option.synonyms)) {
    const auto* row = find_broker_option(synonym);
    GREGOR_ASSERT(row != nullptr);
    auto value = row->get(broker);
    if (!value) continue;
    const std::int64_t factor = milliseconds_per(synonym);
    if (factor == 1) return value;
    const std::int64_t count = std::stoll(*value);  // an int32 that format_value wrote
    return fmt::format("{}", count < 0 ? -1 : count * factor);
  }
  return std::nullopt;
}

/// The broker's defaults, field by field, nothing derived.
Result<TopicConfig> plain_defaults(const BrokerConfig& broker) {
  TopicConfig config;
  for (const auto& option : topic_options()) {
    const auto value = broker_value(broker, option);
    if (!value) continue;
    if (auto set = option.set(config, *value, option); !set) return fail(std::move(set.error()));
  }
  return config;
}

Result<void> apply(TopicConfig& config, const TopicOverrides& own) {
  for (const auto& [name, value] : own) {
    const auto* option = find_topic_option(name);
    if (option == nullptr) {
      return fail(ErrorCode::invalid_config,
                  fmt::format("Unknown topic config name: {:.{}}", name, quoted_characters_max));
    }
    if (auto set = option->set(config, value, *option); !set) return set;
  }
  return {};
}

Result<void> check_relations(const TopicConfig& config) {
  if (config.min_compaction_lag_ms > config.max_compaction_lag_ms) {
    return fail(
        ErrorCode::invalid_config,
        fmt::format(
            "conflict topic config setting min.compaction.lag.ms ({}) > max.compaction.lag.ms ({})",
            config.min_compaction_lag_ms, config.max_compaction_lag_ms));
  }
  if (config.remote_storage_enable) {
    return fail(ErrorCode::invalid_config,
                "Tiered Storage functionality is disabled in the broker. Topic cannot be "
                "configured with remote log storage.");
  }
  return {};
}

void derive(TopicConfig& config) {
  const auto& policies = config.cleanup_policy;
  config.cleanup_compact = std::find(policies.begin(), policies.end(), "compact") != policies.end();
  config.cleanup_delete = std::find(policies.begin(), policies.end(), "delete") != policies.end();
  // The older name counts where the newer ones have their default (KIP-937).
  constexpr std::int64_t not_set = INT64_MAX;
  const std::int64_t difference = config.message_timestamp_difference_max_ms;
  if (config.message_timestamp_before_max_ms == not_set)
    config.message_timestamp_before_max_ms = difference;
  if (config.message_timestamp_after_max_ms == not_set)
    config.message_timestamp_after_max_ms = difference;
}

Result<TopicConfig> effective(const BrokerConfig& broker, const TopicOverrides& own) {
  auto config = plain_defaults(broker);
  if (!config) return config;
  if (auto applied = apply(*config, own); !applied) return fail(std::move(applied.error()));
  if (auto sound = check_relations(*config); !sound) return fail(std::move(sound.error()));
  derive(*config);
  return config;
}

ConfigSource default_source(const BrokerConfig& broker, const Option<TopicConfig>& option) {
  const auto synonyms = split_list(option.synonyms);
  const auto is_in = [&synonyms](const ConfigTexts& texts) {
    return std::any_of(synonyms.begin(), synonyms.end(),
                       [&texts](const std::string& name) { return texts.contains(name); });
  };
  if (is_in(broker.dynamic_own)) return ConfigSource::dynamic_broker;
  if (is_in(broker.dynamic_of_all)) return ConfigSource::dynamic_default_broker;
  return is_in(broker.given) ? ConfigSource::static_broker : ConfigSource::default_config;
}

}  // namespace

Result<std::shared_ptr<const TopicConfig>> make_topic_config(const BrokerConfig& broker,
                                                             const TopicOverrides& own) {
  auto config = effective(broker, own);
  if (!config) return fail(std::move(config.error()));
  return std::make_shared<const TopicConfig>(std::move(*config));
}

Result<TopicOverrides> check_topic_configs(const BrokerConfig& broker, const TopicOverrides& own) {
  if (auto config = effective(broker, own); !config) return fail(std::move(config.error()));
  TopicOverrides stored;
  for (const auto& [name, value] : own) stored.emplace(name, trim(value));
  return stored;
}

std::vector<TopicConfigEntry> list_topic_configs(const BrokerConfig& broker,
                                                 const TopicOverrides& own) {
  std::vector<TopicConfigEntry> entries;
  for (const auto& option : topic_options()) {
    TopicConfigEntry entry{.name = std::string(option.name),
                           .value = topic_value(broker, own, option),
                           .source = default_source(broker, option)};
    if (own.contains(entry.name)) entry.source = ConfigSource::topic;
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string topic_value(const BrokerConfig& broker, const TopicOverrides& own,
                        const Option<TopicConfig>& option) {
  TopicConfig config;
  const auto given = own.find(std::string(option.name));
  const auto text = given != own.end() ? given->second : broker_value(broker, option);
  // This only shows, it does not judge.
  const bool fits = !text || option.set(config, *text, option).has_value();
  return fits ? option.get(config).value_or("") : *text;
}

Result<TopicConfig> topic_defaults_of(const BrokerConfig& broker) { return effective(broker, {}); }

}  // namespace gregor::config
