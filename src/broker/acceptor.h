// Listening sockets: accepts on shard 0 and deals the connections out to all shards in turn.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "broker/connection_quotas.h"
#include "broker/connection_set.h"
#include "config/listener.h"
#include "runtime/network.h"
#include "runtime/task_group.h"

namespace gregor::broker {

/// Thread: shard 0.
class Acceptor {
 public:
  Acceptor(runtime::Shard& shard, std::vector<std::unique_ptr<ConnectionSet>>& connections);

  /// Binds all listeners. @return them with their real ports.
  /// @errors network_exception, naming the address
  [[nodiscard]] Result<std::vector<config::Listener>> bind(
      const std::vector<config::Listener>& listeners, const runtime::ListenOptions& options);
  /// Takes connections from now on, within `limits`: what is above those of an address is closed,
  /// what is above the others waits.
  void start(ConnectionLimitSettings limits);
  /// Other limits for the same listeners. Who waits is looked at again; of what is above
  /// max.connections now those that were silent for longest are closed, as in Kafka.
  void configure(ConnectionLimitSettings limits);
  /// A connection that was dealt out has been closed.
  void forget(const std::string& listener, const std::string& address);
  /// Ends when nothing is accepted any more.
  runtime::Task<void> stop();

 private:
  struct Door {
    std::string name;
    std::unique_ptr<runtime::Listener> listener;
    runtime::OneShot* waits = nullptr;  // for room; in the frame of wait_for_room
  };
  runtime::Task<void> accept_all(Door& door);
  runtime::Task<void> wait_for_room(Door& door, ConnectionQuotas::Wait wait);
  runtime::Task<bool> stop_one_of_others(std::string but_not_of_listener);
  runtime::Task<void> stop_excess(std::string but_not_of_listener);
  void refuse(const std::string& address, std::int64_t limit);
  void wake_doors();
  void deal(std::unique_ptr<runtime::AcceptedSocket> socket, const std::string& listener);

  runtime::Shard& shard_;
  std::vector<std::unique_ptr<ConnectionSet>>& connections_;
  std::vector<std::unique_ptr<Door>> doors_;
  ConnectionQuotas quotas_;
  log::RateLimit waiting_lines_{1};
  log::RateLimit refusal_lines_{1};
  std::uint32_t next_shard_ = 0;
  bool stopping_ = false;
  runtime::TaskGroup tasks_;
};

}  // namespace gregor::broker
