// Bytes to requests: what is let through, what is refused and with which status, however it is cut.
#include "http/request_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace gregor::http {
namespace {

/// "GET /path" per request, the status of the refusal that ends it, "..." if more bytes are wanted.
std::vector<std::string> read_all(std::string_view bytes, std::size_t piece) {
  RequestReader reader;
  std::vector<std::string> found;
  while (!bytes.empty()) {
    const ByteSpan room = reader.room();
    const std::size_t count = std::min({piece, room.size(), bytes.size()});
    std::memcpy(room.data(), bytes.data(), count);
    reader.added(count);
    bytes.remove_prefix(count);
    while (auto next = reader.next()) {
      if (!*next) {
        found.push_back(std::to_string(next->error().status));
        return found;
      }
      found.push_back(((*next)->method == Method::get ? "GET " : "HEAD ") + (*next)->path);
    }
  }
  if (!reader.is_between_requests()) found.emplace_back("...");
  return found;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

/// The same whether the bytes come at once, one by one, or in sevens.
std::string outcome(std::string_view bytes) {
  const std::string whole = joined(read_all(bytes, SIZE_MAX));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
    EXPECT_EQ(joined(read_all(bytes, piece)), whole) << "in pieces of " << piece;
  }
  return whole;
}

std::string get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

TEST(RequestReader, RequestsOneBehindTheOther) {
  EXPECT_EQ(outcome("GET /metrics?level=topic HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.0\r\n\r\n"),
            "GET /metrics, HEAD /");
  std::string many;
  for (int i = 0; i < 100; ++i) many += get("");
  EXPECT_EQ(read_all(many, SIZE_MAX).size(), 100U);
  EXPECT_EQ(outcome("GET / HTTP/1.1\r\nHost: a\r\n"), "...");
}

TEST(RequestReader, NotHttpIsRefusedAtItsFirstByte) {
  for (const std::string& bytes :
       {std::string("\0\0\0\x17", 4), std::string("\x16\x03\x01\x02"), std::string("\xff"),
        std::string(" GET"), std::string("\r\n\r\n"), std::string("\n")}) {
    EXPECT_EQ(outcome(bytes), "400");
  }
}

TEST(RequestReader, HeadsAreBounded) {
  EXPECT_EQ(outcome("GET /" + std::string(20'000, 'a')), "414");
  EXPECT_EQ(outcome(get("X: " + std::string(20'000, 'a'))), "431");
  std::string fields;
  for (int i = 0; i < 10'000; ++i) fields += "a:b\r\n";
  EXPECT_EQ(outcome(get(fields)), "431");
  // The largest that fits.
  const std::string rest = get("X: \r\n");
  const std::size_t left = RequestReader::head_bytes_max - rest.size();
  EXPECT_EQ(outcome(get("X: " + std::string(left, 'a') + "\r\n")), "GET /");
  EXPECT_EQ(outcome(get("X: " + std::string(left + 1, 'a') + "\r\n")), "431");
}

TEST(RequestReader, BodiesAreRefusedByTheirAnnouncement) {
  EXPECT_EQ(outcome(get("Content-Length: 0\r\n")), "GET /");
  EXPECT_EQ(outcome(get("Content-Length: 10737418240\r\n")), "413");
  EXPECT_EQ(outcome("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"), "413");
  for (const char* fields :
       {"Content-Length: -1\r\n", "Content-Length: 9223372036854775808\r\n",
        "Content-Length: 18446744073709551616\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 0x1\r\n", "Content-Length: 1, 2\r\n", "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"}) {
    EXPECT_EQ(outcome(get(fields)), "400") << fields;
  }
}

TEST(RequestReader, MethodsAndVersions) {
  for (const char* method : {"POST", "PUT", "DELETE", "TRACE", "OPTIONS", "BREW", "get", "Get"})
    EXPECT_EQ(outcome(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n"), "405") << method;
  EXPECT_EQ(outcome("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), "405");
  EXPECT_EQ(outcome("GET / HTTP/9.9\r\nHost: a\r\n\r\n"), "505");
  EXPECT_EQ(outcome("PRI * HTTP/2.0\r\n\r\n"), "505");
  EXPECT_EQ(outcome("GET / HTTP/0.9\r\n\r\n"), "505");
  EXPECT_EQ(outcome("GET /\r\n\r\n"), "400");
  EXPECT_EQ(outcome("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), "400");
  EXPECT_EQ(outcome("GET / http/1.1\r\nHost: a\r\n\r\n"), "400");
}

TEST(RequestReader, LinesAsTheStandardWritesThem) {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\nHost: a\n\n"), get("X: a\r\n b\r\n"), get("X: a\r\n\tb\r\n"),
        get("X : a\r\n"), get("X: a\rb\r\n"), get(std::string("X: a\0b\r\n", 8)),
        get("X: a\x7f\r\n"), get(": a\r\n"), get("no colon\r\n"), get("(x): a\r\n")}) {
    EXPECT_EQ(outcome(bytes), "400") << bytes;
  }
}

TEST(RequestReader, OneHost) {
  EXPECT_EQ(outcome("GET / HTTP/1.1\r\n\r\n"), "400");
  EXPECT_EQ(outcome("GET / HTTP/1.0\r\n\r\n"), "GET /");
  EXPECT_EQ(outcome(get("Host: b\r\n")), "400");
}

TEST(RequestReader, TargetsArePaths) {
  EXPECT_EQ(outcome("GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"), "404");
  EXPECT_EQ(outcome("GET * HTTP/1.1\r\nHost: localhost\r\n\r\n"), "404");
  // Nothing is decoded or shortened: these are names of pages that do not exist.
  EXPECT_EQ(outcome("GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"), "GET /../../etc/passwd");
  EXPECT_EQ(outcome("GET /%2e%2e%00 HTTP/1.1\r\nHost: a\r\n\r\n"), "GET /%2e%2e%00");
}

TEST(RequestReader, QueriesAndWishes) {
  RequestReader reader;
  const std::string bytes =
      "GET /a?level=topic&verbose&&x=1=2&g%72oup=a%20b+c%C3%a9%&odd=%4&worse=%zz%g1 "
      "HTTP/1.1\r\nHost: h:1\r\nOrigin: o\r\n"
      "Connection: close\r\nExpect: 100-continue\r\nRange: bytes=0-1\r\nUpgrade: h2c\r\n\r\n";
  std::memcpy(reader.room().data(), bytes.data(), bytes.size());
  reader.added(bytes.size());
  const auto next = reader.next();
  ASSERT_TRUE(next && *next);
  EXPECT_EQ((*next)->parameter("level"), "topic");
  EXPECT_EQ((*next)->parameter("verbose"), "");
  EXPECT_EQ((*next)->parameter("x"), "1=2");
  EXPECT_EQ((*next)->parameter("y"), std::nullopt);
  EXPECT_EQ((*next)->parameter("group"), "a b c\xc3\xa9%");
  EXPECT_EQ((*next)->parameter("odd"), "%4");
  EXPECT_EQ((*next)->parameter("worse"), "%zz%g1");
  EXPECT_EQ((*next)->host, "h:1");
  EXPECT_EQ((*next)->origin, "o");
  EXPECT_FALSE((*next)->keep_alive);
}

}  // namespace
}  // namespace gregor::http
