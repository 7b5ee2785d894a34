#include "broker/connection_set.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "broker/dispatch.h"

namespace gregor::broker {
namespace {

// Negative = never; so is what the clock cannot hold.
runtime::Duration limit_of(std::int64_t limit_ms) {
  constexpr auto most =
      std::chrono::duration_cast<std::chrono::milliseconds>(runtime::Duration::max());
  const bool is_never = limit_ms < 0 || limit_ms > most.count();
  return is_never ? runtime::Duration::max()
                  : runtime::Duration(std::chrono::milliseconds(limit_ms));
}

ConnectionLimits limits_of(const config::BrokerConfig& config) {
  ConnectionLimits limits;
  limits.frame_bytes_max = static_cast<std::size_t>(config.socket_request_max_bytes);
  limits.pipelined_max = static_cast<std::size_t>(config.gregor_max_pipelined_requests);
  limits.idle_max = limit_of(config.connections_max_idle_ms);
  limits.stall_max = std::chrono::milliseconds(config.gregor_frame_stall_timeout_ms);
  return limits;
}

// Idle and stalled connections are found so late at most, as a part of the shorter limit.
runtime::Duration check_interval(const ConnectionLimits& limits) {
  const runtime::Duration part = std::min(limits.idle_max, limits.stall_max) / 4;
  return std::clamp<runtime::Duration>(part, std::chrono::milliseconds(50),
                                       std::chrono::seconds(5));
}

}  // namespace

ConnectionSet::ConnectionSet(BrokerShard& shard, OnClosed on_closed)
    : shard_(shard),
      limits_(limits_of(shard.config())),
      budget_(shard.shard(), static_cast<std::size_t>(shard.config().frame_bytes_max_total) /
                                 shard.shard().count()),
      handler_([&shard](const ConnectionInfo& connection, FrameBuffer& frame) {
        return dispatch(shard, connection, frame);
      }),
      on_closed_(std::move(on_closed)),
      stopped_(shard.shard()) {}

ConnectionSet::~ConnectionSet() { shard_.shard().cancel_timer(check_timer_); }

void ConnectionSet::take(std::unique_ptr<runtime::AcceptedSocket> socket, std::string listener) {
  const std::string address = socket->peer().host;
  if (stopping_) return on_closed_(listener, address);
  auto stream = shard_.shard().network().adopt(std::move(socket));
  if (!stream) {
    log::warn("connection", "a connection could not be taken over: {}", stream.error().detail);
    return on_closed_(listener, address);
  }
  ConnectionInfo info;
  info.listener = std::move(listener);
  info.peer = (*stream)->peer();
  info.traffic = &shard_.counters().traffic;
  info.http_address = shard_.http_address();
  ++info.traffic->connections;
  auto connection = std::make_shared<Connection>(shard_.shard(), std::move(*stream),
                                                 std::move(info), limits_, budget_);
  tasks_.spawn(serve(std::move(connection)));
  if (check_timer_ == 0) schedule_check();
}

runtime::Task<void> ConnectionSet::serve(std::shared_ptr<Connection> connection) {
  const auto place = connections_.insert(connections_.end(), connection.get());
  co_await connection->serve(handler_);
  connections_.erase(place);
  on_closed_(connection->info().listener, connection->info().peer.host);
}

bool ConnectionSet::stop_least_recently_used(std::string_view but_not_of_listener) {
  Connection* oldest = nullptr;
  for (Connection* connection : connections_) {
    if (connection->is_stopping() || connection->info().listener == but_not_of_listener) continue;
    if (oldest == nullptr || connection->last_used() < oldest->last_used()) oldest = connection;
  }
  if (oldest != nullptr) oldest->stop();
  return oldest != nullptr;
}

// No timer runs while nobody is connected.
void ConnectionSet::schedule_check() {
  const runtime::Instant next = shard_.shard().clock().now() + check_interval(limits_);
  check_timer_ = shard_.shard().start_timer(next, [this] {
    check_timer_ = 0;
    const runtime::Instant now = shard_.shard().clock().now();
    for (Connection* connection : connections_) connection->check_time(now);
    if (!connections_.empty()) schedule_check();
  });
}

runtime::Task<void> ConnectionSet::stop(runtime::Instant deadline) {
  stopping_ = true;
  for (Connection* connection : connections_) connection->stop();
  runtime::TaskGroup watch;
  watch.spawn(abort_at(deadline));
  co_await tasks_.join();
  stopped_.set();
  co_await watch.join();
}

runtime::Task<void> ConnectionSet::abort_at(runtime::Instant deadline) {
  const bool stopped = co_await stopped_.wait_until(deadline);
  if (stopped) co_return;
  for (Connection* connection : connections_) connection->abort();
}

}  // namespace gregor::broker
