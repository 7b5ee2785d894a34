#include "config/config_description.h"

#include <algorithm>
#include <array>

#include "config/key_names.h"
#include "config/option_tables.h"
#include "config/option_value.h"

namespace gregor::config {
namespace {

using Names = std::vector<std::string>;

constexpr std::string_view no_effect = "Accepted without effect yet.";

bool is_wanted(const DescriptionRequest& request, std::string_view name) {
  return request.names.empty() ||
         std::find(request.names.begin(), request.names.end(), name) != request.names.end();
}

/// All names whose values decide about the one of `name`, the first that has one wins. Source:
/// Kafka's rule for times in several units.
Names names_of(std::string_view name) {
  static const std::array<Names, 3> families{
      Names{"log.roll.ms", "log.roll.hours"}, Names{"log.roll.jitter.ms", "log.roll.jitter.hours"},
      Names{"log.retention.ms", "log.retention.minutes", "log.retention.hours"}};
  for (const Names& family : families) {
    if (std::find(family.begin(), family.end(), name) != family.end()) return family;
  }
  if (name == "log.flush.interval.ms")
    return {std::string(name), "log.flush.scheduler.interval.ms"};
  return {std::string(name)};
}

std::optional<std::string> default_of(std::string_view name) {
  static const BrokerConfig defaults;
  if (const auto* option = find_broker_option(name)) return option->get(defaults);
  const auto* known = find_known_key(name);
  if (known == nullptr || known->fallback == nullptr) return std::nullopt;
  return known->fallback;
}

std::vector<ConfigSynonym> broker_synonyms(const BrokerConfig& broker, std::string_view name) {
  const bool is_secret = is_secret_key(name);
  const Names names = names_of(name);
  std::vector<ConfigSynonym> all;
  const auto add = [&](const std::string& key, const std::string& value, ConfigSource source) {
    all.push_back({key, is_secret ? std::nullopt : std::optional(value), source});
  };
  const auto add_given = [&](const ConfigTexts& texts, ConfigSource source) {
    for (const auto& key : names) {
      if (const auto given = texts.find(key); given != texts.end()) add(key, given->second, source);
    }
  };
  add_given(broker.dynamic_own, ConfigSource::dynamic_broker);
  add_given(broker.dynamic_of_all, ConfigSource::dynamic_default_broker);
  add_given(broker.given, ConfigSource::static_broker);
  for (const auto& key : names) {
    if (const auto value = default_of(key)) add(key, *value, ConfigSource::default_config);
  }
  const auto first = std::find_if(all.begin(), all.end(),
                                  [name](const ConfigSynonym& each) { return each.name == name; });
  all.erase(all.begin(), first);
  return all;
}

void finish(ConfigDescription& row, std::vector<ConfigSynonym> synonyms,
            const DescriptionRequest& request) {
  if (!synonyms.empty()) row.source = synonyms.front().source;
  if (request.with_synonyms) row.synonyms = std::move(synonyms);
}

ConfigDescription broker_row(const BrokerConfig& broker, std::string_view name) {
  ConfigDescription row{.name = std::string(name)};
  row.is_sensitive = is_secret_key(name);
  row.is_read_only = true;
  if (const auto* option = find_broker_option(name)) {
    row.value = option->get(broker);
    row.type = kafka_type(option->type);
    row.is_read_only = option->update == Update::read_only;
    row.documentation = option->text;
  } else if (const auto* known = find_known_key(name)) {
    const auto given = broker.given.find(name);
    row.value = given != broker.given.end() ? given->second : default_of(name);
    row.type = known->type;
    row.documentation = no_effect;
  } else {
    row.is_sensitive = true;  // nobody knows what it is
  }
  if (row.is_sensitive) row.value.reset();
  return row;
}

void by_name(std::vector<ConfigDescription>& rows) {
  std::sort(rows.begin(), rows.end(),
            [](const auto& one, const auto& other) { return one.name < other.name; });
}

}  // namespace

std::vector<ConfigDescription> describe_topic_configs(const BrokerConfig& broker,
                                                      const TopicOverrides& own,
                                                      const DescriptionRequest& request) {
  std::vector<ConfigDescription> rows;
  for (const auto& option : topic_options()) {
    if (!is_wanted(request, option.name)) continue;
    ConfigDescription row{.name = std::string(option.name)};
    row.value = topic_value(broker, own, option);
    row.type = kafka_type(option.type);
    row.documentation = option.text;
    std::vector<ConfigSynonym> synonyms;
    if (!option.synonyms.empty())
      synonyms = broker_synonyms(broker, split_list(option.synonyms).front());
    if (own.contains(row.name))
      synonyms.insert(synonyms.begin(), {row.name, row.value, ConfigSource::topic});
    finish(row, std::move(synonyms), request);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<ConfigDescription> describe_broker_configs(const BrokerConfig& broker,
                                                       const DescriptionRequest& request) {
  std::vector<ConfigDescription> rows;
  const auto add = [&](std::string_view name) {
    if (!is_wanted(request, name)) return;
    rows.push_back(broker_row(broker, name));
    finish(rows.back(), broker_synonyms(broker, name), request);
  };
  for (const auto& option : broker_options()) add(option.name);
  for (const auto& key : known_keys()) {
    if (key.treatment == Treatment::accepted) add(key.name);
  }
  by_name(rows);
  return rows;
}

std::vector<ConfigDescription> describe_default_broker_configs(const BrokerConfig& broker,
                                                               const DescriptionRequest& request) {
  std::vector<ConfigDescription> rows;
  for (const auto& [name, value] : broker.dynamic_of_all) {
    if (!is_wanted(request, name)) continue;
    ConfigDescription row = broker_row(broker, name);
    if (!row.is_sensitive) row.value = value;
    auto synonyms = broker_synonyms(broker, name);
    std::erase_if(synonyms, [](const ConfigSynonym& each) {
      return each.source != ConfigSource::dynamic_default_broker;
    });
    finish(row, std::move(synonyms), request);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace gregor::config
