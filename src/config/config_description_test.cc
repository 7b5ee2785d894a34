// What clients are told of configs, the names that are known at all, and values that change while a
// broker runs.
#include "config/config_description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "config/config_loader.h"
#include "config/dynamic_config.h"
#include "config/key_names.h"
#include "config/option_tables.h"
#include "config/option_value.h"

namespace gregor::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

BrokerConfig broker_with(std::vector<std::string> settings) {
  auto loaded = load_config({.settings = std::move(settings)});
  EXPECT_THAT(loaded.errors, IsEmpty());
  return std::move(loaded.config).value();
}

// "name=value/source" of each synonym.
std::string text_of(const ConfigDescription& row) {
  std::string text = row.name + "=" + row.value.value_or("null") + "/" +
                     std::to_string(static_cast<int>(row.source));
  for (const auto& each : row.synonyms) {
    text += " " + each.name + "=" + each.value.value_or("null") + "/" +
            std::to_string(static_cast<int>(each.source));
  }
  return text;
}

std::string topic_text(const BrokerConfig& broker, const TopicOverrides& own,
                       std::string_view name) {
  const std::vector<std::string_view> names{name};
  const auto rows = describe_topic_configs(broker, own, {.names = names, .with_synonyms = true});
  return rows.size() == 1 ? text_of(rows.front()) : "not one row";
}

std::string broker_text(const BrokerConfig& broker, std::string_view name) {
  const std::vector<std::string_view> names{name};
  const auto rows = describe_broker_configs(broker, {.names = names, .with_synonyms = true});
  return rows.size() == 1 ? text_of(rows.front()) : "not one row";
}

std::map<std::string, std::string> golden_names(const std::string& file) {
  std::map<std::string, std::string> names;
  std::ifstream in(std::string(GREGOR_GOLDEN_CONFIGS) + "/" + file);
  for (std::string name, type; in >> name >> type;) names[name] = type;
  return names;
}

TEST(KafkaKeys, AllBrokerKeysAreKnownWithTheirTypes) {
  const std::map<KafkaType, std::string> types{
      {KafkaType::boolean, "boolean"},  {KafkaType::string, "string"},
      {KafkaType::int32, "int"},        {KafkaType::int16, "short"},
      {KafkaType::int64, "long"},       {KafkaType::float64, "double"},
      {KafkaType::list, "list"},        {KafkaType::class_name, "class"},
      {KafkaType::password, "password"}};
  auto names = golden_names("broker.txt");
  ASSERT_EQ(names.size(), 383U);
  const auto check = [&](std::string_view name, KafkaType type) {
    if (name.starts_with("gregor.") || name == "http.listeners") return;
    const auto found = names.find(std::string(name));
    ASSERT_NE(found, names.end()) << name << " is no key of Kafka";
    EXPECT_EQ(types.at(type), found->second) << name;
    names.erase(found);
  };
  for (const auto& option : broker_options()) check(option.name, kafka_type(option.type));
  for (const auto& key : known_keys()) check(key.name, key.type);
  for (const auto& [name, type] : names) ADD_FAILURE() << name << " is not known";
}

TEST(KafkaKeys, AllTopicConfigsAreKnownWithTheirTypes) {
  const auto names = golden_names("topic.txt");
  ASSERT_EQ(names.size(), 36U);
  ASSERT_EQ(topic_options().size(), names.size());
  for (const auto& option : topic_options()) {
    ASSERT_TRUE(names.contains(std::string(option.name))) << option.name;
    EXPECT_EQ(kafka_type_name(option.type), names.at(std::string(option.name))) << option.name;
  }
}

TEST(KafkaKeys, WhatMakesNoSenseHereIsIgnoredWithAWarning) {
  const auto loaded = load_config({.settings = {"process.roles=broker", "num.io.threads=4",
                                                "metric.reporters=com.example.Reporter"}});
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_THAT(loaded.warnings,
              ElementsAre("ignored, since they only mean something to a Java program or KRaft: "
                          "metric.reporters, process.roles"));
  EXPECT_THAT(loaded.notes, ElementsAre("accepted without effect yet: num.io.threads"));
  EXPECT_EQ(broker_text(*loaded.config, "process.roles"), "not one row");
  EXPECT_EQ(broker_text(*loaded.config, "num.io.threads"),
            "num.io.threads=4/4 num.io.threads=4/4 num.io.threads=8/5");
}

TEST(Description, TopicConfigsNameEveryValueThatWouldCount) {
  const BrokerConfig plain = broker_with({});
  EXPECT_EQ(topic_text(plain, {}, "segment.bytes"),
            "segment.bytes=1073741824/5 log.segment.bytes=1073741824/5");
  EXPECT_EQ(topic_text(plain, {{"segment.bytes", "5000"}}, "segment.bytes"),
            "segment.bytes=5000/1 segment.bytes=5000/1 log.segment.bytes=1073741824/5");
  EXPECT_EQ(topic_text(plain, {}, "remote.storage.enable"), "remote.storage.enable=false/5");
  // Kafka names only the first of several units, and what stands behind it.
  EXPECT_EQ(topic_text(broker_with({"log.retention.hours=24"}), {}, "retention.ms"),
            "retention.ms=86400000/5");
  EXPECT_EQ(topic_text(broker_with({"log.retention.ms=5"}), {}, "retention.ms"),
            "retention.ms=5/4 log.retention.ms=5/4 log.retention.hours=168/5");
  EXPECT_EQ(topic_text(plain, {}, "no.such.config"), "not one row");
}

TEST(Description, BrokerConfigs) {
  const BrokerConfig broker = broker_with({"log.segment.bytes=5000", "ssl.key.password=secret"});
  EXPECT_EQ(broker_text(broker, "log.segment.bytes"),
            "log.segment.bytes=5000/4 log.segment.bytes=5000/4 log.segment.bytes=1073741824/5");
  EXPECT_EQ(broker_text(broker, "ssl.key.password"),
            "ssl.key.password=null/4 ssl.key.password=null/4");
  EXPECT_EQ(broker_text(broker, "ssl.truststore.password"), "ssl.truststore.password=null/5");
  EXPECT_EQ(broker_text(broker, "log.roll.ms"), "log.roll.ms=null/5");
  EXPECT_EQ(broker_text(broker, "retention.ms"), "not one row");
  for (const auto& row : describe_broker_configs(broker, {})) {
    EXPECT_EQ(row.is_read_only, !is_dynamic(row.name)) << row.name;
    EXPECT_EQ(row.is_sensitive, is_secret_key(row.name)) << row.name;
    EXPECT_FALSE(row.documentation.empty()) << row.name;
    EXPECT_THAT(row.synonyms, IsEmpty());
  }
}

TEST(Dynamic, WinsOverTheFileAndTheBrokersOwnOverThatOfAll) {
  const BrokerConfig file = broker_with({"log.segment.bytes=5000"});
  const auto laid = with_dynamic_configs(
      file, {.own = {{"log.segment.bytes", "7000"}},
             .of_all = {{"log.segment.bytes", "6000"}, {"log.retention.ms", "9"}}});
  EXPECT_THAT(laid.warnings, IsEmpty());
  EXPECT_EQ(laid.config.log_segment_bytes, 7000);
  EXPECT_EQ(laid.config.topic_defaults.segment_bytes, 7000);
  EXPECT_EQ(laid.config.topic_defaults.retention_ms, 9);
  EXPECT_EQ(topic_text(laid.config, {}, "segment.bytes"),
            "segment.bytes=7000/2 log.segment.bytes=7000/2 log.segment.bytes=6000/3 "
            "log.segment.bytes=5000/4 log.segment.bytes=1073741824/5");
  EXPECT_EQ(broker_text(laid.config, "log.retention.ms"),
            "log.retention.ms=9/3 log.retention.ms=9/3 log.retention.hours=168/5");
  const auto of_all = describe_default_broker_configs(laid.config, {.with_synonyms = true});
  ASSERT_EQ(of_all.size(), 2U);
  EXPECT_EQ(text_of(of_all[1]), "log.segment.bytes=6000/3 log.segment.bytes=6000/3");
  const auto listed = list_topic_configs(laid.config, {});
  const auto source = [&](std::string_view name) {
    for (const auto& each : listed)
      if (each.name == name) return each.source;
    return ConfigSource::topic;
  };
  EXPECT_EQ(source("segment.bytes"), ConfigSource::dynamic_broker);
  EXPECT_EQ(source("retention.ms"), ConfigSource::dynamic_default_broker);
}

TEST(Dynamic, StoredValuesThatDoNotFitAreLeftOut) {
  const BrokerConfig file = broker_with({});
  auto laid = with_dynamic_configs(
      file, {.own = {{"log.segment.bytes", "much"}, {"num.partitions", "7"}, {"no.such.key", "1"}},
             .of_all = {}});
  EXPECT_THAT(laid.warnings, ElementsAre(HasSubstr("log.segment.bytes"),
                                         HasSubstr("num.partitions cannot be changed")));
  EXPECT_EQ(laid.config.log_segment_bytes, file.log_segment_bytes);
  EXPECT_EQ(laid.config.num_partitions, 1);
  EXPECT_THAT(laid.config.dynamic_own, ElementsAre(std::pair("no.such.key", "1")));
  laid = with_dynamic_configs(file, {.own = {{"log.cleaner.min.compaction.lag.ms", "5"},
                                             {"log.cleaner.max.compaction.lag.ms", "4"}},
                                     .of_all = {}});
  EXPECT_THAT(laid.warnings, ElementsAre(HasSubstr("all are ignored")));
  EXPECT_THAT(laid.config.dynamic_own, IsEmpty());
}

TEST(Dynamic, ConnectionLimits) {
  const BrokerConfig file = broker_with({});
  auto laid = with_dynamic_configs(
      file, {.own = {{"max.connections.per.ip", "4"}},
             .of_all = {{"max.connections", "9"}, {"max.connections.per.ip.overrides", "::1:2"}}});
  EXPECT_THAT(laid.warnings, IsEmpty());
  EXPECT_EQ(laid.config.max_connections, 9);
  EXPECT_EQ(laid.config.max_connections_per_ip, 4);
  EXPECT_THAT(laid.config.connections_per_address, ElementsAre(std::pair("::1", 2)));
  laid = with_dynamic_configs(file, {.own = {{"max.connections.per.ip", "0"}}, .of_all = {}});
  EXPECT_THAT(laid.warnings, ElementsAre(HasSubstr("can be zero only if")));
  EXPECT_EQ(laid.config.max_connections_per_ip, file.max_connections_per_ip);
  const auto check = [&](const TopicOverrides& wanted) {
    const auto checked = check_dynamic_configs(file, BrokerScope::all_brokers, wanted);
    return checked ? ErrorCode::none : checked.error().code;
  };
  EXPECT_EQ(check({{"max.connections.per.ip.overrides", "127.0.0.1"}}), ErrorCode::invalid_request);
  EXPECT_EQ(check({{"max.connections.per.ip", "0"}}), ErrorCode::invalid_request);
  EXPECT_EQ(
      check({{"max.connections.per.ip", "0"}, {"max.connections.per.ip.overrides", "127.0.0.1:3"}}),
      ErrorCode::none);
}

TEST(Dynamic, OnlySomeKeysMayChange) {
  const BrokerConfig file = broker_with({});
  const auto check = [&](const TopicOverrides& wanted) {
    const auto checked = check_dynamic_configs(file, BrokerScope::one_broker, wanted);
    return checked ? ""
                   : std::string(error_name(checked.error().code)) + " " + checked.error().detail;
  };
  EXPECT_EQ(check({{"log.segment.bytes", "5000"}, {"nobody.knows", "x"}}), "");
  EXPECT_THAT(check({{"num.partitions", "5"}, {"ssl.key.password", "x"}}),
              HasSubstr("Cannot update these configs dynamically: Set(num.partitions, "
                        "ssl.key.password)"));
  EXPECT_THAT(check({{"log.segment.bytes", "x"}}), HasSubstr("log.segment.bytes"));
  EXPECT_THAT(check({{"log.cleaner.min.compaction.lag.ms", "5"},
                     {"log.cleaner.max.compaction.lag.ms", "4"}}),
              HasSubstr("conflict"));
}

}  // namespace
}  // namespace gregor::config
