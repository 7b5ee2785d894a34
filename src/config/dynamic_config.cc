#include "config/dynamic_config.h"

#include <fmt/format.h>

#include "config/connection_limits.h"
#include "config/key_names.h"
#include "config/option_tables.h"

namespace gregor::config {
namespace {

bool is_dynamic_option(const Option<BrokerConfig>& option) {
  return option.update == Update::cluster_wide || option.update == Update::per_broker;
}

void overlay(const TopicOverrides& stored, std::string_view whose, OverlaidConfig& out,
             ConfigTexts& taken) {
  for (const auto& [name, value] : stored) {
    const auto* option = find_broker_option(name);
    if (option == nullptr) {
      if (kind_of_key(name) == KeyKind::unknown) taken.emplace(name, value);
      continue;
    }
    if (!is_dynamic_option(*option)) {
      out.warnings.push_back(
          fmt::format("{}: {} cannot be changed while brokers run; ignored", whose, name));
      continue;
    }
    if (auto set = option->set(out.config, value, *option); !set) {
      out.warnings.push_back(fmt::format("{}: {}; ignored", whose, set.error().detail));
      continue;
    }
    taken.emplace(name, value);
  }
}

std::string refused(std::string_view what, const std::vector<std::string>& names) {
  return fmt::format("{}: Set({})", what, fmt::join(names, ", "));
}

// As all others they are left out if they do not fit, both of them.
void overlay_connection_limits(const BrokerConfig& from_file, OverlaidConfig& out) {
  auto derived = derive_connection_limits(out.config);
  if (derived) return;
  out.warnings.push_back("dynamic configs: " + derived.error().detail + "; ignored");
  out.config.max_connections_per_ip = from_file.max_connections_per_ip;
  out.config.max_connections_per_ip_overrides = from_file.max_connections_per_ip_overrides;
  out.config.connections_per_address = from_file.connections_per_address;
}

}  // namespace

bool is_dynamic(std::string_view name) {
  const auto* option = find_broker_option(name);
  return option != nullptr && is_dynamic_option(*option);
}

OverlaidConfig with_dynamic_configs(const BrokerConfig& from_file, const DynamicConfigs& dynamic) {
  OverlaidConfig out{from_file, {}};
  ConfigTexts of_all;
  ConfigTexts own;
  overlay(dynamic.of_all, "configs of all brokers", out, of_all);
  overlay(dynamic.own, "configs of this broker", out, own);
  out.config.dynamic_of_all = std::move(of_all);
  out.config.dynamic_own = std::move(own);
  overlay_connection_limits(from_file, out);
  auto defaults = topic_defaults_of(out.config);
  if (defaults) {
    out.config.topic_defaults = std::move(*defaults);
    return out;
  }
  out.warnings.push_back("dynamic configs: " + defaults.error().detail + "; all are ignored");
  out.config = from_file;
  return out;
}

Result<void> check_dynamic_configs(const BrokerConfig& from_file, BrokerScope scope,
                                   const TopicOverrides& wanted) {
  std::vector<std::string> fixed;
  std::vector<std::string> of_one_broker;
  for (const auto& [name, value] : wanted) {
    const auto* option = find_broker_option(name);
    const bool is_known = kind_of_key(name) != KeyKind::unknown;
    if (option != nullptr ? !is_dynamic_option(*option) : is_known) fixed.push_back(name);
    if (option != nullptr && option->update == Update::per_broker) of_one_broker.push_back(name);
  }
  if (!fixed.empty()) {
    return fail(ErrorCode::invalid_request,
                refused("Cannot update these configs dynamically", fixed));
  }
  BrokerConfig changed = from_file;
  for (const auto& [name, value] : wanted) {
    const auto* option = find_broker_option(name);
    if (option == nullptr) continue;
    if (auto set = option->set(changed, value, *option); !set)
      return fail(ErrorCode::invalid_request, std::move(set.error().detail));
  }
  if (scope == BrokerScope::all_brokers && !of_one_broker.empty()) {
    return fail(ErrorCode::invalid_request,
                refused("Cannot update these configs at default cluster level, broker id must be "
                        "specified",
                        of_one_broker));
  }
  if (auto defaults = topic_defaults_of(changed); !defaults)
    return fail(ErrorCode::invalid_request, std::move(defaults.error().detail));
  if (auto limits = derive_connection_limits(changed); !limits)
    return fail(ErrorCode::invalid_request, std::move(limits.error().detail));
  return {};
}

}  // namespace gregor::config
