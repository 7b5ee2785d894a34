// Topic configs: which names and values are accepted, what wins, and the listing for CreateTopics.
#include "config/topic_config_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "config/config_loader.h"

namespace gregor::config {
namespace {

using testing::HasSubstr;

BrokerConfig broker_with(std::vector<std::string> settings) {
  auto loaded = load_config({.settings = std::move(settings)});
  EXPECT_THAT(loaded.errors, testing::IsEmpty());
  return std::move(loaded.config).value();
}

struct Case {
  const char* name;
  const char* value;
};

TEST(TopicConfigRules, Accepted) {
  const BrokerConfig broker = broker_with({});
  for (const auto& [name, value] :
       std::initializer_list<Case>{{"segment.bytes", " 5000 "},
                                   {"segment.bytes", "14"},
                                   {"segment.bytes", "2147483647"},
                                   {"segment.bytes", "+20"},
                                   {"preallocate", "TRUE"},
                                   {"preallocate", "False"},
                                   {"cleanup.policy", ""},
                                   {"cleanup.policy", "compact , delete"},
                                   {"compression.type", "zstd"},
                                   {"compression.gzip.level", "-1"},
                                   {"compression.gzip.level", "9"},
                                   {"compression.zstd.level", "-131072"},
                                   {"message.timestamp.type", "LogAppendTime"},
                                   {"retention.ms", "-1"},
                                   {"retention.bytes", "-5"},
                                   {"min.cleanable.dirty.ratio", "1e-1"},
                                   {"message.format.version", "2.8-IV1"},
                                   {"message.format.version", "0.10.2"},
                                   {"message.downconversion.enable", "false"},
                                   {"leader.replication.throttled.replicas", "*"},
                                   {"follower.replication.throttled.replicas", "0:1,1:2"},
                                   {"leader.replication.throttled.replicas", ""},
                                   {"flush.ms", "9223372036854775807"}}) {
    const auto checked = check_topic_configs(broker, {{name, value}});
    EXPECT_TRUE(checked.has_value()) << name << "=" << value << ": " << checked.error().detail;
  }
}

TEST(TopicConfigRules, Refused) {
  const BrokerConfig broker = broker_with({});
  for (const auto& [name, value] :
       std::initializer_list<Case>{{"no.such", "1"},
                                   {"log.segment.bytes", "5000"},
                                   {"", "1"},
                                   {"Segment.bytes", "5000"},
                                   {"segment.bytes", "abc"},
                                   {"segment.bytes", ""},
                                   {"segment.bytes", " "},
                                   {"segment.bytes", "1e9"},
                                   {"segment.bytes", "0x10"},
                                   {"segment.bytes", "2147483648"},
                                   {"segment.bytes", "-2147483649"},
                                   {"segment.bytes", "13"},
                                   {"segment.bytes", "+-5"},
                                   {"segment.bytes", "50 00"},
                                   {"segment.bytes", "5000L"},
                                   {"segment.bytes", "99999999999999999999"},
                                   {"flush.ms", "9223372036854775808"},
                                   {"preallocate", "yes"},
                                   {"preallocate", "1"},
                                   {"preallocate", ""},
                                   {"cleanup.policy", "remove"},
                                   {"cleanup.policy", "delete,"},
                                   {"compression.type", "none"},
                                   {"compression.type", "ZSTD"},
                                   {"compression.type", ""},
                                   {"compression.gzip.level", "0"},
                                   {"compression.gzip.level", "10"},
                                   {"compression.lz4.level", "18"},
                                   {"message.timestamp.type", "createtime"},
                                   {"retention.ms", "-2"},
                                   {"min.insync.replicas", "0"},
                                   {"min.cleanable.dirty.ratio", "1.1"},
                                   {"min.cleanable.dirty.ratio", "-0.1"},
                                   {"min.cleanable.dirty.ratio", "nan"},
                                   {"segment.ms", "0"},
                                   {"leader.replication.throttled.replicas", "*,0:1"},
                                   {"leader.replication.throttled.replicas", "0"},
                                   {"message.format.version", "new"}}) {
    const auto checked = check_topic_configs(broker, {{name, value}});
    ASSERT_FALSE(checked.has_value()) << name << "=" << value;
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_config) << name;
    EXPECT_THAT(checked.error().detail, HasSubstr(name));
  }
}

TEST(TopicConfigRules, ValuesThatContradict) {
  const auto checked = check_topic_configs(
      broker_with({}), {{"min.compaction.lag.ms", "6"}, {"max.compaction.lag.ms", "5"}});
  ASSERT_FALSE(checked.has_value());
  EXPECT_THAT(checked.error().detail, HasSubstr("conflict"));
  const auto tiered = check_topic_configs(broker_with({}), {{"remote.storage.enable", "true"}});
  ASSERT_FALSE(tiered.has_value());
  EXPECT_EQ(tiered.error().code, ErrorCode::invalid_config);
}

TEST(TopicConfigRules, StoredValuesAreTrimmed) {
  const auto checked =
      check_topic_configs(broker_with({}), {{"segment.bytes", "\t5000 "}, {"preallocate", "TRUE"}});
  ASSERT_TRUE(checked.has_value());
  EXPECT_EQ(checked->at("segment.bytes"), "5000");
  EXPECT_EQ(checked->at("preallocate"), "TRUE");
}

TEST(TopicConfigRules, TheTopicWinsOverTheBrokerWinsOverTheDefault) {
  const BrokerConfig broker = broker_with({"log.segment.bytes=1000", "log.index.interval.bytes=7",
                                           "log.retention.hours=2", "log.roll.jitter.hours=1"});
  const auto config = make_topic_config(broker, {{"segment.bytes", "2000"}});
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ((*config)->segment_bytes, 2000);
  EXPECT_EQ((*config)->index_interval_bytes, 7);
  EXPECT_EQ((*config)->max_message_bytes, 1048588);
  EXPECT_EQ((*config)->retention_ms, 7'200'000);
  EXPECT_EQ((*config)->segment_jitter_ms, 3'600'000);
  EXPECT_EQ(broker.topic_defaults.segment_bytes, 1000);
}

TEST(TopicConfigRules, FinerTimeUnitsWin) {
  EXPECT_EQ(
      broker_with({"log.retention.minutes=3", "log.retention.hours=2"}).topic_defaults.retention_ms,
      180'000);
  EXPECT_EQ(
      broker_with({"log.retention.minutes=3", "log.retention.ms=9"}).topic_defaults.retention_ms,
      9);
  EXPECT_EQ(broker_with({"log.retention.hours=-1"}).topic_defaults.retention_ms, -1);
  EXPECT_EQ(broker_with({"log.roll.hours=1"}).topic_defaults.segment_ms, 3'600'000);
  EXPECT_EQ(broker_with({"log.flush.scheduler.interval.ms=50"}).topic_defaults.flush_ms, 50);
  EXPECT_EQ(broker_with({"log.flush.scheduler.interval.ms=50", "log.flush.interval.ms=60"})
                .topic_defaults.flush_ms,
            60);
}

TEST(TopicConfigRules, DerivedFields) {
  const BrokerConfig broker = broker_with({});
  const auto compact = make_topic_config(broker, {{"cleanup.policy", "compact"}});
  EXPECT_TRUE((*compact)->cleanup_compact);
  EXPECT_FALSE((*compact)->cleanup_delete);
  const auto neither = make_topic_config(broker, {{"cleanup.policy", ""}});
  EXPECT_FALSE((*neither)->cleanup_compact || (*neither)->cleanup_delete);
  const auto older = make_topic_config(broker, {{"message.timestamp.difference.max.ms", "5"},
                                                {"message.timestamp.after.max.ms", "9"}});
  EXPECT_EQ((*older)->message_timestamp_before_max_ms, 5);
  EXPECT_EQ((*older)->message_timestamp_after_max_ms, 9);
}

TEST(TopicConfigRules, ListingNamesTheSource) {
  const BrokerConfig broker = broker_with({"log.segment.bytes=1000", "log.retention.hours=1"});
  const auto entries =
      list_topic_configs(broker, {{"preallocate", "TRUE"}, {"cleanup.policy", "compact, delete"}});
  EXPECT_EQ(entries.size(), 36U);
  const auto find = [&](std::string_view name) {
    return *std::find_if(entries.begin(), entries.end(),
                         [&](const auto& entry) { return entry.name == name; });
  };
  EXPECT_EQ(find("segment.bytes").value, "1000");
  EXPECT_EQ(find("segment.bytes").source, ConfigSource::static_broker);
  EXPECT_EQ(find("retention.ms").value, "3600000");
  EXPECT_EQ(find("retention.ms").source, ConfigSource::static_broker);
  EXPECT_EQ(find("preallocate").value, "true");
  EXPECT_EQ(find("preallocate").source, ConfigSource::topic);
  EXPECT_EQ(find("cleanup.policy").value, "compact,delete");
  EXPECT_EQ(find("max.message.bytes").value, "1048588");
  EXPECT_EQ(find("max.message.bytes").source, ConfigSource::default_config);
  EXPECT_EQ(find("min.cleanable.dirty.ratio").value, "0.5");
  EXPECT_EQ(find("leader.replication.throttled.replicas").value, "");
  // The older name does not show through.
  EXPECT_EQ(find("message.timestamp.before.max.ms").value, "9223372036854775807");
}

// An answer's text has 32767 bytes at most.
TEST(TopicConfigRules, LongKeysAndValuesAreNotQuotedWhole) {
  const std::string text(32767, 'x');
  for (const auto& own : {TopicOverrides{{"cleanup.policy", text}},
                          TopicOverrides{{"retention.ms", text}}, TopicOverrides{{text, "1"}}}) {
    const auto made = make_topic_config(BrokerConfig{}, own);
    ASSERT_FALSE(made);
    EXPECT_LT(made.error().detail.size(), 1000U);
  }
}

}  // namespace
}  // namespace gregor::config
