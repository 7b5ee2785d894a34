// The option tables, the loader and the nearest-key search.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "config/config_loader.h"
#include "config/documentation.h"
#include "config/key_names.h"
#include "config/option_tables.h"
#include "config/option_value.h"
#include "config/topic_config_rules.h"

namespace gregor::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

LoadedConfig load_file(std::string text) {
  return load_config({.file = ConfigFile{"server.properties", std::move(text)}});
}
LoadedConfig load_settings(std::vector<std::string> settings) {
  return load_config({.settings = std::move(settings)});
}

template <class Config>
void expect_sound_table(std::span<const Option<Config>> options) {
  std::set<std::string_view> names;
  for (const auto& option : options) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name << " occurs twice";
    EXPECT_THAT(std::string(option.text), testing::EndsWith(".")) << option.name;
    Config config;
    const auto value = option.get(config);
    if (!value) continue;
    const auto set = option.set(config, *value, option);
    EXPECT_TRUE(set.has_value()) << option.name
                                 << ": its default is not allowed: " << set.error().detail;
    EXPECT_EQ(option.get(config), value) << option.name;
  }
}

TEST(OptionTables, RowsAreSound) {
  expect_sound_table(broker_options());
  expect_sound_table(topic_options());
  EXPECT_EQ(topic_options().size(), 36U);
  EXPECT_TRUE(std::is_sorted(topic_options().begin(), topic_options().end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
}

TEST(OptionTables, SynonymsExistAndHaveTheSameDefault) {
  const BrokerConfig broker;
  const auto entries = list_topic_configs(broker, {});
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& option = topic_options()[i];
    for (const auto& synonym : split_list(option.synonyms)) {
      EXPECT_NE(find_broker_option(synonym), nullptr) << synonym;
    }
    EXPECT_EQ(entries[i].value, option.get(TopicConfig{}).value()) << option.name;
    EXPECT_EQ(entries[i].source, ConfigSource::default_config) << option.name;
  }
}

TEST(OptionTables, KnownKeysAreNotOptions) {
  for (const auto& key : known_keys()) EXPECT_EQ(find_broker_option(key.name), nullptr) << key.name;
}

TEST(Loader, NothingGivenJustWorks) {
  const auto loaded = load_config({});
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_THAT(loaded.config->listeners,
              ElementsAre(Listener{.name = "PLAINTEXT", .host = "127.0.0.1", .port = 9092}));
  EXPECT_EQ(loaded.config->advertised_listeners, loaded.config->listeners);
  EXPECT_EQ(loaded.config->inter_broker_listener, "PLAINTEXT");
  EXPECT_THAT(loaded.config->log_dirs, ElementsAre("./gregor-data"));
  EXPECT_EQ(loaded.config->broker_id, -1);
  EXPECT_EQ(loaded.config->frame_bytes_max_total, 64 << 20);
  EXPECT_THAT(loaded.config->given, IsEmpty());
}

TEST(Loader, AFileWithoutListenersListensOnAllInterfacesAsKafkaDoes) {
  const auto loaded = load_config({.file = ConfigFile{"f", ""}, .host_name = "box"});
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_EQ(loaded.config->listeners.front().host, "");
  EXPECT_EQ(loaded.config->advertised_listeners.front().host, "box");
}

TEST(Loader, CommandLineWinsOverEnvironmentWinsOverFile) {
  ConfigSources sources{
      .file = ConfigFile{"f", "num.partitions=2\nlog.segment.bytes=100\nfetch.max.bytes=2000\n"},
      .environment = {{"GREGOR_NUM_PARTITIONS", "3"},
                      {"GREGOR_LOG_SEGMENT_BYTES", "200"},
                      {"PATH", "/"}},
      .settings = {"num.partitions = 4"}};
  const auto loaded = load_config(sources);
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_EQ(loaded.config->num_partitions, 4);
  EXPECT_EQ(loaded.config->log_segment_bytes, 200);
  EXPECT_EQ(loaded.config->fetch_max_bytes, 2000);
  EXPECT_EQ(loaded.config->topic_defaults.segment_bytes, 200);
}

TEST(Loader, EnvironmentNames) {
  EXPECT_EQ(key_of_environment_variable("GREGOR_LOG_RETENTION_MS"), "log.retention.ms");
  EXPECT_EQ(key_of_environment_variable("GREGOR_ZOOKEEPER_CLIENTCNXNSOCKET"),
            "zookeeper.clientCnxnSocket");
  EXPECT_EQ(key_of_environment_variable("GREGOR_SHARDS"), "gregor.shards");
  EXPECT_EQ(key_of_environment_variable("GREGOR_GREGOR_SHARDS"), "gregor.shards");
  EXPECT_EQ(key_of_environment_variable("GREGOR_NO_SUCH"), "no.such");
  EXPECT_EQ(key_of_environment_variable("KAFKA_LOG_DIRS"), std::nullopt);
}

TEST(Loader, ErrorsNameThePlace) {
  EXPECT_THAT(load_file("\nnum.partitions=0\n").errors,
              ElementsAre("server.properties:2: Invalid value 0 for configuration num.partitions: "
                          "Value must be at least 1"));
  EXPECT_THAT(load_settings({"num.partitions=x"}).errors,
              ElementsAre(StartsWith("--set num.partitions: Invalid value x")));
  EXPECT_THAT(load_settings({"novalue", "=1"}).errors, testing::SizeIs(2));
  const auto loaded = load_config({.environment = {{"GREGOR_DELETE_TOPIC_ENABLE", "yes"}}});
  EXPECT_THAT(loaded.errors,
              ElementsAre(StartsWith("environment variable GREGOR_DELETE_TOPIC_ENABLE: ")));
  EXPECT_FALSE(loaded.config.has_value());
  EXPECT_THAT(load_file("a=\\u1").errors, ElementsAre(StartsWith("server.properties:1: ")));
}

TEST(Loader, SeveralErrorsAtOnce) {
  EXPECT_THAT(load_settings({"num.partitions=0", "listeners=x", "log.dirs=/a,/a/", "broker.id=1",
                             "node.id=2"})
                  .errors,
              testing::SizeIs(4));
}

TEST(Loader, DuplicateKeysWarnAndTheLastWins) {
  const auto loaded = load_file("num.partitions=2\n\nnum.partitions=3\n");
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_EQ(loaded.config->num_partitions, 3);
  EXPECT_THAT(loaded.warnings,
              ElementsAre(StartsWith("server.properties:3: num.partitions was set before at "
                                     "server.properties:1")));
}

TEST(Loader, UnknownKeysNameTheNearest) {
  auto loaded = load_file("log.retenton.ms=1\nretention.ms=5\nwhatever=1\nlog.dir=/d\n");
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_THAT(loaded.warnings,
              Contains("server.properties:1: unknown key \"log.retenton.ms\"; did you mean "
                       "\"log.retention.ms\"?"));
  EXPECT_THAT(loaded.warnings,
              Contains("server.properties:2: unknown key \"retention.ms\"; did you mean "
                       "\"log.retention.ms\"?"));
  EXPECT_THAT(loaded.warnings, Contains("server.properties:3: unknown key \"whatever\""));
  const auto strict = load_config({.settings = {"log.retenton.ms=1"}, .is_strict = true});
  EXPECT_THAT(strict.errors, ElementsAre(HasSubstr("did you mean \"log.retention.ms\"?")));
}

TEST(Loader, OnlySoManyUnknownKeysGetASuggestion) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "log.dirs" + std::to_string(i) + "=x\n";
  const auto loaded = load_file(text);
  ASSERT_EQ(loaded.warnings.size(), 100U);
  EXPECT_THAT(loaded.warnings.front(), HasSubstr("did you mean"));
  EXPECT_THAT(loaded.warnings.back(), testing::Not(HasSubstr("did you mean")));
}

TEST(Loader, KnownKeysAreNotedAndAnIgnoredAuthorizerIsLoud) {
  const auto loaded =
      load_file("num.io.threads=8\nlistener.name.x.ssl.key.password=p\nauthorizer.class.name=A\n");
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_THAT(loaded.notes, ElementsAre("accepted without effect yet: authorizer.class.name, "
                                        "listener.name.x.ssl.key.password, num.io.threads"));
  EXPECT_THAT(loaded.warnings, ElementsAre(HasSubstr("every client may do everything")));
}

TEST(Loader, NearestKey) {
  EXPECT_EQ(nearest_key("log.dri"), "log.dir");
  EXPECT_EQ(nearest_key("zookeper.connect"), "zookeeper.connect");
  EXPECT_EQ(nearest_key("min.cleanable.dirty.ratio"), "log.cleaner.min.cleanable.ratio");
  EXPECT_EQ(nearest_key("x"), std::nullopt);
  EXPECT_EQ(nearest_key(""), std::nullopt);
  EXPECT_EQ(nearest_key(std::string(100000, 'a')), std::nullopt);
}

TEST(Loader, SecretsAreKnown) {
  EXPECT_TRUE(is_secret_key("ssl.keystore.password"));
  EXPECT_TRUE(is_secret_key("listener.name.x.sasl.jaas.config"));
  EXPECT_TRUE(is_secret_key("my.password"));
  EXPECT_FALSE(is_secret_key("log.dirs"));
}

TEST(Loader, Relations) {
  EXPECT_THAT(load_settings({"zookeeper.connect=localhost:2181"}).errors,
              ElementsAre(HasSubstr("cluster mode is not there")));
  EXPECT_TRUE(load_settings({"zookeeper.connect="}).config.has_value());
  EXPECT_THAT(load_settings({"log.dirs= , "}).errors, ElementsAre(HasSubstr("at least one")));
  EXPECT_THAT(load_settings({"log.retention.hours=0"}).errors, testing::SizeIs(1));
  EXPECT_TRUE(load_settings({"log.retention.hours=0", "log.retention.ms=5"}).config.has_value());
  EXPECT_THAT(load_settings({"log.retention.ms=0"}).errors, testing::SizeIs(1));
  EXPECT_EQ(load_settings({"node.id=7"}).config->broker_id, 7);
  EXPECT_THAT(
      load_settings({"log.cleaner.min.compaction.lag.ms=5", "log.cleaner.max.compaction.lag.ms=4"})
          .errors,
      ElementsAre(HasSubstr("conflict")));
}

TEST(Loader, WhatIsHardlyMeantSoIsWarnedOf) {
  for (const auto& settings :
       std::vector<std::vector<std::string>>{{"min.insync.replicas=2"},
                                             {"message.max.bytes=2000000000"},
                                             {"log.retention.bytes=1000"}}) {
    const auto loaded = load_settings(settings);
    EXPECT_TRUE(loaded.config.has_value());
    EXPECT_THAT(loaded.warnings,
                ElementsAre(HasSubstr(settings[0].substr(0, settings[0].find('=')))));
  }
  EXPECT_THAT(load_settings({"min.insync.replicas=2", "default.replication.factor=2"}).warnings,
              IsEmpty());
}

TEST(Loader, LogDirsWithinEachOtherAreRefused) {
  EXPECT_THAT(load_settings({"log.dirs=/a/b,/a"}).errors,
              ElementsAre(HasSubstr("/a/b lies within /a")));
  EXPECT_TRUE(load_settings({"log.dirs=/a,/a-b,/ab"}).config.has_value());
}

TEST(Loader, InterBrokerListener) {
  const std::string map = "listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT";
  const std::string listeners = "listeners=A://127.0.0.1:1,B://127.0.0.1:2";
  EXPECT_THAT(load_settings({map, listeners}).errors,
              ElementsAre(HasSubstr("set inter.broker.listener.name")));
  EXPECT_EQ(
      load_settings({map, listeners, "inter.broker.listener.name=b"}).config->inter_broker_listener,
      "B");
  EXPECT_FALSE(load_settings({map, listeners, "inter.broker.listener.name=C"}).config.has_value());
  EXPECT_FALSE(load_settings({"inter.broker.listener.name=PLAINTEXT",
                              "security.inter.broker.protocol=PLAINTEXT"})
                   .config.has_value());
}

TEST(Loader, SeveralLogDirsAndTheFrameBudget) {
  const auto loaded =
      load_settings({"log.dir=/x", "log.dirs=/a, /b/ ,/c", "queued.max.request.bytes=1000",
                     "gregor.log.level=debug", "gregor.log.format=json"});
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_THAT(loaded.config->log_dirs, ElementsAre("/a", "/b", "/c"));
  EXPECT_EQ(loaded.config->frame_bytes_max_total, 1000);
  EXPECT_EQ(loaded.config->log_level, log::Level::debug);
  EXPECT_EQ(loaded.config->log_format, log::Format::json);
}

TEST(Documentation, ListsEveryKey) {
  const auto text = configuration_markdown();
  for (const auto& option : broker_options())
    EXPECT_THAT(text, HasSubstr("| `" + std::string(option.name) + "` |"));
  for (const auto& option : topic_options())
    EXPECT_THAT(text, HasSubstr("| `" + std::string(option.name) + "` |"));
  EXPECT_THAT(text, HasSubstr("- `ssl.keystore.location`\n"));
}

}  // namespace
}  // namespace gregor::config
