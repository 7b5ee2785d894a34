// Limits of connections: who comes in, who waits, who is refused.
#include "broker/connection_quotas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace gregor::broker {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr runtime::Instant start{std::chrono::hours(1)};

ConnectionLimitSettings two_listeners() {
  ConnectionLimitSettings settings;
  settings.listeners = {{.name = "A"}, {.name = "B"}};
  return settings;
}

TEST(ConnectionQuotas, WithoutLimitsEverybodyComesIn) {
  ConnectionQuotas quotas;
  quotas.configure(two_listeners(), start);
  for (int i = 0; i < 10000; ++i) {
    EXPECT_FALSE(quotas.check("A", start));
    EXPECT_FALSE(quotas.admit("A", "10.0.0.1", start));
  }
  EXPECT_EQ(quotas.total(), 10000);
}

TEST(ConnectionQuotas, AboveMaxConnectionsTheyWaitUntilOneLeaves) {
  auto settings = two_listeners();
  settings.connections_max = 2;
  ConnectionQuotas quotas;
  quotas.configure(settings, start);
  EXPECT_FALSE(quotas.admit("A", "a", start));
  EXPECT_FALSE(quotas.check("B", start));
  EXPECT_FALSE(quotas.admit("B", "b", start));
  const auto wait = quotas.check("A", start);
  ASSERT_TRUE(wait);
  EXPECT_THAT(wait->reason, HasSubstr("max.connections=2"));
  EXPECT_FALSE(wait->until);
  quotas.forget("B", "b");
  EXPECT_FALSE(quotas.check("A", start));
}

TEST(ConnectionQuotas, AListenerHasALimitOfItsOwn) {
  auto settings = two_listeners();
  settings.listeners[0].connections_max = 1;
  ConnectionQuotas quotas;
  quotas.configure(settings, start);
  EXPECT_FALSE(quotas.admit("A", "a", start));
  EXPECT_TRUE(quotas.check("A", start));
  EXPECT_FALSE(quotas.check("B", start));
}

TEST(ConnectionQuotas, BrokersComeInAboveTheTotalAndAnotherHasToGo) {
  auto settings = two_listeners();
  settings.connections_max = 1;
  settings.listeners[1].is_protected = true;
  ConnectionQuotas quotas;
  quotas.configure(settings, start);
  EXPECT_FALSE(quotas.admit("A", "a", start));
  EXPECT_FALSE(quotas.check("B", start));
  EXPECT_FALSE(quotas.admit("B", "b", start));
  EXPECT_EQ(quotas.excess(), 1);
  quotas.forget("A", "a");
  EXPECT_EQ(quotas.excess(), 0);
}

TEST(ConnectionQuotas, DescriptorsOfTheLogsAreKeptFromBrokersToo) {
  auto settings = two_listeners();
  settings.by_descriptors_max = 1;
  settings.listeners[1].is_protected = true;
  ConnectionQuotas quotas;
  quotas.configure(settings, start);
  EXPECT_FALSE(quotas.admit("A", "a", start));
  EXPECT_THAT(quotas.check("B", start)->reason, HasSubstr("file descriptors"));
}

TEST(ConnectionQuotas, AnAddressAboveItsLimitIsRefusedAndNotCounted) {
  auto settings = two_listeners();
  settings.per_address_max = 2;
  settings.per_address = {{"10.0.0.9", 1}, {"::1", 3}};
  ConnectionQuotas quotas;
  quotas.configure(settings, start);
  const auto admitted = [&](const std::string& address) {
    int count = 0;
    while (!quotas.admit("A", address, start)) ++count;
    return count;
  };
  EXPECT_EQ(admitted("10.0.0.1"), 2);
  EXPECT_EQ(admitted("10.0.0.9"), 1);
  EXPECT_EQ(admitted("::1"), 3);
  EXPECT_EQ(quotas.admit("A", "10.0.0.9", start).value(), 1);
  EXPECT_EQ(quotas.total(), 6);
  quotas.forget("A", "10.0.0.9");
  EXPECT_EQ(admitted("10.0.0.9"), 1);
}

TEST(ConnectionQuotas, TheRateIsAveragedOverTenSeconds) {
  auto settings = two_listeners();
  settings.creation_rate_max = 5;
  ConnectionQuotas quotas;
  quotas.configure(settings, start);
  int burst = 0;
  while (!quotas.check("A", start)) {
    EXPECT_FALSE(quotas.admit("A", "a", start));
    ++burst;
  }
  EXPECT_EQ(burst, 50);
  const auto wait = quotas.check("B", start);
  ASSERT_TRUE(wait && wait->until);
  EXPECT_EQ(*wait->until - start, 200ms);
  EXPECT_FALSE(quotas.check("B", start + 200ms));
}

TEST(ConnectionQuotas, TheRateOfAListenerHoldsForBrokersTheBrokersDoesNot) {
  auto settings = two_listeners();
  settings.creation_rate_max = 1;
  settings.listeners[1].creation_rate_max = 2;
  settings.listeners[1].is_protected = true;
  ConnectionQuotas quotas;
  quotas.configure(settings, start);
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(quotas.check("B", start)) << i;
    EXPECT_FALSE(quotas.admit("B", "b", start));
  }
  EXPECT_TRUE(quotas.check("B", start));
  EXPECT_FALSE(quotas.check("A", start));
}

TEST(ConnectionQuotas, OtherLimitsCountWhatIsThere) {
  ConnectionQuotas quotas;
  quotas.configure(two_listeners(), start);
  for (const char* address : {"a", "a", "b"}) EXPECT_FALSE(quotas.admit("A", address, start));
  auto settings = two_listeners();
  settings.connections_max = 3;
  settings.per_address_max = 2;
  settings.listeners[0].connections_max = 3;
  quotas.configure(settings, start);
  EXPECT_THAT(quotas.check("B", start)->reason, HasSubstr("max.connections=3"));
  quotas.forget("A", "b");
  EXPECT_FALSE(quotas.check("A", start));
  EXPECT_EQ(quotas.admit("A", "a", start).value(), 2);
  EXPECT_FALSE(quotas.admit("A", "b", start));
  EXPECT_THAT(quotas.check("A", start)->reason, HasSubstr("it has the 3 connections"));
  settings.connections_max = 4;
  settings.listeners[0].connections_max = ConnectionLimitSettings::none;
  quotas.configure(settings, start);
  EXPECT_FALSE(quotas.check("A", start));
}

TEST(ConnectionQuotas, AnotherRateCountsWhatHasCome) {
  auto settings = two_listeners();
  settings.creation_rate_max = 5;
  ConnectionQuotas quotas;
  quotas.configure(settings, start);
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(quotas.admit("A", "a", start));
  EXPECT_TRUE(quotas.check("A", start));
  settings.creation_rate_max = 10;
  quotas.configure(settings, start);
  int more = 0;
  for (; !quotas.check("A", start); ++more) EXPECT_FALSE(quotas.admit("A", "a", start));
  EXPECT_EQ(more, 50);
  EXPECT_EQ(*quotas.check("A", start)->until - start, 100ms);
  settings.creation_rate_max = ConnectionLimitSettings::none;
  quotas.configure(settings, start);
  EXPECT_FALSE(quotas.check("A", start));
}

TEST(ConnectionQuotas, LimitsComeFromTheConfiguration) {
  config::BrokerConfig config;
  config.max_connections = 7;
  config.max_connections_per_ip = 3;
  config.max_connection_creation_rate = 11;
  config.listeners = {{.name = "CLIENTS"}, {.name = "BROKERS"}};
  config.inter_broker_listener = "BROKERS";
  config.listener_limits["clients"].connections_max = 5;
  const auto limits = connection_limits(config, 100);
  EXPECT_EQ(limits.connections_max, 7);
  EXPECT_EQ(limits.per_address_max, 3);
  EXPECT_EQ(limits.creation_rate_max, 11);
  EXPECT_EQ(limits.by_descriptors_max, 100);
  EXPECT_EQ(limits.listeners[0].connections_max, 5);
  EXPECT_FALSE(limits.listeners[0].is_protected);
  EXPECT_TRUE(limits.listeners[1].is_protected);
}

}  // namespace
}  // namespace gregor::broker
