#include "http/server.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "http/host_rule.h"

namespace gregor::http {
namespace {

constexpr std::string_view component = "http";

Response plain(unsigned status, std::string_view text) {
  Response response;
  response.status = status;
  response.body = std::string(text) + "\n";
  return response;
}

}  // namespace

Server::Server(runtime::Shard& shard, ServerLimits limits, Handler handler)
    : shard_(shard),
      limits_(limits),
      handler_(std::move(handler)),
      host_{
          shard, limits.connection,
          [this](const Request& request, bool on_loopback) { return answer(request, on_loopback); },
          [this](unsigned status) { ++answers_[status]; }},
      stopped_(shard) {}

Server::~Server() = default;

Result<std::vector<config::Listener>> Server::bind(const std::vector<config::Listener>& listeners) {
  std::vector<config::Listener> bound;
  for (const config::Listener& listener : listeners) {
    auto made = shard_.network().listen({listener.host, listener.port});
    if (!made) {
      return fail(
          made.error().code,
          "cannot listen on " + config::format_listener(listener) + ": " + made.error().detail,
          made.error().os_error);
    }
    config::Listener real = listener;
    real.port = (*made)->local().port;
    doors_.push_back(std::make_unique<Door>(Door{std::move(*made), is_loopback(listener.host)}));
    bound.push_back(std::move(real));
  }
  return bound;
}

void Server::start() {
  for (auto& door : doors_) tasks_.spawn(accept_all(*door));
}

runtime::Task<void> Server::accept_all(Door& door) {
  while (!stopping_) {
    auto socket = co_await door.listener->accept();
    if (stopping_) co_return;
    if (!socket) {
      log::error(component, "a listener has failed: {}", socket.error().detail);
      co_return;
    }
    auto stream = shard_.network().adopt(std::move(*socket));
    if (!stream) {
      log::warn(component, "a connection could not be taken over: {}", stream.error().detail);
      continue;
    }
    if (make_room()) tasks_.spawn(serve(std::move(*stream), door.on_loopback));
  }
}

// Whoever has waited longest for a request to come goes: so those that send nothing, or one byte at
// a time, can't keep others out.
bool Server::make_room() {
  if (connections_.size() < limits_.connections_max) return true;
  const auto waits = [](const Connection* connection) { return connection->is_waiting(); };
  const auto oldest = std::find_if(connections_.begin(), connections_.end(), waits);
  if (oldest == connections_.end()) return false;
  (*oldest)->abort();
  connections_.erase(oldest);
  return true;
}

runtime::Task<void> Server::serve(std::unique_ptr<runtime::Stream> stream, bool on_loopback) {
  Connection connection(host_, std::move(stream), on_loopback);
  connections_.push_back(&connection);
  co_await connection.serve();
  std::erase(connections_, &connection);
}

runtime::Task<Response> Server::answer(const Request& request, bool on_loopback) {
  if (!is_own_request(request, on_loopback)) {
    co_return plain(403,
                    "this port is asked by its address or as localhost, and not by other pages");
  }
  if (host_.answer_bytes > limits_.answer_bytes_max)
    co_return plain(503, "too many answers at a time");
  co_return co_await handler_(request);
}

runtime::Task<void> Server::stop(runtime::Instant deadline) {
  stopping_ = true;
  for (auto& door : doors_) door->listener->close();
  for (Connection* connection : connections_) connection->stop();
  runtime::TaskGroup watch;
  watch.spawn(abort_at(deadline));
  co_await tasks_.join();
  stopped_.set();
  co_await watch.join();
}

runtime::Task<void> Server::abort_at(runtime::Instant deadline) {
  const bool stopped = co_await stopped_.wait_until(deadline);
  if (stopped) co_return;
  for (Connection* connection : connections_) connection->abort();
}

}  // namespace gregor::http
