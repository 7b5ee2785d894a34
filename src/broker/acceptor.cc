#include "broker/acceptor.h"

#include <utility>

#include "base/log.h"

namespace gregor::broker {

Acceptor::Acceptor(runtime::Shard& shard, std::vector<std::unique_ptr<ConnectionSet>>& connections)
    : shard_(shard), connections_(connections) {}

Result<std::vector<config::Listener>> Acceptor::bind(
    const std::vector<config::Listener>& listeners) {
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
    bound.push_back(std::move(real));
    doors_.push_back(std::make_unique<Door>(Door{listener.name, std::move(*made)}));
  }
  return bound;
}

void Acceptor::start() {
  for (auto& door : doors_) tasks_.spawn(accept_all(*door));
}

runtime::Task<void> Acceptor::accept_all(Door& door) {
  while (!stopping_) {
    auto socket = co_await door.listener->accept();
    if (stopping_) co_return;
    if (!socket) {
      log::error("acceptor", "listener {} has failed: {}", door.name, socket.error().detail);
      co_return;
    }
    deal(std::move(*socket), door.name);
  }
}

void Acceptor::deal(std::unique_ptr<runtime::AcceptedSocket> socket, const std::string& listener) {
  const std::uint32_t target = next_shard_++ % shard_.count();
  ConnectionSet* set = connections_[target].get();
  shard_.peer(runtime::ShardId(target)).post([set, listener, taken = std::move(socket)]() mutable {
    set->take(std::move(taken), listener);
  });
}

runtime::Task<void> Acceptor::stop() {
  stopping_ = true;
  for (auto& door : doors_) door->listener->close();
  co_await tasks_.join();
}

}  // namespace gregor::broker
