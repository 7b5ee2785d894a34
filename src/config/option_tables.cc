#include "config/option_tables.h"

#include <algorithm>
#include <cstdint>

#include "config/option_value.h"

namespace gregor::config {
namespace {

template <class Config>
ValueRule rule_of(const Option<Config>& option) {
  return ValueRule{option.name, option.type, option.allowed};
}

const Option<BrokerConfig> broker_table[] = {
#define GREGOR_BROKER_OPTION(field, name, type, fallback, allowed, update, text)      \
  {name,                                                                              \
   ValueType::type,                                                                   \
   allowed,                                                                           \
   Update::update,                                                                    \
   "",                                                                                \
   text,                                                                              \
   [](BrokerConfig& config, std::string_view value, const Option<BrokerConfig>& self) \
       -> Result<void> { return parse_value(rule_of(self), value, config.field); },   \
   [](const BrokerConfig& config) { return format_value(config.field); }},
#include "config/broker_options.def"
#undef GREGOR_BROKER_OPTION
};

const Option<TopicConfig> topic_table[] = {
#define GREGOR_TOPIC_OPTION(field, name, type, fallback, allowed, synonyms, text)   \
  {name,                                                                            \
   ValueType::type,                                                                 \
   allowed,                                                                         \
   Update::per_topic,                                                               \
   synonyms,                                                                        \
   text,                                                                            \
   [](TopicConfig& config, std::string_view value, const Option<TopicConfig>& self) \
       -> Result<void> { return parse_value(rule_of(self), value, config.field); }, \
   [](const TopicConfig& config) { return format_value(config.field); }},
#include "config/topic_options.def"
#undef GREGOR_TOPIC_OPTION
};

constexpr KnownKey known_table[] = {
#define GREGOR_KNOWN_KEY(name, type, fallback, treatment) \
  {name, KafkaType::type, fallback, Treatment::treatment},
#include "config/known_keys.def"
#undef GREGOR_KNOWN_KEY
};

template <class Row>
const Row* find_row(std::span<const Row> rows, std::string_view name) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

std::span<const Option<BrokerConfig>> broker_options() { return broker_table; }
std::span<const Option<TopicConfig>> topic_options() { return topic_table; }
const Option<BrokerConfig>* find_broker_option(std::string_view name) {
  return find_row(broker_options(), name);
}
const Option<TopicConfig>* find_topic_option(std::string_view name) {
  return find_row(topic_options(), name);
}
std::span<const KnownKey> known_keys() { return known_table; }
const KnownKey* find_known_key(std::string_view name) { return find_row(known_keys(), name); }

}  // namespace gregor::config
