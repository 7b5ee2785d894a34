// Whose requests are answered.
#include "http/host_rule.h"

#include <gtest/gtest.h>

namespace gregor::http {
namespace {

bool is_own(const char* host, const char* origin = "", bool on_loopback = true) {
  Request request;
  request.host = host;
  request.origin = origin;
  return is_own_request(request, on_loopback);
}

TEST(HostRule, LoopbackIsAskedByAddressOrLocalhost) {
  for (const char* host : {"localhost", "LocalHost:9080", "a.localhost", "127.0.0.1",
                           "127.0.0.1:9080", "[::1]:9080", "10.0.0.7:9080", ""})
    EXPECT_TRUE(is_own(host)) << host;
  for (const char* host : {"evil.example", "evil.example:9080", "localhost.evil.example",
                           "127.0.0.1.evil.example", "1.2.3.com", "[::1", "127.0.0.1@evil", "::1"})
    EXPECT_FALSE(is_own(host)) << host;
}

TEST(HostRule, ElsewhereAnyNameWillDo) { EXPECT_TRUE(is_own("broker.example:9080", "", false)); }

TEST(HostRule, PagesOfOthersMayNotAsk) {
  EXPECT_TRUE(is_own("localhost:9080", "http://localhost:9080"));
  EXPECT_FALSE(is_own("localhost:9080", "http://evil.example"));
  EXPECT_FALSE(is_own("localhost:9080", "null"));
  EXPECT_FALSE(is_own("localhost:9080", "https://localhost:9080"));
  EXPECT_FALSE(is_own("broker.example", "http://evil.example", false));
}

TEST(HostRule, WhatLoopbackIs) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.1.2.3"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_FALSE(is_loopback(""));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("127.example.org"));
}

}  // namespace
}  // namespace gregor::http
