// Listeners as Kafka writes them: "NAME://host:port,NAME://[::1]:port".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gregor::config {

enum class SecurityProtocol { plaintext, ssl, sasl_plaintext, sasl_ssl };

[[nodiscard]] std::string_view security_protocol_name(SecurityProtocol protocol);

/// One address under a name. Names are upper case.
struct Listener {
  std::string name;
  std::string host{};  ///< host name, IPv4 or IPv6 address without brackets; "" = all interfaces
  std::uint16_t port = 0;
  SecurityProtocol protocol = SecurityProtocol::plaintext;
  friend bool operator==(const Listener&, const Listener&) = default;
};

/// "NAME://host:port", an IPv6 address in brackets.
[[nodiscard]] std::string format_listener(const Listener& listener);

/// "host:port" to connect to; 127.0.0.1 where the listener takes all interfaces.
[[nodiscard]] std::string address_of(const Listener& listener);

using ProtocolMap = std::map<std::string, SecurityProtocol, std::less<>>;

/// Parses listener.security.protocol.map: "NAME:PROTOCOL,...". Pure; any thread.
/// @errors invalid_config: bad form, unknown protocol, a name twice
[[nodiscard]] Result<ProtocolMap> parse_protocol_map(std::string_view text);

/// Parses a list of listeners and gives each its protocol. `option` is named in errors. Pure; any
/// thread.
/// @errors invalid_config: bad form, port above 65535, a name without a protocol, a protocol that
/// is not there yet (all
///         but PLAINTEXT), a name twice, an empty list
[[nodiscard]] Result<std::vector<Listener>> parse_listeners(std::string_view option,
                                                            std::string_view text,
                                                            const ProtocolMap& protocols);

/// Parses a list of "host:port" (or "http://host:port") of the HTTP port; "" = none. Pure; any
/// thread. @errors invalid_config: bad form, another scheme, port above 65535
[[nodiscard]] Result<std::vector<Listener>> parse_http_listeners(std::string_view option,
                                                                 std::string_view text);

/// Two listeners on one port are refused, unless one is an IPv4 and the other an IPv6 address
/// (KIP-797) or the port is 0.
[[nodiscard]] Result<void> check_ports_differ(const std::vector<Listener>& listeners);

/// The advertised listeners: as given, or the listeners themselves with `host_name` for an empty
/// host.
/// @errors invalid_config: an address that no client can reach (0.0.0.0, ::), a name that does not
/// listen, port 0
[[nodiscard]] Result<std::vector<Listener>> advertise(const std::vector<Listener>& listeners,
                                                      const std::vector<Listener>* advertised,
                                                      std::string_view host_name);

}  // namespace gregor::config
