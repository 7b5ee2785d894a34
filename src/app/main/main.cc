// The `gregor` program: parses the command line and starts the subcommand. Exit codes: 0 ok, 1
// failed, 2 wrong usage or configuration.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/server_command.h"

#ifndef GREGOR_VERSION
#error "GREGOR_VERSION is set by CMake"
#endif

namespace {

constexpr const char* examples =
    "Examples:\n"
    "  gregor server                              run a broker on 127.0.0.1:9092, data in "
    "./gregor-data\n"
    "  echo hello | kcat -P -b 127.0.0.1:9092 -t greetings\n"
    "  kcat -C -b 127.0.0.1:9092 -t greetings -e\n"
    "  gregor server --help                       options of the broker\n";

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Gregor: a message broker that speaks Kafka's protocol and keeps Kafka's files",
               "gregor"};
  app.set_version_flag("--version", "gregor " GREGOR_VERSION);
  app.footer(examples);
  app.require_subcommand(1);
  gregor::app::ServerArguments arguments;
  const auto* server = gregor::app::add_server_command(app, arguments);
  const auto is_asked_for = [&](CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_asked_for).empty()) {
    std::fprintf(stderr, "gregor: there is no command \"%s\"; gregor --help lists them\n", argv[1]);
    return exit_usage;
  }
  try {
    app.parse(argc, argv);
  } catch (
      const CLI::ParseError& error) {  // CLI11 reports by exceptions, help and version included
    if (app.exit(error) != 0) return exit_usage;
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? 0 : exit_failed;
  }
  if (*server) return gregor::app::run_server_command(arguments, gregor::app::system_environment());
  return exit_usage;
}
