// Wire: the network between all nodes of a world: hosts, listeners, connections and the faults of
// links.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "runtime/network.h"
#include "runtime/simulated/connection.h"
#include "runtime/simulated/scheduler.h"

namespace gregor::runtime::simulated {

/// A listening port.
struct ListenState {
  const Life* life = nullptr;
  std::uint32_t shard = no_shard;
  SocketAddress local;
  bool closed = false;
  std::deque<std::shared_ptr<Connection>> queue;  ///< made, not yet accepted
  WaitSlot acceptor;
};

/// A connect() under way.
struct ConnectAttempt {
  const Life* life = nullptr;
  std::uint32_t shard = no_shard;
  SocketAddress to;
  bool done = false;
  int os_error = 0;
  std::shared_ptr<Connection> connection;  ///< if it succeeded
  EventId deadline = 0;
  WaitSlot waiter;
};

/// Thread: one.
/// Hosts:  a node's host is any text; "localhost", "127.*", "::1" mean the own node; "", "0.0.0.0"
/// and "::" as well.
class Wire {
 public:
  explicit Wire(Scheduler& scheduler);
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Faults, for tests.

  /// What goes from one node to another waits until resume(); new connections get no answer.
  void stall(std::uint32_t from, std::uint32_t to) { stalled_.insert({from, to}); }
  void resume(std::uint32_t from, std::uint32_t to);
  /// Resets all connections between two nodes.
  void reset_connections(std::uint32_t a, std::uint32_t b);
  /// Connections of which at least one end is still held.
  [[nodiscard]] std::size_t connection_count() const { return connections_.size(); }

  // For nodes.

  void add_host(std::uint32_t node, const std::string& host);
  void set_up(std::uint32_t node) { hosts_[node].up = true; }
  /// The life has ended: its listeners are gone, its connections are reset at the peers unless
  /// `half_open` is drawn.
  void set_down(const Life& life, bool may_half_open);

  // For networks, connections and streams.

  [[nodiscard]] Result<std::shared_ptr<ListenState>> listen(Context context,
                                                            const SocketAddress& address);
  void close(ListenState& listener);
  void connect(const std::shared_ptr<ConnectAttempt>& attempt, Instant deadline);
  void forget(std::uint64_t connection) { connections_.erase(connection); }
  [[nodiscard]] bool is_stalled(std::uint32_t from, std::uint32_t to) const {
    return stalled_.contains({from, to});
  }
  [[nodiscard]] bool is_up(std::uint32_t node) const { return hosts_.at(node).up; }
  [[nodiscard]] Duration draw_delay(Prng& numbers) const;
  [[nodiscard]] Scheduler& scheduler() { return scheduler_; }
  [[nodiscard]] const WorldOptions& options() const { return scheduler_.options(); }

 private:
  struct Host {
    std::string name;
    bool up = false;
    std::uint16_t next_port = 32768;
    std::map<std::uint16_t, std::shared_ptr<ListenState>> listeners;
  };
  [[nodiscard]] std::uint32_t find(std::uint32_t from, const std::string& host) const;
  [[nodiscard]] std::uint16_t take_port(Host& host);
  void arrive(const std::shared_ptr<ConnectAttempt>& attempt);
  void answer(const std::shared_ptr<ConnectAttempt>& attempt, std::uint32_t from, int os_error);
  void finish(ConnectAttempt& attempt, int os_error);
  [[nodiscard]] std::shared_ptr<Connection> make_connection(const ConnectAttempt& attempt,
                                                            const ListenState& listener);

  Scheduler& scheduler_;
  Prng numbers_;
  std::map<std::uint32_t, Host> hosts_;
  std::map<std::uint64_t, std::weak_ptr<Connection>> connections_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> stalled_;
  std::uint64_t next_connection_ = 1;
};

}  // namespace gregor::runtime::simulated
