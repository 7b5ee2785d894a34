#include "http/request_head.h"

#include <fmt/format.h>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <cstdint>
#include <limits>
#include <optional>

namespace gregor::http {
namespace {

namespace beast = boost::beast::http;
using Parser = beast::request_parser<beast::empty_body>;

tl::unexpected<Refusal> refuse(unsigned status, std::string_view reason) {
  return tl::unexpected<Refusal>(Refusal{status, reason});
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

/// "HTTP/x.y" at the end of the request line: another version, and not a malformed line.
bool names_a_version(std::string_view head) {
  const std::string_view line = head.substr(0, head.find('\r'));
  const auto blank = line.rfind(' ');
  const std::string_view version = blank == std::string_view::npos ? line : line.substr(blank + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
         version[6] == '.' && is_digit(version[7]);
}

tl::unexpected<Refusal> refuse_malformed(const boost::system::error_code& error,
                                         std::string_view head) {
  if (error == beast::error::bad_version && names_a_version(head))
    return refuse(505, "HTTP/1.1 is spoken here");
  if (error == beast::error::bad_method) return refuse(400, "the method is malformed");
  if (error == beast::error::bad_target) return refuse(400, "the target is malformed");
  if (error == beast::error::bad_content_length || error == beast::error::multiple_content_length)
    return refuse(400, "Content-Length is malformed");
  if (error == beast::error::bad_transfer_encoding)
    return refuse(400, "Transfer-Encoding is malformed");
  return refuse(400, "the request is malformed");
}

std::optional<int> hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return std::nullopt;
}

// "%41+b" is "A b", as forms send it; what is no escape stays as it is.
std::string unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool has_escape = text[i] == '%' && i + 2 < text.size();
    const auto high = has_escape ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = has_escape ? hex_digit(text[i + 2]) : std::nullopt;
    if (high && low) {
      plain.push_back(static_cast<char>(*high * 16 + *low));
      i += 2;
    } else {
      plain.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return plain;
}

std::vector<std::pair<std::string, std::string>> split_query(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> query;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    const bool has_value = equals != std::string_view::npos;
    if (pair.empty()) continue;
    query.emplace_back(unescape(pair.substr(0, equals)),
                       unescape(has_value ? pair.substr(equals + 1) : ""));
  }
  return query;
}

}  // namespace

ReadRequest parse_head(std::string_view head) {
  Parser parser;
  parser.header_limit(std::numeric_limits<std::uint32_t>::max());  // RequestReader has limited it
  parser.body_limit(boost::none);
  boost::system::error_code error;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error) return refuse_malformed(error, head);
  if (!parser.is_header_done()) return refuse(400, "the request is malformed");

  const auto& message = parser.get();
  // Bodies are never read, so they can't be told apart from what follows.
  if (message.count(beast::field::transfer_encoding) > 0)
    return refuse(400, "Transfer-Encoding is not taken");
  const auto length = parser.content_length();
  if (length && *length > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    return refuse(400, "Content-Length is malformed");
  if (length && *length > 0) return refuse(413, "requests with a body are not taken");
  if (message.method() != beast::verb::get && message.method() != beast::verb::head)
    return refuse(405, "only GET and HEAD are served");
  const auto hosts = message.count(beast::field::host);
  if (hosts > 1 || (hosts == 0 && message.version() >= 11))
    return refuse(400, "one Host is needed");
  const std::string_view target = view(message.target());
  if (!target.starts_with('/')) return refuse(404, "no such page");

  Request request;
  request.method = message.method() == beast::verb::get ? Method::get : Method::head;
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = split_query(target.substr(question + 1));
  request.host = view(message[beast::field::host]);
  request.origin = view(message[beast::field::origin]);
  request.keep_alive = parser.keep_alive();
  return request;
}

std::string format_head(const Response& response, bool keep_alive) {
  const std::string_view text = view(beast::obsolete_reason(beast::int_to_status(response.status)));
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
      "Content-Security-Policy: default-src 'none'\r\n{}\r\n",
      response.status, text, response.content_type, response.body.size(),
      keep_alive ? "keep-alive" : "close", response.status == 405 ? "Allow: GET, HEAD\r\n" : "");
}

}  // namespace gregor::http
