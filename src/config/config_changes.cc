#include "config/config_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/option_tables.h"
#include "config/option_value.h"

namespace gregor::config {
namespace {

/// "a,b" with the entries of "b,c" added (each once), or taken out.
std::string changed_list(std::string_view list, std::string_view entries, bool adds) {
  std::vector<std::string> all = split_list(list);
  for (auto& entry : split_list(entries)) {
    const auto there = std::find(all.begin(), all.end(), entry);
    if (!adds && there != all.end()) all.erase(there);
    if (adds && there == all.end()) all.push_back(std::move(entry));
  }
  return fmt::format("{}", fmt::join(all, ","));
}

/// What a change of a list begins with: the value that counts now.
struct ListStart {
  bool is_list = false;
  std::string value{};
};

template <class F>
Result<void> apply_one(const ConfigChange& change, TopicOverrides& configs, F start_of_list) {
  const ChangeKind kind = *known_kind(change.kind);
  if (kind == ChangeKind::remove) {
    configs.erase(change.name);
    return {};
  }
  if (kind == ChangeKind::set) {
    configs.insert_or_assign(change.name, std::string(trim(*change.value)));
    return {};
  }
  const bool adds = kind == ChangeKind::append;
  const ListStart start = start_of_list(change.name);
  if (!start.is_list) {
    return fail(ErrorCode::invalid_config,
                fmt::format("Can't {} to key {} because its type is not LIST.",
                            adds ? "APPEND" : "SUBTRACT", change.name));
  }
  const auto own = configs.find(change.name);
  const std::string& before = own != configs.end() ? own->second : start.value;
  configs.insert_or_assign(change.name, changed_list(before, *change.value, adds));
  return {};
}

}  // namespace

std::optional<ChangeKind> known_kind(std::int8_t kind) {
  if (kind < 0 || kind > static_cast<std::int8_t>(ChangeKind::subtract)) return std::nullopt;
  return static_cast<ChangeKind>(kind);
}

Result<void> check_changes(std::span<const ConfigChange> changes) {
  std::set<std::string_view> names;
  for (const auto& change : changes) {
    if (!names.insert(change.name).second)
      return fail(ErrorCode::invalid_request, "Error due to duplicate config keys");
  }
  std::vector<std::string_view> nulls;
  for (const auto& change : changes) {
    if (!change.value && known_kind(change.kind) != ChangeKind::remove)
      nulls.push_back(change.name);
  }
  if (!nulls.empty()) {
    return fail(ErrorCode::invalid_request,
                fmt::format("Null value not supported for : {}", fmt::join(nulls, ",")));
  }
  return {};
}

Result<TopicOverrides> change_topic_configs(const BrokerConfig& broker,
                                            const TopicOverrides& current,
                                            std::span<const ConfigChange> changes) {
  TopicOverrides configs = current;
  const auto start_of_list = [&broker](const std::string& name) {
    const auto* option = find_topic_option(name);
    if (option == nullptr || option->type != ValueType::list) return ListStart{};
    return ListStart{true, topic_value(broker, {}, *option)};
  };
  for (const auto& change : changes) {
    if (!known_kind(change.kind)) {
      return fail(ErrorCode::unknown_server_error,
                  fmt::format("Unknown operation {}", static_cast<int>(change.kind)));
    }
    if (auto applied = apply_one(change, configs, start_of_list); !applied)
      return fail(std::move(applied.error()));
  }
  return check_topic_configs(broker, configs);
}

Result<TopicOverrides> change_broker_configs(const BrokerConfig& from_file, BrokerScope scope,
                                             const TopicOverrides& current,
                                             std::span<const ConfigChange> changes) {
  TopicOverrides configs = current;
  const auto start_of_list = [](const std::string& name) {
    static const BrokerConfig defaults;
    const auto* option = find_broker_option(name);
    if (option == nullptr || option->type != ValueType::list) return ListStart{};
    return ListStart{true, option->get(defaults).value_or("")};
  };
  for (const auto& change : changes) {
    if (!known_kind(change.kind)) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("Unknown operation {}", static_cast<int>(change.kind)));
    }
    if (auto applied = apply_one(change, configs, start_of_list); !applied)
      return fail(std::move(applied.error()));
  }
  if (auto sound = check_dynamic_configs(from_file, scope, configs); !sound)
    return fail(std::move(sound.error()));
  return configs;
}

}  // namespace gregor::config
