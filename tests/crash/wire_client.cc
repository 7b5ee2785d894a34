#include "crash/wire_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace gregor::crash {
namespace {

constexpr timeval io_timeout{.tv_sec = 30, .tv_usec = 0};
constexpr std::int32_t frame_bytes_max = 256 * 1024 * 1024;

tl::unexpected<Error> network_failure(const char* what) {
  return fail(ErrorCode::network_exception, std::string(what) + ": " + std::strerror(errno), errno);
}

}  // namespace

Result<WireClient> WireClient::connect(const Address& address) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return network_failure("socket");
  WireClient client(socket);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  if (inet_pton(AF_INET, address.host.c_str(), &to.sin_addr) != 1) {
    return fail(ErrorCode::network_exception, address.host + " is no IPv4 address");
  }
  // SO_SNDTIMEO limits connect() as well.
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &io_timeout, sizeof io_timeout);
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &io_timeout, sizeof io_timeout);
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    return network_failure("connect");
  return client;
}

WireClient::~WireClient() {
  if (socket_ >= 0) ::close(socket_);
}

Result<void> WireClient::send(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return network_failure("send");
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return {};
}

bool WireClient::wait_readable(Milliseconds timeout) {
  pollfd one{.fd = socket_, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, static_cast<int>(timeout.count())) > 0;
}

Result<void> WireClient::read_exactly(ByteSpan out) {
  while (!out.empty()) {
    const ssize_t got = ::recv(socket_, out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return network_failure("recv");
    if (got == 0) return fail(ErrorCode::network_exception, "closed by the broker");
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

Result<std::vector<std::byte>> WireClient::receive() {
  std::byte prefix[sizeof(std::int32_t)];
  if (auto done = read_exactly(prefix); !done) return fail(std::move(done.error()));
  const auto size = load_be<std::int32_t>(prefix);
  if (size < 0 || size > frame_bytes_max)
    return fail(ErrorCode::network_exception, "an answer of no sensible size");
  std::vector<std::byte> frame(static_cast<std::size_t>(size));
  if (auto done = read_exactly(frame); !done) return fail(std::move(done.error()));
  return frame;
}

}  // namespace gregor::crash
