// Limits of single listeners and addresses.
#include "config/connection_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_loader.h"

namespace gregor::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(ConnectionLimits, OfAddresses) {
  EXPECT_THAT(parse_limits_of_addresses(" 127.0.0.1:200 , ::1:5,").value(),
              ElementsAre(Pair("127.0.0.1", 200), Pair("::1", 5)));
  EXPECT_TRUE(parse_limits_of_addresses("").value().empty());
  for (const char* bad : {"127.0.0.1", "host:5", "127.0.0.1:", "127.0.0.1:-1", ":5", "1.2.3.4:x"}) {
    EXPECT_FALSE(parse_limits_of_addresses(bad)) << bad;
  }
}

TEST(ConnectionLimits, OfListeners) {
  LimitsOfListeners limits;
  EXPECT_TRUE(set_listener_limit("listener.name.a.max.connections", "5", limits).value());
  EXPECT_TRUE(
      set_listener_limit("listener.name.a.max.connection.creation.rate", "6", limits).value());
  EXPECT_EQ(limits.at("a").connections_max, 5);
  EXPECT_EQ(limits.at("a").creation_rate_max, 6);
  EXPECT_FALSE(set_listener_limit("listener.name.a.ssl.key.password", "x", limits).value());
  EXPECT_FALSE(set_listener_limit("listener.name.max.connections", "5", limits).value());
  EXPECT_FALSE(set_listener_limit("max.connections", "5", limits).value());
  EXPECT_FALSE(set_listener_limit("listener.name.a.max.connections", "-1", limits));
}

TEST(ConnectionLimits, AreLoaded) {
  ConfigSources sources;
  sources.host_name = "box";
  sources.settings = {"max.connections.per.ip.overrides=10.0.0.1:3",
                      "listener.name.plaintext.max.connections=4"};
  const auto loaded = load_config(sources);
  ASSERT_TRUE(loaded.config);
  EXPECT_TRUE(loaded.notes.empty());
  EXPECT_EQ(loaded.config->connections_per_address.at("10.0.0.1"), 3);
  EXPECT_EQ(loaded.config->listener_limits.at(key_form("PLAINTEXT")).connections_max, 4);
}

TEST(ConnectionLimits, NobodyAtAllIsRefused) {
  ConfigSources sources;
  sources.host_name = "box";
  sources.settings = {"max.connections.per.ip=0"};
  EXPECT_THAT(load_config(sources).errors, ElementsAre(HasSubstr("only if")));
  sources.settings.emplace_back("max.connections.per.ip.overrides=10.0.0.1:3");
  EXPECT_TRUE(load_config(sources).config);
}

}  // namespace
}  // namespace gregor::config
