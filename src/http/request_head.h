// From the head of a request (request line and header fields) to a Request, by Boost.Beast's
// parser, whose headers are included in request_head.cc only.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace gregor::http {

/// Parses a whole head, its empty line included. Only GET and HEAD without a body are let through.
/// Pure; any thread. Source: RFC 9110, RFC 9112.
/// @return or the refusal: 400 malformed, 404 not a path, 405 another method, 413 a body, 505
/// another version of HTTP
[[nodiscard]] ReadRequest parse_head(std::string_view head);

/// The head of an answer to a request with `keep_alive`.
[[nodiscard]] std::string format_head(const Response& response, bool keep_alive);

}  // namespace gregor::http
