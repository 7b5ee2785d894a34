// Addresses of sockets: resolving names, and addresses of the operating system as text.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "runtime/network.h"

namespace gregor::runtime::real {

/// An address as the system calls take it.
struct OsAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

enum class Resolve {
  numeric,  ///< never waits; an error if the host is a name
  name,     ///< may ask the name service, and wait for it
};

/// The addresses of `address`, IPv4 before IPv6 (as Java does by default). An empty host is the
/// wildcard: "::" if the machine has IPv6, else "0.0.0.0".
/// @errors network_exception with the resolver's text
[[nodiscard]] Result<std::vector<OsAddress>> resolve(const SocketAddress& address, Resolve how);

/// Numeric host and port. An IPv4 address that is mapped into IPv6 is shown as IPv4.
[[nodiscard]] SocketAddress to_socket_address(const OsAddress& address);

/// "host:port", with brackets around an IPv6 host.
[[nodiscard]] std::string to_text(const SocketAddress& address);

}  // namespace gregor::runtime::real
