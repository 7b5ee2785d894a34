// How many connections there may be: in total, of a listener, of an address, and how fast they
// come. Source: Kafka's ConnectionQuotas (max.connections and its relatives).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/broker_config.h"
#include "runtime/clock.h"

namespace gregor::broker {

struct ConnectionLimitSettings {
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
  struct OfListener {
    std::string name;
    std::int64_t connections_max = none;
    std::int64_t creation_rate_max = none;  ///< per second
    bool is_protected = false;  ///< brokers use it: the limits of the whole broker don't hold it up
  };
  std::int64_t connections_max = none;
  std::int64_t by_descriptors_max =
      none;  ///< what the limit of open files leaves; for all listeners
  std::int64_t creation_rate_max = none;  ///< per second
  std::int64_t per_address_max = none;
  std::map<std::string, std::int64_t, std::less<>> per_address;  ///< instead of per_address_max
  std::vector<OfListener> listeners;
};

/// What `config` says. Pure.
/// @param by_descriptors_max  connections that the limit of open files leaves room for
[[nodiscard]] ConnectionLimitSettings connection_limits(const config::BrokerConfig& config,
                                                        std::int64_t by_descriptors_max);

/// Lets so many through per second, averaged over ten seconds (as Kafka's default quota window).
class CreationRate {
 public:
  explicit CreationRate(std::int64_t per_second);
  /// Another rate from now on; how many have come counts on.
  void change(std::int64_t per_second, runtime::Instant now);
  /// When the next one may pass; in the past if it may now.
  [[nodiscard]] runtime::Instant next() const;
  void record(runtime::Instant now);

 private:
  runtime::Duration interval_{};  // between two at the full rate; 0 = no limit
  runtime::Instant due_{};        // when all that have passed would have come at the full rate
};

/// Counts connections. Who waits is not its business.
///
/// Thread: shard 0.
class ConnectionQuotas {
 public:
  /// Again for other limits of the same listeners: what is counted stays.
  void configure(ConnectionLimitSettings settings, runtime::Instant now);

  struct Wait {
    std::string reason;                     ///< for people
    std::optional<runtime::Instant> until;  ///< nullopt: until a connection is closed
  };
  /// @return why the next connection of `listener` has to wait; nullopt = it may come
  [[nodiscard]] std::optional<Wait> check(std::string_view listener, runtime::Instant now) const;
  /// Counts a connection, after check() has let it come.
  /// @return nullopt, or the limit of its address if that is reached: it is not counted then
  [[nodiscard]] std::optional<std::int64_t> admit(std::string_view listener,
                                                  const std::string& address, runtime::Instant now);
  /// A counted connection has been closed.
  void forget(std::string_view listener, const std::string& address);

  /// So many above max.connections: a protected listener took them, or the limit was lowered. They
  /// are to go, of other listeners.
  [[nodiscard]] std::int64_t excess() const {
    return std::max<std::int64_t>(total_ - settings_.connections_max, 0);
  }
  [[nodiscard]] std::int64_t total() const { return total_; }

 private:
  struct OfListener {
    std::int64_t count = 0;
    CreationRate rate;
  };
  [[nodiscard]] std::size_t place_of(std::string_view listener) const;

  ConnectionLimitSettings settings_;
  std::vector<OfListener> listeners_;  // as settings_.listeners
  CreationRate rate_{ConnectionLimitSettings::none};
  std::map<std::string, std::int64_t, std::less<>> of_address_;
  std::int64_t total_ = 0;
};

}  // namespace gregor::broker
