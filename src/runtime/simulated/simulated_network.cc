#include "runtime/simulated/simulated_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace gregor::runtime::simulated {
namespace {

using ConnectionPointer = std::shared_ptr<Connection>;

// The coroutines are free functions that share the connection, so that they outlive their stream.

Task<Result<std::size_t>> read_from(ConnectionPointer connection, Side side, ByteSpan out) {
  if (connection->yields(side, &Endpoint::reader)) {
    SlotWait turn(connection->end(side).reader);
    co_await turn;
  }
  for (;;) {
    auto result = connection->try_read(side, out);
    if (result) co_return std::move(*result);
    SlotWait wait(connection->end(side).reader);
    co_await wait;
  }
}

Task<Result<void>> write_all(ConnectionPointer connection, Side side, ByteView bytes) {
  if (connection->yields(side, &Endpoint::writer)) {
    SlotWait turn(connection->end(side).writer);
    co_await turn;
  }
  for (;;) {
    const auto written = connection->try_write(side, bytes);
    if (!written) co_return fail(written.error());
    bytes = bytes.subspan(*written);
    if (bytes.empty()) co_return Result<void>();
    SlotWait wait(connection->end(side).writer);
    co_await wait;
  }
}

Task<Result<void>> write_parts(ConnectionPointer connection, Side side,
                               std::span<const ByteView> parts) {
  for (const ByteView& part : parts) {
    const auto written = co_await write_all(connection, side, part);
    if (!written) co_return written;
  }
  co_return Result<void>();
}

Task<Result<void>> write_file(ConnectionPointer connection, Side side, const File* file,
                              std::uint64_t position, std::uint64_t size) {
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(size, 64 * 1024)));
  while (size > 0) {
    const ByteSpan piece = ByteSpan(buffer).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer.size())));
    const auto got = file->read_at(position, piece);
    if (!got) co_return fail(got.error());
    if (*got == 0)
      co_return fail(ErrorCode::kafka_storage_error, "send file: it is shorter than asked");
    const auto written = co_await write_all(connection, side, piece.first(*got));
    if (!written) co_return written;
    position += *got;
    size -= *got;
  }
  co_return Result<void>();
}

class SimulatedStream final : public Stream {
 public:
  SimulatedStream(ConnectionPointer connection, Side side)
      : connection_(std::move(connection)), side_(side), peer_(connection_->end(side).peer) {}
  SimulatedStream(const SimulatedStream&) = delete;
  SimulatedStream& operator=(const SimulatedStream&) = delete;
  ~SimulatedStream() override { connection_->close(side_); }

  Task<Result<std::size_t>> read_some(ByteSpan out) override {
    GREGOR_ASSERT(!out.empty());
    return read_from(connection_, side_, out);
  }
  Task<Result<void>> write(std::span<const ByteView> parts) override {
    return write_parts(connection_, side_, parts);
  }
  bool can_send_file() const override { return true; }
  Task<Result<void>> send_file(const File& file, std::uint64_t position,
                               std::uint64_t size) override {
    return write_file(connection_, side_, &file, position, size);
  }
  void close() override { connection_->close(side_); }
  const SocketAddress& peer() const override { return peer_; }

 private:
  const ConnectionPointer connection_;
  const Side side_;
  const SocketAddress peer_;
};

class SimulatedSocket final : public AcceptedSocket {
 public:
  explicit SimulatedSocket(ConnectionPointer connection) : connection_(std::move(connection)) {}
  SimulatedSocket(const SimulatedSocket&) = delete;
  SimulatedSocket& operator=(const SimulatedSocket&) = delete;
  ~SimulatedSocket() override {
    if (connection_) connection_->close(Side::server);
  }
  ConnectionPointer release() { return std::exchange(connection_, nullptr); }
  const SocketAddress& peer() const override { return connection_->end(Side::server).peer; }

 private:
  ConnectionPointer connection_;
};

Error accept_failure(const ListenState& listener, int os_error) {
  return {ErrorCode::network_exception,
          fmt::format("accept on {}:{}: {}", listener.local.host, listener.local.port,
                      std::strerror(os_error)),
          os_error};
}

Task<Result<std::unique_ptr<AcceptedSocket>>> accept_from(std::shared_ptr<ListenState> listener) {
  while (!listener->closed && listener->queue.empty()) {
    SlotWait wait(listener->acceptor);
    co_await wait;
  }
  if (listener->closed) co_return fail(accept_failure(*listener, ECANCELED));
  if (!listener->life->alive) co_return fail(accept_failure(*listener, ECONNABORTED));
  auto socket = std::make_unique<SimulatedSocket>(std::move(listener->queue.front()));
  listener->queue.pop_front();
  co_return Result<std::unique_ptr<AcceptedSocket>>(std::move(socket));
}

class SimulatedListener final : public Listener {
 public:
  SimulatedListener(Wire& wire, std::shared_ptr<ListenState> state)
      : wire_(wire), state_(std::move(state)) {}
  SimulatedListener(const SimulatedListener&) = delete;
  SimulatedListener& operator=(const SimulatedListener&) = delete;
  ~SimulatedListener() override { close(); }

  Task<Result<std::unique_ptr<AcceptedSocket>>> accept() override { return accept_from(state_); }
  void close() override {
    wire_.close(*state_);
    if (!state_->acceptor.waiting) return;
    Event event{.kind = EventKind::wake,
                .node = state_->life->node,
                .shard = state_->shard,
                .life = state_->life};
    event.action = [state = state_] { state->acceptor.resume(); };
    wire_.scheduler().push(wire_.scheduler().now(), std::move(event));
  }
  SocketAddress local() const override { return state_->local; }

 private:
  Wire& wire_;
  const std::shared_ptr<ListenState> state_;
};

Task<Result<std::unique_ptr<Stream>>> connect_to(Wire* wire,
                                                 std::shared_ptr<ConnectAttempt> attempt,
                                                 Instant deadline) {
  if (attempt->life->alive) wire->connect(attempt, deadline);
  SlotWait wait(attempt->waiter);
  co_await wait;
  if (attempt->os_error != 0) {
    co_return fail(ErrorCode::network_exception,
                   fmt::format("connect to {}:{}: {}", attempt->to.host, attempt->to.port,
                               std::strerror(attempt->os_error)),
                   attempt->os_error);
  }
  auto connection = std::exchange(attempt->connection, nullptr);
  co_return std::make_unique<SimulatedStream>(std::move(connection), Side::client);
}

}  // namespace

Result<std::unique_ptr<Listener>> SimulatedNetwork::listen(const SocketAddress& address,
                                                           const ListenOptions&) {
  auto state = wire_.listen(context_, address);
  if (!state) return fail(std::move(state.error()));
  return std::make_unique<SimulatedListener>(wire_, std::move(*state));
}

Result<std::unique_ptr<Stream>> SimulatedNetwork::adopt(std::unique_ptr<AcceptedSocket> socket) {
  auto connection =
      static_cast<SimulatedSocket&>(*socket).release();  // this network makes no others
  GREGOR_ASSERT(connection != nullptr);
  Endpoint& end = connection->end(Side::server);
  GREGOR_ASSERT(end.shard == no_shard && end.life->node == context_.life->node);
  end.shard = context_.shard;
  return std::make_unique<SimulatedStream>(std::move(connection), Side::server);
}

Task<Result<std::unique_ptr<Stream>>> SimulatedNetwork::connect(SocketAddress address,
                                                                Instant deadline) {
  auto attempt = std::make_shared<ConnectAttempt>();
  attempt->life = context_.life;
  attempt->shard = context_.shard;
  attempt->to = std::move(address);
  return connect_to(&wire_, std::move(attempt), deadline);
}

}  // namespace gregor::runtime::simulated
