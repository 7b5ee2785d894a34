#include "runtime/real/tcp_stream.h"

#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/assert.h"
#include "runtime/real/process.h"
#include "runtime/real/socket_address.h"

namespace gregor::runtime::real {
namespace {

// More parts than this in one call gain nothing; the array lives on the stack.
constexpr std::size_t parts_per_call_max = 256;
// No single call holds the loop for longer than the copy of this much takes (about 0.2 ms).
constexpr std::size_t bytes_per_call_max = 1024 * 1024;

bool would_block(int os_error) { return os_error == EAGAIN || os_error == EWOULDBLOCK; }

}  // namespace

tl::unexpected<Error> TcpStream::failure(std::string_view what, int os_error) const {
  return fail(os_failure(ErrorCode::network_exception, what, to_text(peer_), os_error));
}

Task<Result<std::size_t>> TcpStream::read_some(ByteSpan out) {
  GREGOR_ASSERT(!out.empty());
  if (socket_->is_closed()) co_return failure("read from", ECANCELED);
  if (!drained_ && !read_turn_.is_over()) {
    const ssize_t got = ::recv(socket_->number(), out.data(), out.size(), MSG_DONTWAIT);
    if (got < 0 && !would_block(errno) && errno != EINTR) co_return failure("read from", errno);
    if (got >= 0) {
      const auto bytes = static_cast<std::size_t>(got);
      read_turn_.spend(bytes);
      drained_ = bytes < out.size();
      co_return bytes;
    }
  }
  ReadOperation operation{*socket_, out};
  const Completion& completion = co_await operation;
  if (completion.os_error == ECANCELED || socket_->is_closed())
    co_return failure("read from", ECANCELED);
  read_turn_.renew();
  if (completion.os_error != 0) co_return failure("read from", completion.os_error);
  drained_ = completion.bytes < out.size();
  co_return completion.bytes;
}

Task<Result<void>> TcpStream::wait_for_room() {
  WritableWait wait{*socket_};
  const Completion& completion = co_await wait;
  if (completion.os_error == ECANCELED || socket_->is_closed())
    co_return failure("write to", ECANCELED);
  write_turn_.renew();
  if (completion.os_error != 0) co_return failure("write to", completion.os_error);
  co_return Result<void>();
}

TcpStream::Sent TcpStream::send_parts(const PartCursor& cursor) const {
  std::array<iovec, parts_per_call_max> vectors;
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = cursor.fill(vectors, bytes_per_call_max);
  constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  while (true) {
    const ssize_t sent = message.msg_iovlen == 1 ? ::send(socket_->number(), vectors[0].iov_base,
                                                          vectors[0].iov_len, flags)
                                                 : ::sendmsg(socket_->number(), &message, flags);
    if (sent >= 0) return {static_cast<std::size_t>(sent), 0};
    if (errno != EINTR) return {0, errno};
  }
}

Task<Result<void>> TcpStream::write(std::span<const ByteView> parts) {
  PartCursor cursor(parts);
  while (!cursor.at_end()) {
    if (socket_->is_closed()) co_return failure("write to", ECANCELED);
    const Sent sent = send_parts(cursor);
    if (would_block(sent.os_error)) {
      const auto room = co_await wait_for_room();
      if (!room) co_return room;
      continue;
    }
    if (sent.os_error != 0) co_return failure("write to", sent.os_error);
    cursor.advance(sent.bytes);
    write_turn_.spend(sent.bytes);
    if (!write_turn_.is_over()) continue;
    write_turn_.renew();
    NextTurn next{loop_};
    co_await next;
  }
  co_return Result<void>();
}

TcpStream::Sent TcpStream::send_from(const File& file, std::uint64_t position,
                                     std::uint64_t size) const {
  auto offset = static_cast<off_t>(position);
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(size, bytes_per_call_max));
  while (true) {
    const ssize_t sent = ::sendfile(socket_->number(), file.descriptor(), &offset, count);
    if (sent >= 0) return {static_cast<std::size_t>(sent), 0};
    if (errno != EINTR) return {0, errno};
  }
}

Task<Result<void>> TcpStream::send_file(const File& file, std::uint64_t position,
                                        std::uint64_t size) {
  GREGOR_ASSERT(file.descriptor() >= 0);
  while (size > 0) {
    if (socket_->is_closed()) co_return failure("write to", ECANCELED);
    const Sent sent = send_from(file, position, size);
    if (would_block(sent.os_error)) {
      const auto room = co_await wait_for_room();
      if (!room) co_return room;
      continue;
    }
    if (sent.os_error == EIO) {
      co_return fail(
          os_failure(ErrorCode::kafka_storage_error, "send a file to", to_text(peer_), EIO));
    }
    if (sent.os_error != 0) co_return failure("send a file to", sent.os_error);
    if (sent.bytes == 0) {
      co_return fail(ErrorCode::kafka_storage_error,
                     "a file is shorter than what was to be sent of it");
    }
    position += sent.bytes;
    size -= sent.bytes;
    write_turn_.spend(sent.bytes);
    if (!write_turn_.is_over()) continue;
    write_turn_.renew();
    NextTurn next{loop_};
    co_await next;
  }
  co_return Result<void>();
}

}  // namespace gregor::runtime::real
