#include "runtime/simulated/wire.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/assert.h"

namespace gregor::runtime::simulated {
namespace {

bool is_own(const std::string& host) {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "::1" ||
         host == "localhost" || host.starts_with("127.");
}

}  // namespace

Wire::Wire(Scheduler& scheduler) : scheduler_(scheduler), numbers_(scheduler.split("wire")) {}

Duration Wire::draw_delay(Prng& numbers) const {
  const DelayRange& range = options().network_delay;
  return Duration(numbers.between(static_cast<std::uint64_t>(range.min.count()),
                                  static_cast<std::uint64_t>(range.max.count())));
}

void Wire::add_host(std::uint32_t node, const std::string& host) {
  for (const auto& [number, other] : hosts_) GREGOR_ASSERT(other.name != host);
  hosts_[node].name = host;
}

std::uint32_t Wire::find(std::uint32_t from, const std::string& host) const {
  if (is_own(host)) return from;
  for (const auto& [node, other] : hosts_) {
    if (other.name == host) return node;
  }
  return no_node;
}

std::uint16_t Wire::take_port(Host& host) {
  for (;;) {
    const std::uint16_t port = host.next_port;
    host.next_port =
        port == UINT16_MAX ? std::uint16_t{32768} : static_cast<std::uint16_t>(port + 1);
    if (!host.listeners.contains(port)) return port;
  }
}

Result<std::shared_ptr<ListenState>> Wire::listen(Context context, const SocketAddress& address) {
  GREGOR_ASSERT(context.life != nullptr);
  Host& host = hosts_.at(context.life->node);
  const auto refuse = [&](int os_error) {
    return fail(
        ErrorCode::network_exception,
        fmt::format("listen on {}:{}: {}", address.host, address.port, std::strerror(os_error)),
        os_error);
  };
  if (!context.life->alive) return refuse(ECONNABORTED);
  if (find(context.life->node, address.host) != context.life->node) return refuse(EADDRNOTAVAIL);
  const std::uint16_t port = address.port == 0 ? take_port(host) : address.port;
  if (host.listeners.contains(port)) return refuse(EADDRINUSE);
  auto listener = std::make_shared<ListenState>();
  listener->life = context.life;
  listener->shard = context.shard;
  listener->local = {address.host, port};
  host.listeners[port] = listener;
  return listener;
}

void Wire::close(ListenState& listener) {
  if (std::exchange(listener.closed, true) || !listener.life->alive) return;
  for (const auto& connection : listener.queue) connection->reset(Side::server);
  listener.queue.clear();
  hosts_.at(listener.life->node).listeners.erase(listener.local.port);
}

void Wire::connect(const std::shared_ptr<ConnectAttempt>& attempt, Instant deadline) {
  const std::uint32_t to = find(attempt->life->node, attempt->to.host);
  const Instant now = scheduler_.now();
  Event timeout{.kind = EventKind::timer,
                .node = attempt->life->node,
                .shard = attempt->shard,
                .life = attempt->life};
  timeout.action = [this, attempt] { finish(*attempt, ETIMEDOUT); };
  attempt->deadline = scheduler_.push(deadline, std::move(timeout));
  Event event{.kind = EventKind::network, .node = to};
  event.action = [this, attempt] { arrive(attempt); };
  scheduler_.push(now + draw_delay(numbers_), std::move(event));
}

void Wire::arrive(const std::shared_ptr<ConnectAttempt>& attempt) {
  const std::uint32_t from = attempt->life->node;
  const std::uint32_t to = find(from, attempt->to.host);
  if (to == no_node) return answer(attempt, from, EHOSTUNREACH);
  if (is_stalled(from, to)) return;  // the attempt runs into its deadline
  Host& host = hosts_.at(to);
  const auto found = host.listeners.find(attempt->to.port);
  const bool refused = !host.up || found == host.listeners.end() ||
                       found->second->queue.size() >= options().listen_backlog ||
                       numbers_.chance(options().refuse_probability);
  if (refused) return answer(attempt, to, ECONNREFUSED);
  ListenState& listener = *found->second;
  attempt->connection = make_connection(*attempt, listener);
  listener.queue.push_back(attempt->connection);
  answer(attempt, to, 0);
  if (listener.acceptor.waiting) {
    const auto kept = found->second;
    scheduler_.run_as({kept->life, kept->shard}, [&] { kept->acceptor.resume(); });
  }
}

std::shared_ptr<Connection> Wire::make_connection(const ConnectAttempt& attempt,
                                                  const ListenState& listener) {
  auto connection = std::make_shared<Connection>(*this, next_connection_);
  connections_[next_connection_++] = connection;
  Host& client_host = hosts_.at(attempt.life->node);
  Endpoint& client = connection->end(Side::client);
  Endpoint& server = connection->end(Side::server);
  client.life = attempt.life;
  client.shard = attempt.shard;
  client.local = {is_own(attempt.to.host) ? attempt.to.host : client_host.name,
                  take_port(client_host)};
  client.peer = attempt.to;
  server.life = listener.life;
  server.local = attempt.to;
  server.peer = client.local;
  return connection;
}

// The answer is the first thing that the server's end sends: what it writes later arrives later.
void Wire::answer(const std::shared_ptr<ConnectAttempt>& attempt, std::uint32_t from,
                  int os_error) {
  const Instant at = scheduler_.now() + draw_delay(numbers_);
  if (attempt->connection) attempt->connection->end(Side::server).last_arrival = at;
  Event event{.kind = EventKind::network, .node = attempt->life->node, .shard = attempt->shard};
  event.action = [this, attempt, from, os_error] {
    if (is_stalled(from, attempt->life->node)) return;
    finish(*attempt, os_error);
  };
  scheduler_.push(at, std::move(event));
}

void Wire::finish(ConnectAttempt& attempt, int os_error) {
  const bool late = std::exchange(attempt.done, true);
  if (late || !attempt.waiter.waiting || !attempt.life->alive) {
    // Nobody wants it any more.
    if (os_error == 0 && attempt.connection) attempt.connection->reset(Side::client);
    return;
  }
  attempt.os_error = os_error;
  scheduler_.cancel(attempt.deadline);
  scheduler_.run_as({attempt.life, attempt.shard}, [&] { attempt.waiter.resume(); });
}

void Wire::resume(std::uint32_t from, std::uint32_t to) {
  stalled_.erase({from, to});
  for (const auto& [number, weak] : connections_) {
    const auto connection = weak.lock();
    if (!connection) continue;
    for (const Side side : {Side::client, Side::server}) {
      const bool concerned =
          connection->end(side).life->node == from && connection->end(other(side)).life->node == to;
      if (concerned) connection->resume_arrivals(side);
    }
  }
}

void Wire::reset_connections(std::uint32_t a, std::uint32_t b) {
  for (const auto& [number, weak] : connections_) {
    const auto connection = weak.lock();
    if (!connection) continue;
    const std::uint32_t client = connection->end(Side::client).life->node;
    const std::uint32_t server = connection->end(Side::server).life->node;
    if ((client != a || server != b) && (client != b || server != a)) continue;
    connection->reset(Side::client);
    connection->reset(Side::server);
  }
}

void Wire::set_down(const Life& life, bool may_half_open) {
  Host& host = hosts_.at(life.node);
  host.up = false;
  std::vector<std::shared_ptr<Connection>> affected;  // keeps the map still
  for (const auto& [number, weak] : connections_) {
    if (auto connection = weak.lock()) affected.push_back(std::move(connection));
  }
  for (const auto& connection : affected) {
    for (const Side side : {Side::client, Side::server}) {
      if (connection->end(side).life != &life) continue;
      const bool half_open = may_half_open && numbers_.chance(options().half_open_probability);
      connection->die(side, !half_open);
    }
  }
  host.listeners.clear();
}

}  // namespace gregor::runtime::simulated
