#include "app/server_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "app/run_server.h"
#include "base/log.h"
#include "config/option_tables.h"

extern char** environ;

namespace gregor::app {
namespace {

constexpr std::string_view component = "config";
/// A configuration is a few kilobytes; a larger file is a mistake (a device, a log).
constexpr std::size_t config_file_bytes_max = 1 << 20;

Result<config::ConfigFile> read_config_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return fail(ErrorCode::invalid_config,
                fmt::format("cannot read {}: {}", path, std::strerror(errno)), errno);
  }
  std::string text(config_file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.gcount() == 0 && !file.eof())) {
    return fail(ErrorCode::invalid_config,
                fmt::format("cannot read {}: {}", path, std::strerror(errno)), errno);
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > config_file_bytes_max) {
    return fail(ErrorCode::invalid_config,
                fmt::format("{} is larger than {} bytes", path, config_file_bytes_max));
  }
  return config::ConfigFile{path, std::move(text)};
}

void report(const config::LoadedConfig& loaded) {
  for (const auto& text : loaded.notes) log::info(component, "{}", text);
  for (const auto& text : loaded.warnings) log::warn(component, "{}", text);
  for (const auto& text : loaded.errors) log::error(component, "{}", text);
}

/// What differs from the defaults, as it was understood.
void report_options(const config::BrokerConfig& config) {
  for (const auto& option : config::broker_options()) {
    if (!config.given.contains(option.name)) continue;
    log::info(component, "{}={}", option.name, option.get(config).value_or(""));
  }
}

}  // namespace

CLI::App* add_server_command(CLI::App& app, ServerArguments& arguments) {
  auto* command = app.add_subcommand("server", "Run a broker");
  command
      ->add_option("-c,--config", arguments.config_path,
                   "A file in the format of Kafka's server.properties")
      ->type_name("FILE");
  command
      ->add_option("-s,--set", arguments.settings,
                   "Set one key; wins over environment and file; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  command->add_flag("--check-config", arguments.is_check_only,
                    "Check the configuration, print it, and end");
  command->add_flag("--strict", arguments.is_strict, "Unknown keys are errors");
  command->footer(
      "Examples:\n"
      "  gregor server                                    data in ./gregor-data, 127.0.0.1:9092\n"
      "  gregor server --config server.properties         an existing Kafka configuration\n"
      "  gregor server --set log.dirs=/srv/gregor --set listeners=PLAINTEXT://0.0.0.0:9092 \\\n"
      "                --set advertised.listeners=PLAINTEXT://broker.example.org:9092\n"
      "  GREGOR_NUM_PARTITIONS=6 gregor server            a key as an environment variable\n"
      "  gregor server --config server.properties --check-config --strict\n"
      "All keys: docs/configuration.md\n");
  return command;
}

int run_server_command(const ServerArguments& arguments, const ServerEnvironment& environment) {
  config::ConfigSources sources{.environment = environment.variables,
                                .settings = arguments.settings,
                                .host_name = environment.host_name,
                                .is_strict = arguments.is_strict};
  if (!arguments.config_path.empty()) {
    auto file = read_config_file(arguments.config_path);
    if (!file) {
      log::error(component, "{}", file.error().detail);
      return 2;
    }
    sources.file = std::move(*file);
  }
  const auto loaded = config::load_config(sources);
  if (loaded.config) log::configure(loaded.config->log_level, loaded.config->log_format);
  report(loaded);
  if (!loaded.config) return 2;
  report_options(*loaded.config);
  if (arguments.is_check_only) {
    log::info(component, "the configuration is valid");
    return 0;
  }
  if (::geteuid() == 0) log::warn(component, "this runs as root; a user of its own is enough");
  return environment.run(*loaded.config);
}

ServerEnvironment system_environment() {
  ServerEnvironment environment{.variables = {}, .host_name = "localhost", .run = run_server};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0')
    environment.host_name = name.data();
  return environment;
}

}  // namespace gregor::app
