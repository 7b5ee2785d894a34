// Listening sockets: accepts on shard 0 and deals the connections out to all shards in turn.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
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
      const std::vector<config::Listener>& listeners);
  /// Takes connections from now on.
  void start();
  /// Ends when nothing is accepted any more.
  runtime::Task<void> stop();

 private:
  struct Door {
    std::string name;
    std::unique_ptr<runtime::Listener> listener;
  };
  runtime::Task<void> accept_all(Door& door);
  void deal(std::unique_ptr<runtime::AcceptedSocket> socket, const std::string& listener);

  runtime::Shard& shard_;
  std::vector<std::unique_ptr<ConnectionSet>>& connections_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::uint32_t next_shard_ = 0;
  bool stopping_ = false;
  runtime::TaskGroup tasks_;
};

}  // namespace gregor::broker
