// Listener lists: forms, names, ports, protocols, what may be advertised.
#include "config/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gregor::config {
namespace {

constexpr std::string_view usual_map =
    "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,IN:PLAINTEXT,out:plaintext";

Result<std::vector<Listener>> parse(std::string_view text) {
  return parse_listeners("listeners", text, parse_protocol_map(usual_map).value());
}

std::string error_of(const Result<std::vector<Listener>>& result) {
  return result ? "" : result.error().detail;
}

TEST(Listener, FormsOfHosts) {
  const auto listeners = parse("PLAINTEXT://:9092, in://127.0.0.1:9093 ,OUT://[::1]:9094");
  ASSERT_TRUE(listeners.has_value()) << listeners.error().detail;
  EXPECT_THAT(*listeners,
              testing::ElementsAre(Listener{.name = "PLAINTEXT", .host = "", .port = 9092},
                                   Listener{.name = "IN", .host = "127.0.0.1", .port = 9093},
                                   Listener{.name = "OUT", .host = "::1", .port = 9094}));
  EXPECT_EQ(format_listener((*listeners)[2]), "OUT://[::1]:9094");
  EXPECT_EQ(format_listener((*listeners)[0]), "PLAINTEXT://:9092");
}

TEST(Listener, BadForms) {
  for (const auto* text :
       {"9092", "localhost:9092", "://localhost:9092", "PLAINTEXT://localhost",
        "PLAINTEXT://localhost:", "PLAINTEXT://localhost:x", "PLAINTEXT://localhost:9092x",
        "PLAINTEXT://[::1:9092", "PLAINTEXT://[]:9092", "PLAINTEXT://a b:9092",
        "PLAINTEXT://a/b:9092", "PLAINTEXT://:9092,,IN://:1"}) {
    EXPECT_THAT(error_of(parse(text)), testing::HasSubstr("not of the form")) << text;
  }
  EXPECT_THAT(error_of(parse("")), testing::HasSubstr("at least one"));
  EXPECT_THAT(error_of(parse("PLAINTEXT://:65536")), testing::HasSubstr("between 0 and 65535"));
  EXPECT_THAT(error_of(parse("PLAINTEXT://:-1")), testing::HasSubstr("between 0 and 65535"));
}

TEST(Listener, NamesNeedAProtocolThatIsThere) {
  EXPECT_THAT(error_of(parse("OTHER://:9092")),
              testing::HasSubstr("no security protocol is defined for listener OTHER"));
  EXPECT_THAT(error_of(parse("SSL://:9092")), testing::HasSubstr("does not have yet"));
  EXPECT_THAT(error_of(parse("SASL_SSL://:9092")), testing::HasSubstr("SASL_SSL"));
  EXPECT_THAT(error_of(parse("IN://:1,in://:2")), testing::HasSubstr("IN occurs twice"));
}

TEST(Listener, ProtocolMapErrors) {
  for (const auto* text : {"A", "A:", ":PLAINTEXT", "A:TLS", "A:PLAINTEXT,a:SSL"}) {
    EXPECT_FALSE(parse_protocol_map(text).has_value()) << text;
  }
}

TEST(Listener, PortsDiffer) {
  EXPECT_TRUE(
      check_ports_differ(parse("IN://127.0.0.1:9092,OUT://127.0.0.1:9093").value()).has_value());
  EXPECT_TRUE(
      check_ports_differ(parse("IN://127.0.0.1:9092,OUT://[::1]:9092").value()).has_value());
  EXPECT_TRUE(check_ports_differ(parse("IN://:0,OUT://:0").value()).has_value());
  EXPECT_FALSE(
      check_ports_differ(parse("IN://127.0.0.1:9092,OUT://127.0.0.2:9092").value()).has_value());
  EXPECT_FALSE(check_ports_differ(parse("IN://:9092,OUT://[::1]:9092").value()).has_value());
  EXPECT_FALSE(
      check_ports_differ(parse("IN://127.0.0.1:1,OUT://[::1]:1,PLAINTEXT://[::2]:1").value())
          .has_value());
}

TEST(Listener, HttpListeners) {
  const auto listeners =
      parse_http_listeners("http.listeners", "127.0.0.1:9080, http://[::1]:0,:80").value();
  ASSERT_EQ(listeners.size(), 3U);
  EXPECT_EQ(address_of(listeners[0]), "127.0.0.1:9080");
  EXPECT_EQ(address_of(listeners[1]), "[::1]:0");
  EXPECT_EQ(listeners[2].host, "");
  EXPECT_EQ(address_of(listeners[2]), "127.0.0.1:80");
  EXPECT_TRUE(parse_http_listeners("http.listeners", " ").value().empty());
  for (const auto* text : {"9080", "localhost", "https://a:1", "a:65536", "a:-1", "a:b", "a:1/x"})
    EXPECT_THAT(error_of(parse_http_listeners("http.listeners", text)),
                testing::HasSubstr("http.listeners: \""))
        << text;
}

TEST(Listener, AdvertisesTheHostNameForAllInterfaces) {
  const auto advertised =
      advertise(parse("IN://:9092,OUT://10.0.0.1:9093").value(), nullptr, "box");
  ASSERT_TRUE(advertised.has_value());
  EXPECT_EQ((*advertised)[0].host, "box");
  EXPECT_EQ((*advertised)[1].host, "10.0.0.1");
}

TEST(Listener, WhatNoClientCanReachIsNotAdvertised) {
  const auto listeners = parse("IN://0.0.0.0:9092,OUT://:9093").value();
  EXPECT_THAT(error_of(advertise(listeners, nullptr, "box")),
              testing::HasSubstr("set advertised.listeners"));
  for (const auto* text :
       {"IN://0.0.0.0:9092", "IN://[::]:9092", "IN://box:0", "PLAINTEXT://box:9092"}) {
    const auto wanted = parse(text).value();
    EXPECT_FALSE(advertise(listeners, &wanted, "box").has_value()) << text;
  }
  const auto wanted = parse("IN://box:19092").value();
  const auto advertised = advertise(listeners, &wanted, "other");
  ASSERT_TRUE(advertised.has_value());
  EXPECT_EQ(*advertised, wanted);
}

}  // namespace
}  // namespace gregor::config
