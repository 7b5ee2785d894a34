// `gregor server`: from the command line to a running broker.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "config/broker_config.h"
#include "config/config_loader.h"

namespace CLI {
class App;
}

namespace gregor::app {

/// What `gregor server` was asked for.
struct ServerArguments {
  std::string config_path;            ///< --config, "" = none
  std::vector<std::string> settings;  ///< --set
  bool is_check_only = false;         ///< --check-config
  bool is_strict = false;             ///< --strict
};

/// What the command takes from outside, so that tests can put something else in its place.
struct ServerEnvironment {
  std::vector<std::pair<std::string, std::string>> variables;
  std::string host_name;
  std::function<int(const config::BrokerConfig&)> run;
};

/// Adds the subcommand with its options to `app`; parsing fills `arguments`, which must outlive it.
CLI::App* add_server_command(CLI::App& app, ServerArguments& arguments);

/// Loads the configuration, says what is wrong with it, and runs the broker (or not, with
/// --check-config).
/// @return the exit code: 0 ok, 1 failed, 2 the configuration is wrong
[[nodiscard]] int run_server_command(const ServerArguments& arguments,
                                     const ServerEnvironment& environment);

/// The variables and the name of this machine, with `run_server`.
[[nodiscard]] ServerEnvironment system_environment();

}  // namespace gregor::app
