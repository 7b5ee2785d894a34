#include "config/listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "config/option_value.h"

namespace gregor::config {
namespace {

tl::unexpected<Error> invalid(std::string text) {
  return fail(ErrorCode::invalid_config, std::move(text));
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  }
  return out;
}

std::optional<SecurityProtocol> protocol_by_name(std::string_view name) {
  for (const auto protocol : {SecurityProtocol::plaintext, SecurityProtocol::ssl,
                              SecurityProtocol::sasl_plaintext, SecurityProtocol::sasl_ssl}) {
    if (security_protocol_name(protocol) == name) return protocol;
  }
  return std::nullopt;
}

bool is_host(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '%' || c == '.' || c == '_' || c == ':';
  });
}

bool is_ipv6(const std::string& host) { return host.find(':') != std::string::npos; }

bool is_ipv4(std::string_view host) {
  const auto parts = split_list(host, '.');
  return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
           return !part.empty() && part.size() <= 3 &&
                  std::all_of(part.begin(), part.end(),
                              [](char c) { return c >= '0' && c <= '9'; });
         });
}

/// Splits "NAME://host:port"; nullopt if it has another form. The port may be anything numeric.
struct Parts {
  std::string name, host;
  std::int64_t port = 0;
};

std::optional<Parts> split_listener(std::string_view entry) {
  const auto scheme = entry.find("://");
  if (scheme == std::string_view::npos || scheme == 0) return std::nullopt;
  std::string_view address = entry.substr(scheme + 3);
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  if (!host.empty() && host.front() == '[') {
    if (host.size() < 3 || host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
  }
  Parts parts{.name = upper(trim(entry.substr(0, scheme))), .host = std::string(host)};
  const char* end = port.data() + port.size();
  const auto [stopped, error] = std::from_chars(port.data(), end, parts.port);
  if (error != std::errc{} || stopped != end || port.empty() || !is_host(host)) return std::nullopt;
  return parts;
}

/// An address that means "all interfaces" and that no client can connect to.
bool is_wildcard(std::string_view host) {
  return host == "0.0.0.0" || host == "::" || host == "0:0:0:0:0:0:0:0";
}

const Listener* find_listener(const std::vector<Listener>& listeners, std::string_view name) {
  const auto found = std::find_if(listeners.begin(), listeners.end(),
                                  [&](const Listener& l) { return l.name == name; });
  return found == listeners.end() ? nullptr : &*found;
}

Result<Listener> parse_listener(std::string_view option, const std::string& entry,
                                const ProtocolMap& protocols) {
  const auto parts = split_listener(entry);
  if (!parts) {
    return invalid(
        fmt::format("{}: \"{}\" is not of the form NAME://host:port (an IPv6 address in brackets)",
                    option, entry));
  }
  if (parts->port < 0 || parts->port > 65535) {
    return invalid(fmt::format("{}: port {} of \"{}\" is not between 0 and 65535", option,
                               parts->port, entry));
  }
  const auto protocol = protocols.find(parts->name);
  if (protocol == protocols.end()) {
    return invalid(
        fmt::format("{}: no security protocol is defined for listener {}: add it to "
                    "listener.security.protocol.map",
                    option, parts->name));
  }
  if (protocol->second != SecurityProtocol::plaintext) {
    return invalid(fmt::format(
        "{}: listener {} asks for {}, which this version does not have yet; only PLAINTEXT works",
        option, parts->name, security_protocol_name(protocol->second)));
  }
  return Listener{.name = parts->name,
                  .host = parts->host,
                  .port = static_cast<std::uint16_t>(parts->port),
                  .protocol = protocol->second};
}

}  // namespace

std::string_view security_protocol_name(SecurityProtocol protocol) {
  switch (protocol) {
    case SecurityProtocol::plaintext:
      return "PLAINTEXT";
    case SecurityProtocol::ssl:
      return "SSL";
    case SecurityProtocol::sasl_plaintext:
      return "SASL_PLAINTEXT";
    case SecurityProtocol::sasl_ssl:
      return "SASL_SSL";
  }
  return "";
}

std::string format_listener(const Listener& listener) {
  const auto host = is_ipv6(listener.host) ? "[" + listener.host + "]" : listener.host;
  return fmt::format("{}://{}:{}", listener.name, host, listener.port);
}

std::string address_of(const Listener& listener) {
  const bool is_open = listener.host.empty() || is_wildcard(listener.host);
  const std::string host = is_open ? "127.0.0.1" : listener.host;
  return fmt::format(fmt::runtime(is_ipv6(host) ? "[{}]:{}" : "{}:{}"), host, listener.port);
}

Result<ProtocolMap> parse_protocol_map(std::string_view text) {
  ProtocolMap protocols;
  for (const auto& entry : split_list(text)) {
    const auto colon = entry.rfind(':');
    if (colon == std::string::npos || colon == 0) {
      return invalid(fmt::format(
          "listener.security.protocol.map: \"{}\" is not of the form NAME:PROTOCOL", entry));
    }
    const auto protocol = protocol_by_name(upper(trim(std::string_view(entry).substr(colon + 1))));
    if (!protocol) {
      return invalid(
          fmt::format("listener.security.protocol.map: \"{}\" names no protocol of PLAINTEXT, SSL, "
                      "SASL_PLAINTEXT, SASL_SSL",
                      entry));
    }
    const auto name = upper(trim(std::string_view(entry).substr(0, colon)));
    if (!protocols.emplace(name, *protocol).second) {
      return invalid(fmt::format("listener.security.protocol.map: listener {} occurs twice", name));
    }
  }
  return protocols;
}

Result<std::vector<Listener>> parse_listeners(std::string_view option, std::string_view text,
                                              const ProtocolMap& protocols) {
  std::vector<Listener> listeners;
  for (const auto& entry : split_list(text)) {
    auto listener = parse_listener(option, entry, protocols);
    if (!listener) return fail(std::move(listener.error()));
    if (find_listener(listeners, listener->name) != nullptr) {
      return invalid(fmt::format("{}: each listener must have a different name, {} occurs twice",
                                 option, listener->name));
    }
    listeners.push_back(std::move(*listener));
  }
  if (listeners.empty()) return invalid(fmt::format("{}: at least one listener is needed", option));
  return listeners;
}

Result<std::vector<Listener>> parse_http_listeners(std::string_view option, std::string_view text) {
  std::vector<Listener> listeners;
  for (const auto& entry : split_list(text)) {
    if (entry.empty()) continue;
    const bool has_scheme = entry.find("://") != std::string::npos;
    const auto parts = split_listener(has_scheme ? entry : "HTTP://" + entry);
    if (!parts || parts->name != "HTTP" || parts->port < 0 || parts->port > 65535) {
      return invalid(
          fmt::format("{}: \"{}\" is not of the form host:port with a port up to 65535 (an IPv6 "
                      "address in brackets)",
                      option, entry));
    }
    listeners.push_back({.name = parts->name,
                         .host = parts->host,
                         .port = static_cast<std::uint16_t>(parts->port)});
  }
  return listeners;
}

Result<void> check_ports_differ(const std::vector<Listener>& listeners) {
  std::set<std::uint16_t> shared;  // ports that an IPv4 and an IPv6 address use already
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    for (std::size_t j = i + 1; j < listeners.size(); ++j) {
      const Listener& a = listeners[i];
      const Listener& b = listeners[j];
      if (a.port != b.port || a.port == 0) continue;
      const bool both_families =
          (is_ipv4(a.host) && is_ipv6(b.host)) || (is_ipv6(a.host) && is_ipv4(b.host));
      if (!both_families || !shared.insert(a.port).second) {
        return invalid(fmt::format(
            "listeners: {} and {} have the same port; each listener needs its own, except one IPv4 "
            "and one IPv6 address",
            format_listener(a), format_listener(b)));
      }
    }
  }
  return {};
}

Result<std::vector<Listener>> advertise(const std::vector<Listener>& listeners,
                                        const std::vector<Listener>* advertised,
                                        std::string_view host_name) {
  std::vector<Listener> result = advertised != nullptr ? *advertised : listeners;
  for (auto& listener : result) {
    if (find_listener(listeners, listener.name) == nullptr) {
      return invalid(fmt::format("advertised.listeners: {} is not one of the names in listeners",
                                 listener.name));
    }
    if (listener.host.empty()) listener.host = host_name;
    if (is_wildcard(listener.host)) {
      return invalid(fmt::format(
          "advertised.listeners: {} cannot be reached by any client; {}", format_listener(listener),
          advertised != nullptr ? "use an address of this machine"
                                : "set advertised.listeners to an address of this machine"));
    }
    if (advertised != nullptr && listener.port == 0) {
      return invalid(
          fmt::format("advertised.listeners: {} has no port", format_listener(listener)));
    }
  }
  return result;
}

}  // namespace gregor::config
