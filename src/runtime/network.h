// Byte streams and listeners, behind an interface with a real and a simulated version.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "runtime/clock.h"
#include "runtime/file_system.h"
#include "runtime/task.h"

namespace gregor::runtime {

struct SocketAddress {
  std::string host;  ///< numeric address or host name
  std::uint16_t port = 0;
};

/// One connected byte stream (plain TCP now; TLS later has the same interface).
///
/// Thread: the shard that adopted it. One read and one write may be pending at the same time.
/// Errors: network_exception; os_error 0 means that the peer closed in order.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Waits until at least one byte is there, reads up to out.size(). @return bytes read; 0 = the
  /// peer closed in order.
  virtual Task<Result<std::size_t>> read_some(ByteSpan out) = 0;
  /// Writes all parts in order; ends when the last byte is in the socket's buffer.
  virtual Task<Result<void>> write(std::span<const ByteView> parts) = 0;
  /// True if send_file works on this transport (plain TCP: yes; TLS: no).
  [[nodiscard]] virtual bool can_send_file() const = 0;
  /// Sends [position, position + size) of `file` without copying it through user space. Ends when
  /// all is sent. If the file turns out shorter: error kafka_storage_error; the caller must close
  /// the stream, never pad.
  virtual Task<Result<void>> send_file(const File& file, std::uint64_t position,
                                       std::uint64_t size) = 0;
  /// Fails pending and later operations; may be called at any time.
  virtual void close() = 0;
  [[nodiscard]] virtual const SocketAddress& peer() const = 0;
};

/// A connection taken from the listen queue, not yet bound to a shard. Movable between threads;
/// closes if dropped.
class AcceptedSocket {
 public:
  virtual ~AcceptedSocket() = default;
  /// Who is at the other end; a numeric host.
  [[nodiscard]] virtual const SocketAddress& peer() const = 0;
};

/// Thread: the shard that made it.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual Task<Result<std::unique_ptr<AcceptedSocket>>> accept() = 0;
  virtual void close() = 0;
  [[nodiscard]] virtual SocketAddress local() const = 0;  ///< with the real port if 0 was asked for
};

/// Sizes in bytes as SO_SNDBUF and SO_RCVBUF take them, for accepted connections; -1 leaves them to
/// the system.
struct ListenOptions {
  int backlog = 1024;  ///< connections that wait to be accepted; cut by the kernel to somaxconn
  int send_buffer_bytes = -1;
  int receive_buffer_bytes = -1;
};

/// Thread: one shard.
class Network {
 public:
  virtual ~Network() = default;
  /// Binds and listens. @errors network_exception with EADDRINUSE, EACCES, ...
  [[nodiscard]] virtual Result<std::unique_ptr<Listener>> listen(const SocketAddress& address,
                                                                 const ListenOptions& options) = 0;
  [[nodiscard]] Result<std::unique_ptr<Listener>> listen(const SocketAddress& address) {
    return listen(address, {});
  }
  /// Binds an accepted socket to this shard.
  [[nodiscard]] virtual Result<std::unique_ptr<Stream>> adopt(
      std::unique_ptr<AcceptedSocket> socket) = 0;
  virtual Task<Result<std::unique_ptr<Stream>>> connect(SocketAddress address,
                                                        Instant deadline) = 0;
};

}  // namespace gregor::runtime
