#include "config/documentation.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "config/option_tables.h"
#include "config/option_value.h"

namespace gregor::config {
namespace {

constexpr std::string_view introduction = R"(# Configuration

<!-- Made from the tables in src/config/ by the program configuration_docs. Do not edit: `./dev docs` rewrites it. -->

`gregor server` needs no configuration: without a file it listens on 127.0.0.1:9092, keeps its data in `./gregor-data`,
embeds its metadata and creates topics on first use. Names and defaults are those of Apache Kafka 3.9.1, except where a
row says otherwise.

Settings come from three places; a later one wins:

1. a file in Kafka's `server.properties` format: `gregor server --config FILE`
2. environment variables: `GREGOR_LOG_RETENTION_MS` sets `log.retention.ms`; this program's own keys also go without
   their prefix: `GREGOR_SHARDS` sets `gregor.shards`
3. `--set key=value`, as often as needed

Options whose update mode is cluster-wide can also be set while brokers run (IncrementalAlterConfigs, `kafka-configs.sh`),
for one broker or for all of them; topic configs for one topic. Such values are kept in the metadata store, take effect at
once, survive restarts and win over all three places: topic, then this broker, then all brokers, then file, then default.
Everything else is refused while brokers run, as Apache Kafka refuses what is read-only.

`gregor server --check-config` reads and checks all of it, says what is wrong and ends. An unknown key is a warning that
names the nearest known one, with `--strict` an error. Values are trimmed; numbers are plain decimal.

## Broker

)";

constexpr std::string_view topic_introduction = R"(
## Topics

A topic's own value, given when it is created or set later, wins over the broker's default of the listed name.

)";

constexpr std::string_view known_introduction = R"(
## Accepted without effect yet

These keys of Kafka 3.9 and 4.1 (and all that begin with `listener.name.`) may stand in a file; nothing reads them yet.

)";

constexpr std::string_view senseless_introduction = R"(
## Ignored with a warning

These keys only mean something to a Java program or to KRaft.

)";

std::string_view update_name(Update update) {
  switch (update) {
    case Update::read_only:
      return "read-only";
    case Update::per_broker:
      return "per-broker";
    case Update::cluster_wide:
      return "cluster-wide";
    case Update::per_topic:
      return "per-topic";
  }
  return "";
}

std::string cell(const std::optional<std::string>& value) {
  if (!value) return "none";
  return value->empty() ? "empty" : fmt::format("`{}`", *value);
}

/// The topic configs whose default a broker option gives.
std::string topic_overrides(std::string_view broker_option) {
  std::string names;
  for (const auto& topic : topic_options()) {
    for (const auto& synonym : split_list(topic.synonyms)) {
      if (synonym == broker_option)
        names += fmt::format("{}`{}`", names.empty() ? "" : ", ", topic.name);
    }
  }
  return names;
}

template <class Config>
std::string limits(const Option<Config>& option) {
  const auto allowed = describe_allowed(option.allowed, option.type);
  return fmt::format("{}{}{}", kafka_type_name(option.type), allowed.empty() ? "" : " ", allowed);
}

}  // namespace

std::string configuration_markdown() {
  std::string text(introduction);
  auto out = std::back_inserter(text);
  const BrokerConfig broker;
  fmt::format_to(out,
                 "| key | default | type and range | update mode | topic config | meaning "
                 "|\n|---|---|---|---|---|---|\n");
  for (const auto& option : broker_options()) {
    fmt::format_to(out, "| `{}` | {} | {} | {} | {} | {} |\n", option.name,
                   cell(option.get(broker)), limits(option), update_name(option.update),
                   topic_overrides(option.name), option.text);
  }
  text += topic_introduction;
  const TopicConfig topic;
  fmt::format_to(
      out,
      "| key | default | type and range | broker's default | meaning |\n|---|---|---|---|---|\n");
  for (const auto& option : topic_options()) {
    std::string synonyms;
    for (const auto& name : split_list(option.synonyms))
      synonyms += (synonyms.empty() ? "`" : ", `") + name + "`";
    fmt::format_to(out, "| `{}` | {} | {} | {} | {} |\n", option.name, cell(option.get(topic)),
                   limits(option), synonyms, option.text);
  }
  text += known_introduction;
  for (const auto& key : known_keys())
    if (key.treatment == Treatment::accepted) fmt::format_to(out, "- `{}`\n", key.name);
  text += senseless_introduction;
  for (const auto& key : known_keys())
    if (key.treatment == Treatment::senseless) fmt::format_to(out, "- `{}`\n", key.name);
  return text;
}

}  // namespace gregor::config
