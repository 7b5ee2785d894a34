#include "runtime/real/tcp_network.h"

#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "runtime/real/process.h"
#include "runtime/real/tcp_stream.h"

namespace gregor::runtime::real {
namespace {

constexpr Duration pause_without_descriptors = std::chrono::milliseconds(100);

tl::unexpected<Error> failure_at(std::string_view what, const SocketAddress& address,
                                 int os_error) {
  return fail(os_failure(ErrorCode::network_exception, what, to_text(address), os_error));
}

bool set_option(int descriptor, int level, int option, int value) {
  return ::setsockopt(descriptor, level, option, &value, sizeof value) == 0;
}

/// @return a non-blocking TCP socket for the family of `address`
Result<int> make_socket(const OsAddress& address) {
  const int made =
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (made < 0) return failure_at("make a socket for", to_socket_address(address), errno);
  return made;
}

// Errors of accept() that concern one connection which is gone already (accept(2), "Error
// handling").
bool is_of_one_connection(int os_error) {
  switch (os_error) {
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:
      return true;
    default:
      return false;
  }
}

bool is_shortage(int os_error) {
  return os_error == EMFILE || os_error == ENFILE || os_error == ENOBUFS || os_error == ENOMEM;
}

}  // namespace

TcpAcceptedSocket::~TcpAcceptedSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

tl::unexpected<Error> TcpListener::failure(int os_error) const {
  return failure_at("accept on", local_, os_error);
}

Task<Result<std::unique_ptr<AcceptedSocket>>> TcpListener::accept() {
  while (!socket_->is_closed()) {
    if (turn_.is_over()) {
      turn_.renew();
      NextTurn next{loop_};
      co_await next;
      continue;
    }
    turn_.spend(0);
    OsAddress from;
    from.length = sizeof from.storage;
    const int descriptor = ::accept4(socket_->number(), reinterpret_cast<sockaddr*>(&from.storage),
                                     &from.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0)
      co_return std::make_unique<TcpAcceptedSocket>(descriptor, to_socket_address(from));
    const int os_error = errno;
    if (os_error == EAGAIN || os_error == EWOULDBLOCK) {
      ReadableWait wait{*socket_};
      const Completion& completion = co_await wait;
      if (completion.os_error != 0) co_return failure(completion.os_error);
      turn_.renew();
    } else if (is_shortage(os_error)) {
      co_await pause(os_error);
    } else if (!is_of_one_connection(os_error)) {
      co_return failure(os_error);
    }
  }
  co_return failure(ECANCELED);
}

Task<void> TcpListener::pause(int os_error) {
  const Instant now = shard_.clock().now();
  if (const auto held_back = pause_lines_.admit(now.time_since_epoch().count()); held_back >= 0) {
    log::warn("network", "{}; connections wait until there is room",
              failure(os_error).value().detail);
  }
  OneShot closed(shard_);
  pause_ = &closed;
  const Instant deadline = now + pause_without_descriptors;
  co_await closed.wait_until(deadline);
  pause_ = nullptr;
}

void TcpListener::close() {
  socket_->close();
  if (pause_ != nullptr) pause_->set();
}

Result<std::unique_ptr<Listener>> TcpNetwork::listen(const SocketAddress& address,
                                                     const ListenOptions& options) {
  auto found = resolve(address, Resolve::numeric);
  if (!found) found = resolve(address, Resolve::name);
  if (!found) return fail(std::move(found.error()));
  Result<std::unique_ptr<Listener>> listener =
      fail(ErrorCode::network_exception, address.host + " has no address");
  for (const OsAddress& each : *found) {
    listener = listen_on(each, options);
    if (listener) break;
  }
  return listener;
}

Result<std::unique_ptr<Listener>> TcpNetwork::listen_on(const OsAddress& address,
                                                        const ListenOptions& options) {
  const auto made = make_socket(address);
  if (!made) return fail(made.error());
  const int number = *made;
  auto socket = loop_.watch(number);
  if (!socket) return fail(std::move(socket.error()));
  const SocketAddress asked = to_socket_address(address);
  bool ok = set_option(number, SOL_SOCKET, SO_REUSEADDR, 1);
  // "::" takes IPv4 as well, whatever net.ipv6.bindv6only says.
  if (address.storage.ss_family == AF_INET6)
    ok = ok && set_option(number, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  // Accepted sockets inherit these.
  if (options.send_buffer_bytes > 0)
    ok = ok && set_option(number, SOL_SOCKET, SO_SNDBUF, options.send_buffer_bytes);
  if (options.receive_buffer_bytes > 0)
    ok = ok && set_option(number, SOL_SOCKET, SO_RCVBUF, options.receive_buffer_bytes);
  if (!ok) return failure_at("prepare to listen on", asked, errno);
  if (::bind(number, address.get(), address.length) != 0) return failure_at("bind", asked, errno);
  if (::listen(number, options.backlog) != 0) return failure_at("listen on", asked, errno);
  OsAddress local;
  local.length = sizeof local.storage;
  if (::getsockname(number, reinterpret_cast<sockaddr*>(&local.storage), &local.length) != 0) {
    return failure_at("get the port of", asked, errno);
  }
  return std::make_unique<TcpListener>(shard_, loop_, std::move(*socket), to_socket_address(local));
}

Result<std::unique_ptr<Stream>> TcpNetwork::adopt(std::unique_ptr<AcceptedSocket> socket) {
  auto& accepted = static_cast<TcpAcceptedSocket&>(*socket);  // this network makes no others
  const int number = accepted.release();
  GREGOR_ASSERT(number >= 0);
  auto watched = loop_.watch(number);
  if (!watched) return fail(std::move(watched.error()));
  if (!set_option(number, IPPROTO_TCP, TCP_NODELAY, 1))
    return failure_at("prepare", accepted.peer(), errno);
  return std::make_unique<TcpStream>(loop_, std::move(*watched), accepted.peer());
}

Task<Result<std::vector<OsAddress>>> TcpNetwork::find(SocketAddress address) {
  auto found = resolve(address, Resolve::numeric);
  if (found) co_return found;
  auto ask = [&address] { return resolve(address, Resolve::name); };
  co_return co_await offload(shard_, std::move(ask));
}

Task<Result<std::unique_ptr<Stream>>> TcpNetwork::connect(SocketAddress address, Instant deadline) {
  auto found = co_await find(address);
  if (!found) co_return fail(std::move(found.error()));
  Result<std::unique_ptr<Stream>> stream =
      fail(ErrorCode::network_exception, address.host + " has no address");
  for (const OsAddress& each : *found) {
    stream = co_await connect_to(each, deadline);
    if (stream) break;
  }
  co_return stream;
}

Task<Result<std::unique_ptr<Stream>>> TcpNetwork::connect_to(OsAddress address, Instant deadline) {
  const SocketAddress peer = to_socket_address(address);
  if (shard_.clock().now() >= deadline) co_return failure_at("connect to", peer, ETIMEDOUT);
  const auto made = make_socket(address);
  if (!made) co_return fail(made.error());
  auto socket = loop_.watch(*made);
  if (!socket) co_return fail(std::move(socket.error()));
  Descriptor& descriptor = **socket;
  if (::connect(descriptor.number(), address.get(), address.length) != 0) {
    if (errno != EINPROGRESS) co_return failure_at("connect to", peer, errno);
    const TimerId timer = shard_.start_timer(deadline, [&descriptor] { descriptor.cancel(); });
    WritableWait wait{descriptor};
    const Completion& completion = co_await wait;
    shard_.cancel_timer(timer);
    if (completion.os_error == ECANCELED) co_return failure_at("connect to", peer, ETIMEDOUT);
    if (completion.os_error != 0) co_return failure_at("connect to", peer, completion.os_error);
    int os_error = 0;
    socklen_t length = sizeof os_error;
    if (::getsockopt(descriptor.number(), SOL_SOCKET, SO_ERROR, &os_error, &length) != 0)
      os_error = errno;
    if (os_error != 0) co_return failure_at("connect to", peer, os_error);
  }
  if (!set_option(descriptor.number(), IPPROTO_TCP, TCP_NODELAY, 1))
    co_return failure_at("prepare", peer, errno);
  co_return std::make_unique<TcpStream>(loop_, std::move(*socket), peer);
}

}  // namespace gregor::runtime::real
