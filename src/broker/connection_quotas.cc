#include "broker/connection_quotas.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.h"

namespace gregor::broker {
namespace {

constexpr std::chrono::seconds averaged_over{10};
constexpr std::int64_t fastest_limited = 1'000'000;  // per second; above there is no limit

}  // namespace

ConnectionLimitSettings connection_limits(const config::BrokerConfig& config,
                                          std::int64_t by_descriptors_max) {
  ConnectionLimitSettings out;
  out.connections_max = config.max_connections;
  out.by_descriptors_max = by_descriptors_max;
  out.creation_rate_max = config.max_connection_creation_rate;
  out.per_address_max = config.max_connections_per_ip;
  out.per_address = config.connections_per_address;
  for (const config::Listener& listener : config.listeners) {
    ConnectionLimitSettings::OfListener own{.name = listener.name};
    if (const auto found = config.listener_limits.find(config::key_form(listener.name));
        found != config.listener_limits.end()) {
      own.connections_max = found->second.connections_max;
      own.creation_rate_max = found->second.creation_rate_max;
    }
    own.is_protected = config.listeners.size() > 1 && listener.name == config.inter_broker_listener;
    out.listeners.push_back(std::move(own));
  }
  return out;
}

CreationRate::CreationRate(std::int64_t per_second) {
  if (per_second > fastest_limited) return;
  // Kafka delays one by a second at most, so that 0 is 1.
  interval_ = runtime::Duration(std::chrono::seconds(1)) / std::max<std::int64_t>(per_second, 1);
}

void CreationRate::change(std::int64_t per_second, runtime::Instant now) {
  const runtime::Duration before = interval_;
  const runtime::Duration ahead = due_ - now;
  *this = CreationRate(per_second);
  if (before.count() == 0 || ahead.count() <= 0) return;
  due_ = now + interval_ * (ahead / before);
}

runtime::Instant CreationRate::next() const {
  return interval_.count() == 0 ? runtime::Instant{} : due_ - averaged_over + interval_;
}

void CreationRate::record(runtime::Instant now) { due_ = std::max(due_, now) + interval_; }

void ConnectionQuotas::configure(ConnectionLimitSettings settings, runtime::Instant now) {
  GREGOR_ASSERT(listeners_.empty() || listeners_.size() == settings.listeners.size());
  settings_ = std::move(settings);
  rate_.change(settings_.creation_rate_max, now);
  for (std::size_t i = 0; i < settings_.listeners.size(); ++i) {
    if (i == listeners_.size())
      listeners_.push_back({0, CreationRate(ConnectionLimitSettings::none)});
    listeners_[i].rate.change(settings_.listeners[i].creation_rate_max, now);
  }
}

std::size_t ConnectionQuotas::place_of(std::string_view listener) const {
  const auto found = std::find_if(settings_.listeners.begin(), settings_.listeners.end(),
                                  [&](const auto& each) { return each.name == listener; });
  GREGOR_ASSERT(found != settings_.listeners.end());
  return static_cast<std::size_t>(found - settings_.listeners.begin());
}

std::optional<ConnectionQuotas::Wait> ConnectionQuotas::check(std::string_view listener,
                                                              runtime::Instant now) const {
  const std::size_t place = place_of(listener);
  const auto& limits = settings_.listeners[place];
  if (total_ >= settings_.by_descriptors_max) {
    return Wait{fmt::format("{} connections are open, more would leave too few file descriptors "
                            "for the logs",
                            total_),
                std::nullopt};
  }
  if (listeners_[place].count >= limits.connections_max) {
    return Wait{fmt::format("it has the {} connections that it may have", limits.connections_max),
                std::nullopt};
  }
  if (!limits.is_protected && total_ >= settings_.connections_max) {
    return Wait{fmt::format("max.connections={} is reached", settings_.connections_max),
                std::nullopt};
  }
  const runtime::Instant own = listeners_[place].rate.next();
  const runtime::Instant next = limits.is_protected ? own : std::max(own, rate_.next());
  if (next > now) return Wait{"max.connection.creation.rate is reached", next};
  return std::nullopt;
}

std::optional<std::int64_t> ConnectionQuotas::admit(std::string_view listener,
                                                    const std::string& address,
                                                    runtime::Instant now) {
  const std::size_t place = place_of(listener);
  listeners_[place].rate.record(now);
  if (!settings_.listeners[place].is_protected) rate_.record(now);
  const auto own_limit = settings_.per_address.find(address);
  const std::int64_t limit =
      own_limit != settings_.per_address.end() ? own_limit->second : settings_.per_address_max;
  const auto counted = of_address_.find(address);
  if ((counted != of_address_.end() ? counted->second : 0) >= limit) return limit;
  ++of_address_[address];
  ++listeners_[place].count;
  ++total_;
  return std::nullopt;
}

void ConnectionQuotas::forget(std::string_view listener, const std::string& address) {
  const auto counted = of_address_.find(address);
  GREGOR_ASSERT(counted != of_address_.end());
  if (--counted->second == 0) of_address_.erase(counted);
  --listeners_[place_of(listener)].count;
  --total_;
}

}  // namespace gregor::broker
