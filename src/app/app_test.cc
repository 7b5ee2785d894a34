// `gregor server` up to the moment where the broker starts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "app/run_server.h"
#include "app/server_command.h"

namespace gregor::app {
namespace {

class ServerCommand : public testing::Test {
 protected:
  ServerCommand() {
    environment_.host_name = "box";
    environment_.run = [this](const config::BrokerConfig& config) {
      config_ = config;
      return 7;
    };
  }
  ~ServerCommand() override {
    if (!path_.empty()) std::filesystem::remove(path_);
  }

  int run(const std::vector<std::string>& words) {
    CLI::App app;
    ServerArguments arguments;
    add_server_command(app, arguments);
    std::vector<std::string> reversed(words.rbegin(), words.rend());  // CLI11 takes them so
    reversed.emplace_back("server");
    app.parse(reversed);
    return run_server_command(arguments, environment_);
  }

  const std::string& file(const std::string& text) {
    path_ =
        (std::filesystem::temp_directory_path() / ("gregor_app_test_" + std::to_string(::getpid())))
            .string();
    std::ofstream(path_) << text;
    return path_;
  }

  ServerEnvironment environment_;
  std::optional<config::BrokerConfig> config_;
  std::string path_;
};

TEST_F(ServerCommand, RunsWithNothingAtAll) {
  EXPECT_EQ(run({}), 7);
  ASSERT_TRUE(config_.has_value());
  EXPECT_EQ(config_->listeners.front().host, "127.0.0.1");
}

TEST_F(ServerCommand, FileEnvironmentAndSettings) {
  environment_.variables = {{"GREGOR_NUM_PARTITIONS", "3"}};
  EXPECT_EQ(run({"--config", file("num.partitions=2\nbroker.id=9\n"), "--set", "log.dirs=/a,/b",
                 "-s", "message.max.bytes=5"}),
            7);
  ASSERT_TRUE(config_.has_value());
  EXPECT_EQ(config_->num_partitions, 3);
  EXPECT_EQ(config_->broker_id, 9);
  EXPECT_EQ(config_->message_max_bytes, 5);
  EXPECT_THAT(config_->log_dirs, testing::ElementsAre("/a", "/b"));
  EXPECT_EQ(config_->advertised_listeners.front().host, "box");
}

TEST_F(ServerCommand, CheckConfigDoesNotRun) {
  EXPECT_EQ(run({"--check-config"}), 0);
  EXPECT_FALSE(config_.has_value());
}

TEST_F(ServerCommand, WrongConfigurationIsExitCode2) {
  EXPECT_EQ(run({"--set", "num.partitions=x"}), 2);
  EXPECT_EQ(run({"--config", "/no/such/file"}), 2);
  EXPECT_EQ(run({"--config", "/"}), 2);
  EXPECT_EQ(run({"--config", file(std::string((1 << 20) + 1, '#'))}), 2);
  EXPECT_EQ(run({"--strict", "--set", "no.such.key=1"}), 2);
  EXPECT_FALSE(config_.has_value());
  EXPECT_EQ(run({"--set", "no.such.key=1"}), 7);
}

TEST_F(ServerCommand, UnknownOptionsAreUsageErrors) {
  EXPECT_THROW(run({"--no-such-option"}), CLI::ParseError);
}

TEST(SlotsBesideLogs, AQuarterOfTheDescriptorsIsKeptForTheLogs) {
  EXPECT_EQ(slots_beside_logs(20000, -1).value(), 15000);
  EXPECT_EQ(slots_beside_logs(64, -1).value(), 16);
  EXPECT_EQ(slots_beside_logs(100, 99).value(), 1);
  EXPECT_EQ(slots_beside_logs(100, 0).value(), 100);
}

TEST(LogDescriptors, ThreeQuartersOfWhatIsReserved) {
  EXPECT_EQ(log_descriptors(20000, -1), 3750);
  EXPECT_EQ(log_descriptors(64, -1), 36);
  EXPECT_EQ(log_descriptors(20000, 8000), 6000);
  EXPECT_EQ(log_descriptors(20000, 0), 3750);
}

TEST(SlotsBesideLogs, TooFewAreRefusedWithTheNumberThatIsNeeded) {
  EXPECT_THAT(slots_beside_logs(16, -1).error().detail, testing::HasSubstr("is 16, at least 64"));
  EXPECT_THAT(slots_beside_logs(1000, 1000).error().detail,
              testing::HasSubstr("is 1000, at least 1001"));
}

}  // namespace
}  // namespace gregor::app
