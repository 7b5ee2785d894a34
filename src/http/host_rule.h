// Who may ask: against web pages of others that make a browser ask this port (DNS rebinding).
#pragma once

#include <string_view>

#include "http/message.h"

namespace gregor::http {

/// True for 127.0.0.0/8, ::1 and localhost, as they stand in a listener.
[[nodiscard]] bool is_loopback(std::string_view host);

/// Whether a request is what it says: from a listener on loopback only IP addresses and localhost
/// are asked for (a name that somebody else's DNS has pointed here is not), and a page that a
/// browser has from elsewhere (Origin) may not ask. Pure; any thread.
[[nodiscard]] bool is_own_request(const Request& request, bool on_loopback);

}  // namespace gregor::http
