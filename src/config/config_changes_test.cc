// What IncrementalAlterConfigs does to stored configs. The rows are Apache Kafka 4.1.1's answers.
#include "config/config_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gregor::config {
namespace {

constexpr std::int8_t set = 0;
constexpr std::int8_t remove = 1;
constexpr std::int8_t append = 2;
constexpr std::int8_t subtract = 3;

/// "key=value key=value" or the name of the error.
std::string outcome(const Result<TopicOverrides>& result) {
  if (!result) return std::string(error_name(result.error().code));
  std::string text;
  for (const auto& [name, value] : *result) text += (text.empty() ? "" : " ") + name + "=" + value;
  return text;
}

std::string topic(const TopicOverrides& current, std::vector<ConfigChange> changes) {
  const BrokerConfig broker;
  return outcome(change_topic_configs(broker, current, changes));
}

std::string broker(const TopicOverrides& current, std::vector<ConfigChange> changes,
                   BrokerScope scope = BrokerScope::one_broker) {
  const BrokerConfig file;
  return outcome(change_broker_configs(file, scope, current, changes));
}

TEST(TopicChanges, SetAndRemove) {
  EXPECT_EQ(topic({}, {{"retention.ms", set, " 5 "}}), "retention.ms=5");
  EXPECT_EQ(topic({{"retention.ms", "5"}}, {{"retention.ms", remove, std::nullopt}}), "");
  EXPECT_EQ(topic({{"retention.ms", "5"}}, {{"retention.ms", remove, "7"}}), "");
  EXPECT_EQ(topic({}, {{"no.such.key", remove, std::nullopt}}), "");
  EXPECT_EQ(topic({{"retention.ms", "5"}}, {}), "retention.ms=5");
  EXPECT_EQ(topic({}, {{"retention.ms", set, "x"}}), "INVALID_CONFIG");
  EXPECT_EQ(topic({}, {{"no.such.key", set, "1"}}), "INVALID_CONFIG");
  EXPECT_EQ(topic({}, {{"", set, "1"}}), "INVALID_CONFIG");
  EXPECT_EQ(topic({}, {{"retention.ms", set, "5"}, {"segment.bytes", set, "x"}}), "INVALID_CONFIG");
  EXPECT_EQ(topic({}, {{"retention.ms", 9, "5"}}), "UNKNOWN_SERVER_ERROR");
}

TEST(TopicChanges, ListsBeginWithTheValueThatCounts) {
  EXPECT_EQ(topic({}, {{"cleanup.policy", append, "compact"}}), "cleanup.policy=delete,compact");
  EXPECT_EQ(topic({}, {{"cleanup.policy", append, "delete"}}), "cleanup.policy=delete");
  EXPECT_EQ(topic({}, {{"cleanup.policy", append, "compact,delete"}}),
            "cleanup.policy=delete,compact");
  EXPECT_EQ(topic({{"cleanup.policy", "compact"}}, {{"cleanup.policy", append, "delete"}}),
            "cleanup.policy=compact,delete");
  EXPECT_EQ(topic({}, {{"cleanup.policy", subtract, "compact"}}), "cleanup.policy=delete");
  EXPECT_EQ(topic({}, {{"cleanup.policy", subtract, "delete"}}), "cleanup.policy=");
  EXPECT_EQ(topic({}, {{"cleanup.policy", append, "shred"}}), "INVALID_CONFIG");
  EXPECT_EQ(topic({}, {{"retention.ms", append, "5"}}), "INVALID_CONFIG");
  EXPECT_EQ(topic({}, {{"no.such.key", subtract, "5"}}), "INVALID_CONFIG");
}

TEST(BrokerChanges, OnlyWhatIsDynamic) {
  EXPECT_EQ(broker({}, {{"log.retention.ms", set, "5"}}), "log.retention.ms=5");
  EXPECT_EQ(broker({{"log.retention.ms", "5"}}, {{"log.retention.ms", remove, std::nullopt}}), "");
  EXPECT_EQ(broker({}, {{"nobody.knows", set, "5"}}), "nobody.knows=5");
  EXPECT_EQ(broker({}, {{"num.partitions", set, "5"}}), "INVALID_REQUEST");
  EXPECT_EQ(broker({}, {{"log.retention.ms", set, "x"}}), "INVALID_REQUEST");
  EXPECT_EQ(broker({}, {{"listeners", set, "PLAINTEXT://:1"}}, BrokerScope::all_brokers),
            "INVALID_REQUEST");
  EXPECT_EQ(broker({}, {{"log.cleanup.policy", append, "compact"}}),
            "log.cleanup.policy=delete,compact");
  EXPECT_EQ(broker({}, {{"log.retention.ms", append, "5"}}), "INVALID_CONFIG");
}

TEST(Changes, NoKeyTwiceAndNoNullButToRemove) {
  const auto check = [](std::vector<ConfigChange> changes) {
    return check_changes(changes).has_value();
  };
  EXPECT_TRUE(check({}));
  EXPECT_TRUE(check({{"a", set, "1"}, {"b", remove, std::nullopt}}));
  EXPECT_FALSE(check({{"a", set, "1"}, {"a", remove, std::nullopt}}));
  EXPECT_FALSE(check({{"a", set, std::nullopt}}));
  EXPECT_FALSE(check({{"a", append, std::nullopt}}));
}

}  // namespace
}  // namespace gregor::config
