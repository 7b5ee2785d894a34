#include "runtime/real/socket_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/assert.h"

namespace gregor::runtime::real {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

OsAddress wildcard(std::uint16_t port) {
  OsAddress address;
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe >= 0) {
    ::close(probe);
    const sockaddr_in6 any{AF_INET6, htons(port), 0, IN6ADDR_ANY_INIT, 0};
    std::memcpy(&address.storage, &any, sizeof any);
    address.length = sizeof any;
    return address;
  }
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(port);
  std::memcpy(&address.storage, &any, sizeof any);
  address.length = sizeof any;
  return address;
}

}  // namespace

Result<std::vector<OsAddress>> resolve(const SocketAddress& address, Resolve how) {
  if (address.host.empty()) return std::vector<OsAddress>{wildcard(address.port)};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (how == Resolve::numeric ? AI_NUMERICHOST : 0);
  addrinfo* list = nullptr;
  const int failed =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  if (failed != 0) {
    return fail(ErrorCode::network_exception,
                fmt::format("resolve {}: {}", address.host, ::gai_strerror(failed)),
                failed == EAI_SYSTEM ? errno : 0);
  }
  const std::unique_ptr<addrinfo, FreeAddresses> owner(list);
  std::vector<OsAddress> found;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    OsAddress one;
    GREGOR_ASSERT(each->ai_addrlen <= sizeof one.storage);
    std::memcpy(&one.storage, each->ai_addr, each->ai_addrlen);
    one.length = each->ai_addrlen;
    found.push_back(one);
  }
  std::stable_partition(found.begin(), found.end(),
                        [](const OsAddress& one) { return one.storage.ss_family == AF_INET; });
  return found;
}

SocketAddress to_socket_address(const OsAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(v4.sin_port)};
  }
  if (address.storage.ss_family != AF_INET6) return {};
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof v6);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  return {text.data(), ntohs(v6.sin6_port)};
}

std::string to_text(const SocketAddress& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", address.host, address.port)
               : fmt::format("{}:{}", address.host, address.port);
}

}  // namespace gregor::runtime::real
