// TcpStream: plain TCP. Tries the system call first and goes to the loop only to wait, or when its
// turn is over.
#pragma once

#include <memory>
#include <string>

#include "runtime/network.h"
#include "runtime/real/event_loop.h"
#include "runtime/real/part_cursor.h"
#include "runtime/real/turn.h"

namespace gregor::runtime::real {

/// See Stream. Later operations after close(): os_error ECANCELED.
///
/// Thread:    its loop's. Borrows: the loop, must outlive it.
/// Invariant: destroyed only when no operation is pending, or after the loop has stopped.
class TcpStream final : public Stream {
 public:
  TcpStream(EventLoop& loop, std::unique_ptr<Descriptor> socket, SocketAddress peer)
      : loop_(loop), socket_(std::move(socket)), peer_(std::move(peer)) {}

  Task<Result<std::size_t>> read_some(ByteSpan out) override;
  Task<Result<void>> write(std::span<const ByteView> parts) override;
  [[nodiscard]] bool can_send_file() const override { return true; }
  Task<Result<void>> send_file(const File& file, std::uint64_t position,
                               std::uint64_t size) override;
  void close() override { socket_->close(); }
  [[nodiscard]] const SocketAddress& peer() const override { return peer_; }

 private:
  struct Sent {
    std::size_t bytes = 0;
    int os_error = 0;  // EAGAIN: wait for room
  };
  [[nodiscard]] Sent send_parts(const PartCursor& cursor) const;
  [[nodiscard]] Sent send_from(const File& file, std::uint64_t position, std::uint64_t size) const;
  Task<Result<void>> wait_for_room();
  [[nodiscard]] tl::unexpected<Error> failure(std::string_view what, int os_error) const;

  EventLoop& loop_;
  std::unique_ptr<Descriptor> socket_;
  const SocketAddress peer_;
  Turn read_turn_;
  Turn write_turn_;
  bool drained_ = true;  // the last read took all that was there
};

}  // namespace gregor::runtime::real
