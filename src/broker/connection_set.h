// All connections of one shard.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "broker/broker_shard.h"
#include "broker/connection.h"
#include "broker/frame.h"
#include "runtime/network.h"
#include "runtime/task_group.h"

namespace gregor::broker {

/// Thread: its shard.
class ConnectionSet {
 public:
  /// Called on the set's shard for each socket that was taken, once it is closed.
  using OnClosed = std::function<void(const std::string& listener, const std::string& address)>;

  ConnectionSet(BrokerShard& shard, OnClosed on_closed);
  ~ConnectionSet();

  /// Serves an accepted socket from now on.
  void take(std::unique_ptr<runtime::AcceptedSocket> socket, std::string listener);

  /// Requests under way are answered, then all are closed; at `deadline` without waiting any
  /// longer.
  runtime::Task<void> stop(runtime::Instant deadline);

  /// Stops the connection that was silent for longest and came by another listener.
  /// @return false if there is none
  bool stop_least_recently_used(std::string_view but_not_of_listener);

  [[nodiscard]] std::size_t size() const { return connections_.size(); }
  [[nodiscard]] const FrameBudget& budget() const { return budget_; }

 private:
  runtime::Task<void> serve(std::shared_ptr<Connection> connection);
  runtime::Task<void> abort_at(runtime::Instant deadline);
  void schedule_check();

  BrokerShard& shard_;
  ConnectionLimits limits_;
  FrameBudget budget_;
  FrameHandler handler_;
  OnClosed on_closed_;
  std::list<Connection*> connections_;
  runtime::TimerId check_timer_ = 0;
  bool stopping_ = false;
  runtime::OneShot stopped_;
  runtime::TaskGroup tasks_;  // last: its frames refer to everything above
};

}  // namespace gregor::broker
