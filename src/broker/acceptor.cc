#include "broker/acceptor.h"

#include <utility>

#include "base/log.h"

namespace gregor::broker {
namespace {

runtime::Task<bool> stop_oldest(ConnectionSet& set, std::string but_not_of_listener) {
  co_return set.stop_least_recently_used(but_not_of_listener);
}

}  // namespace

Acceptor::Acceptor(runtime::Shard& shard, std::vector<std::unique_ptr<ConnectionSet>>& connections)
    : shard_(shard), connections_(connections) {}

Result<std::vector<config::Listener>> Acceptor::bind(const std::vector<config::Listener>& listeners,
                                                     const runtime::ListenOptions& options) {
  std::vector<config::Listener> bound;
  for (const config::Listener& listener : listeners) {
    auto made = shard_.network().listen({listener.host, listener.port}, options);
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

void Acceptor::start(ConnectionLimitSettings limits) {
  quotas_.configure(std::move(limits), shard_.clock().now());
  for (auto& door : doors_) tasks_.spawn(accept_all(*door));
}

void Acceptor::configure(ConnectionLimitSettings limits) {
  std::string spared;
  for (const auto& listener : limits.listeners) {
    if (listener.is_protected) spared = listener.name;
  }
  quotas_.configure(std::move(limits), shard_.clock().now());
  wake_doors();
  if (quotas_.excess() > 0) tasks_.spawn(stop_excess(std::move(spared)));
}

runtime::Task<void> Acceptor::accept_all(Door& door) {
  while (!stopping_) {
    auto socket = co_await door.listener->accept();
    if (stopping_) co_return;
    if (!socket) {
      log::error("acceptor", "listener {} has failed: {}", door.name, socket.error().detail);
      co_return;
    }
    while (const auto wait = quotas_.check(door.name, shard_.clock().now())) {
      co_await wait_for_room(door, *wait);
      if (stopping_) co_return;
    }
    const std::string address = (*socket)->peer().host;
    if (const auto refused = quotas_.admit(door.name, address, shard_.clock().now())) {
      refuse(address, *refused);
      continue;
    }
    deal(std::move(*socket), door.name);
    if (quotas_.excess() > 0) co_await stop_one_of_others(door.name);
  }
}

runtime::Task<void> Acceptor::wait_for_room(Door& door, ConnectionQuotas::Wait wait) {
  const std::int64_t now_ns = shard_.clock().now().time_since_epoch().count();
  if (const auto held_back = waiting_lines_.admit(now_ns); held_back >= 0) {
    log::warn("acceptor", "listener {}: {}; new connections wait", door.name, wait.reason);
  }
  runtime::OneShot room(shard_);
  door.waits = &room;
  if (wait.until) {
    co_await room.wait_until(*wait.until);
  } else {
    co_await room.wait();
  }
  door.waits = nullptr;
}

void Acceptor::refuse(const std::string& address, std::int64_t limit) {
  const auto held_back = refusal_lines_.admit(shard_.clock().now().time_since_epoch().count());
  if (held_back < 0) return;
  log::warn("acceptor",
            "a connection from {} is refused: the address has the {} connections that "
            "max.connections.per.ip allows it already ({} more such lines held back)",
            address, limit, held_back);
}

runtime::Task<bool> Acceptor::stop_one_of_others(std::string but_not_of_listener) {
  for (std::uint32_t i = 0; i < shard_.count(); ++i) {
    const std::uint32_t target = next_shard_++ % shard_.count();
    ConnectionSet* set = connections_[target].get();
    auto stop = [set, &but_not_of_listener] { return stop_oldest(*set, but_not_of_listener); };
    const bool stopped = co_await runtime::call_on(shard_, runtime::ShardId(target), stop);
    if (stopped) co_return true;
  }
  co_return false;
}

// They count until they are closed, which is later.
runtime::Task<void> Acceptor::stop_excess(std::string but_not_of_listener) {
  for (std::int64_t count = quotas_.excess(); count > 0 && !stopping_; --count) {
    const bool stopped = co_await stop_one_of_others(but_not_of_listener);
    if (!stopped) co_return;
  }
}

void Acceptor::forget(const std::string& listener, const std::string& address) {
  quotas_.forget(listener, address);
  wake_doors();
}

void Acceptor::wake_doors() {
  for (auto& door : doors_) {
    if (door->waits != nullptr) door->waits->set();
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
  wake_doors();
  co_await tasks_.join();
}

}  // namespace gregor::broker
