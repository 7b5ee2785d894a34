// TcpNetwork and TcpListener: sockets of one shard.
#pragma once

#include <memory>

#include "base/log.h"
#include "runtime/network.h"
#include "runtime/real/event_loop.h"
#include "runtime/real/socket_address.h"
#include "runtime/real/turn.h"
#include "runtime/shard.h"

namespace gregor::runtime::real {

/// Thread: any; owned by one at a time.
class TcpAcceptedSocket final : public AcceptedSocket {
 public:
  TcpAcceptedSocket(int descriptor, SocketAddress peer)
      : descriptor_(descriptor), peer_(std::move(peer)) {}
  ~TcpAcceptedSocket() override;
  TcpAcceptedSocket(const TcpAcceptedSocket&) = delete;
  TcpAcceptedSocket& operator=(const TcpAcceptedSocket&) = delete;

  /// Gives the descriptor away. @return once the descriptor, then -1.
  [[nodiscard]] int release() { return std::exchange(descriptor_, -1); }
  [[nodiscard]] const SocketAddress& peer() const override { return peer_; }

 private:
  int descriptor_;
  SocketAddress peer_;
};

/// Waits for connections. When the process has no descriptors left it pauses and tries again; the
/// kernel's queue holds those that wait.
///
/// Thread:    its shard's. Borrows: the shard.
/// Invariant: destroyed only when no accept() is pending, or after the loop has stopped.
class TcpListener final : public Listener {
 public:
  TcpListener(Shard& shard, EventLoop& loop, std::unique_ptr<Descriptor> socket,
              SocketAddress local)
      : shard_(shard), loop_(loop), socket_(std::move(socket)), local_(std::move(local)) {}

  Task<Result<std::unique_ptr<AcceptedSocket>>> accept() override;
  void close() override;
  [[nodiscard]] SocketAddress local() const override { return local_; }

 private:
  Task<void> pause(int os_error);
  [[nodiscard]] tl::unexpected<Error> failure(int os_error) const;

  Shard& shard_;
  EventLoop& loop_;
  std::unique_ptr<Descriptor> socket_;
  const SocketAddress local_;
  Turn turn_;
  OneShot* pause_ = nullptr;  // in the frame of the accept() that pauses
  log::RateLimit pause_lines_{1};
};

/// Thread: its shard's. Borrows: shard and loop.
class TcpNetwork final : public Network {
 public:
  TcpNetwork(Shard& shard, EventLoop& loop) : shard_(shard), loop_(loop) {}

  /// May wait for the name service if the host is a name: called at start, before anything is
  /// served.
  [[nodiscard]] Result<std::unique_ptr<Listener>> listen(const SocketAddress& address,
                                                         const ListenOptions& options) override;
  using Network::listen;
  [[nodiscard]] Result<std::unique_ptr<Stream>> adopt(
      std::unique_ptr<AcceptedSocket> socket) override;
  /// Tries the addresses of a name one after the other. @errors network_exception; os_error
  /// ETIMEDOUT at the deadline
  Task<Result<std::unique_ptr<Stream>>> connect(SocketAddress address, Instant deadline) override;

 private:
  [[nodiscard]] Result<std::unique_ptr<Listener>> listen_on(const OsAddress& address,
                                                            const ListenOptions& options);
  Task<Result<std::unique_ptr<Stream>>> connect_to(OsAddress address, Instant deadline);
  Task<Result<std::vector<OsAddress>>> find(SocketAddress address);

  Shard& shard_;
  EventLoop& loop_;
};

}  // namespace gregor::runtime::real
