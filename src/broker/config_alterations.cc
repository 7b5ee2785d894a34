#include "broker/config_alterations.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/log.h"
#include "broker/broker_shard.h"
#include "broker/config_resource.h"
#include "broker/store_calls.h"
#include "model/topic_name.h"

namespace gregor::broker {
namespace {

using config::ChangeKind;
using config::ConfigChange;
using config::TopicOverrides;
using runtime::Task;

Result<void> check_logger(const ConfigChange& change) {
  if (!config::known_kind(change.kind))
    return fail(ErrorCode::unknown_server_error, "unknown kind of change");
  const auto kind = static_cast<ChangeKind>(change.kind);
  if (kind != ChangeKind::set && kind != ChangeKind::remove) {
    return fail(ErrorCode::invalid_request,
                "only SET and DELETE are allowed for loggers of a broker");
  }
  if (change.name != root_logger) {
    return fail(
        ErrorCode::invalid_config,
        fmt::format("Logger {} does not exist! The only one is {}", change.name, root_logger));
  }
  if (kind == ChangeKind::remove) {
    return fail(ErrorCode::invalid_request,
                "Removing the log level of the root logger is not allowed");
  }
  auto level = parse_kafka_level(*change.value);
  if (!level) return fail(std::move(level.error()));
  return {};
}

}  // namespace

Task<std::vector<Error>> ConfigAlterations::alter(std::vector<ConfigAlteration> asked,
                                                  AlterationOptions options) {
  std::map<std::pair<std::int8_t, std::string_view>, int> occurrences;
  for (const auto& each : asked) ++occurrences[{each.type, each.name}];
  std::vector<Error> outcomes;
  outcomes.reserve(asked.size());
  bool has_changed = false;
  for (const auto& each : asked) {
    if (occurrences.at({each.type, each.name}) > 1) {
      outcomes.push_back(
          {ErrorCode::invalid_request, "Each resource must appear at most once.", 0});
      continue;
    }
    auto altered = co_await alter_one(each, options);
    has_changed = has_changed || altered.has_value();
    outcomes.push_back(altered ? Error{ErrorCode::none, "", 0} : std::move(altered.error()));
  }
  if (has_changed && !options.validate_only) co_await controller_.apply_config_changes();
  co_return outcomes;
}

Task<Result<void>> ConfigAlterations::alter_one(const ConfigAlteration& asked,
                                                AlterationOptions options) {
  if (auto sound = config::check_changes(asked.changes); !sound) co_return sound;
  switch (static_cast<ConfigResourceType>(asked.type)) {
    case ConfigResourceType::topic:
      co_return co_await alter_topic(asked, options);
    case ConfigResourceType::broker:
      co_return co_await alter_broker(asked, options);
    case ConfigResourceType::broker_logger:
      if (options.replaces) break;
      co_return alter_logger(asked, options);
  }
  co_return fail(ErrorCode::invalid_request,
                 fmt::format("Unknown resource type {}", static_cast<int>(asked.type)));
}

/// Reads, changes and writes until nobody came in between.
/// @param change  from the stored configs to the wanted ones, or an error
template <class F>
Task<Result<void>> ConfigAlterations::rewrite(ConfigEntity entity, AlterationOptions options,
                                              F change) {
  for (int tries = 0; tries < store_tries; ++tries) {
    auto stored = co_await read_configs(shard_, store_, entity);
    if (!stored) co_return fail(std::move(stored.error()));
    Result<TopicOverrides> wanted =
        change(options.replaces ? TopicOverrides{} : std::as_const(stored->configs));
    if (!wanted) co_return fail(std::move(wanted.error()));
    if (options.validate_only || *wanted == stored->configs) co_return Result<void>();
    auto written = co_await write_configs(store_, entity, std::move(*wanted), stored->version);
    if (!written) co_return fail(std::move(written.error()));
    if (*written == ConfigsWritten::yes) co_return Result<void>();
    if (*written == ConfigsWritten::entity_gone)
      co_return fail(ErrorCode::unknown_topic_or_partition, "The topic has been deleted.");
    if (tries > 0) co_await pause(shard_);
  }
  co_return fail(ErrorCode::request_timed_out, "the metadata store did not confirm the change");
}

Task<Result<void>> ConfigAlterations::alter_topic(const ConfigAlteration& asked,
                                                  AlterationOptions options) {
  if (asked.name.empty())
    co_return fail(ErrorCode::invalid_request, "Default topic resources are not allowed.");
  if (auto legal = model::check_topic_name(asked.name); !legal) co_return legal;
  const auto change = [this, &asked](const TopicOverrides& current) {
    return config::change_topic_configs(shared_.shards[0]->config(), current, asked.changes);
  };
  if (controller_.image()->find(asked.name) == nullptr) {
    // Bad configs come first.
    auto checked = change({});
    if (!checked) co_return fail(std::move(checked.error()));
    co_return fail(ErrorCode::unknown_topic_or_partition,
                   fmt::format("The topic '{}' does not exist.", asked.name));
  }
  auto entity = topic_entity(asked.name);
  co_return co_await rewrite(std::move(entity), options, change);
}

Task<Result<void>> ConfigAlterations::alter_broker(const ConfigAlteration& asked,
                                                   AlterationOptions options) {
  const bool is_default = asked.name.empty();
  if (!is_default) {
    if (auto own = check_broker_name(asked.name, shared_.broker_id); !own) co_return own;
  }
  const auto scope =
      is_default ? config::BrokerScope::all_brokers : config::BrokerScope::one_broker;
  const auto change = [this, &asked, scope](const TopicOverrides& current) {
    return config::change_broker_configs(shared_.config, scope, current, asked.changes);
  };
  auto entity = is_default ? all_brokers_entity() : broker_entity(shared_.broker_id);
  co_return co_await rewrite(std::move(entity), options, change);
}

// Levels are not stored: they are those of the configuration after a restart, as in Kafka.
Result<void> ConfigAlterations::alter_logger(const ConfigAlteration& asked,
                                             AlterationOptions options) {
  if (auto own = check_broker_name(asked.name, shared_.broker_id); !own) return own;
  for (const auto& change : asked.changes) {
    if (auto sound = check_logger(change); !sound) return sound;
  }
  if (options.validate_only) return {};
  for (const auto& change : asked.changes) {
    const auto level = parse_kafka_level(*change.value);
    log::info("configs", "the log level is {} from now on", *change.value);
    log::set_level(*level);
  }
  return {};
}

}  // namespace gregor::broker
