#include "config/connection_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/broker_config.h"
#include "config/option_value.h"

namespace gregor::config {
namespace {

constexpr std::string_view listener_prefix = "listener.name.";
constexpr std::string_view connections_suffix = ".max.connections";
constexpr std::string_view rate_suffix = ".max.connection.creation.rate";
constexpr std::string_view overrides_key = "max.connections.per.ip.overrides";

Result<std::int64_t> parse_limit(std::string_view key, std::string_view value) {
  constexpr Allowed allowed = at_least(0);
  std::int32_t limit = 0;
  auto parsed = parse_value(ValueRule{key, ValueType::int32, allowed}, value, limit);
  if (!parsed) return fail(std::move(parsed.error()));
  return limit;
}

/// Digits, dots, colons: what a numeric address is made of. Others are never equal to a peer's.
bool looks_numeric(std::string_view address) {
  constexpr std::string_view of_v4 = "0123456789.";
  constexpr std::string_view of_v6 = "0123456789abcdef:.";
  const bool is_v6 = address.find(':') != std::string_view::npos;
  return !address.empty() &&
         address.find_first_not_of(is_v6 ? of_v6 : of_v4) == std::string_view::npos;
}

}  // namespace

std::string key_form(std::string_view listener_name) {
  std::string out(listener_name);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return out;
}

Result<bool> set_listener_limit(std::string_view key, std::string_view value,
                                LimitsOfListeners& limits) {
  if (!key.starts_with(listener_prefix)) return false;
  const bool is_rate = key.ends_with(rate_suffix);
  if (!is_rate && !key.ends_with(connections_suffix)) return false;
  const std::size_t suffix = is_rate ? rate_suffix.size() : connections_suffix.size();
  if (key.size() <= listener_prefix.size() + suffix) return false;
  const auto limit = parse_limit(key, value);
  if (!limit) return fail(limit.error());
  const auto name =
      key.substr(listener_prefix.size(), key.size() - listener_prefix.size() - suffix);
  ListenerLimits& own = limits[std::string(name)];
  (is_rate ? own.creation_rate_max : own.connections_max) = *limit;
  return true;
}

Result<LimitsOfAddresses> parse_limits_of_addresses(std::string_view text) {
  LimitsOfAddresses out;
  for (const std::string& entry : split_list(text)) {
    if (entry.empty()) continue;
    const auto colon = entry.rfind(':');  // an IPv6 address has some of its own
    const std::string address(trim(std::string_view(entry).substr(0, colon)));
    if (colon == std::string::npos || !looks_numeric(address)) {
      return fail(ErrorCode::invalid_config,
                  fmt::format("{}: \"{}\" is not of the form address:number with a numeric "
                              "address (host names are not resolved)",
                              overrides_key, entry));
    }
    const auto limit = parse_limit(overrides_key, std::string_view(entry).substr(colon + 1));
    if (!limit) return fail(limit.error());
    out[address] = *limit;
  }
  return out;
}

Result<void> derive_connection_limits(BrokerConfig& config) {
  auto overrides = parse_limits_of_addresses(config.max_connections_per_ip_overrides);
  if (!overrides) return fail(std::move(overrides.error()));
  config.connections_per_address = std::move(*overrides);
  if (config.max_connections_per_ip == 0 && config.connections_per_address.empty()) {
    return fail(ErrorCode::invalid_config,
                "max.connections.per.ip can be zero only if max.connections.per.ip.overrides is "
                "set");
  }
  return {};
}

}  // namespace gregor::config
