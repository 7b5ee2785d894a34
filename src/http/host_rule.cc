#include "http/host_rule.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace gregor::http {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

/// Digits and dots; names can't look so (a top-level domain is never numeric).
bool is_ipv4(std::string_view host) {
  return std::count(host.begin(), host.end(), '.') == 3 &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_address_or_localhost(std::string_view host) {
  const std::string name = lower(without_port(host));
  return name == "localhost" || name.ends_with(".localhost") || is_ipv4(name) ||
         (name.starts_with('[') && name.ends_with(']'));
}

}  // namespace

bool is_loopback(std::string_view host) {
  return host == "::1" || lower(host) == "localhost" || (host.starts_with("127.") && is_ipv4(host));
}

bool is_own_request(const Request& request, bool on_loopback) {
  if (on_loopback && !request.host.empty() && !is_address_or_localhost(request.host)) return false;
  return request.origin.empty() || lower(request.origin) == "http://" + lower(request.host);
}

}  // namespace gregor::http
