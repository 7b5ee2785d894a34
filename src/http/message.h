// What an HTTP request asks for and what is answered, once the bytes are out of the way.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace gregor::http {

enum class Method { get, head };

/// A request that may be answered. Everything in it came from outside; nothing is percent-decoded.
struct Request {
  Method method = Method::get;
  std::string path;  ///< begins with '/', without the query
  std::vector<std::pair<std::string, std::string>>
      query;               ///< in order, unescaped; "a" is {"a", ""}
  std::string host;        ///< Host as it came; "" = none (HTTP/1.0)
  std::string origin;      ///< "" = none
  bool keep_alive = true;  ///< the client wants to ask more on this connection

  /// @return the value of the first parameter of that name; nullopt if there is none.
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const {
    for (const auto& [key, value] : query) {
      if (key == name) return value;
    }
    return std::nullopt;
  }
};

struct Response {
  unsigned status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";  ///< a literal
  std::string body;
};

/// A request that is not served: it gets this status and its connection is closed.
struct Refusal {
  unsigned status = 400;
  std::string_view reason;  ///< a literal
};

using ReadRequest = tl::expected<Request, Refusal>;

}  // namespace gregor::http
