#include "app/run_server.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "broker/server.h"
#include "metadata/embedded/embedded_store.h"
#include "runtime/real/real_runtime.h"

#ifndef GREGOR_VERSION
#error "GREGOR_VERSION is set by CMake"
#endif

namespace gregor::app {
namespace {

constexpr std::string_view component = "server";
// Without a log dir there is nothing left to write; a disk that hangs must not keep the process.
constexpr std::chrono::seconds stop_without_dirs_max{30};

runtime::Task<Result<std::unique_ptr<metadata::Store>>> open_embedded(runtime::Shard& shard,
                                                                      std::string first_log_dir) {
  auto store = co_await metadata::EmbeddedStore::open(
      shard, first_log_dir + "/" + metadata::embedded_store_file);
  if (!store) co_return fail(std::move(store.error()));
  co_return std::unique_ptr<metadata::Store>(std::move(*store));
}

std::uint32_t shard_count(const config::BrokerConfig& config) {
  if (config.gregor_shards > 0) return static_cast<std::uint32_t>(config.gregor_shards);
  return std::max(1U, runtime::real::processor_count() - 1);
}

void say_ready(const broker::ServerFacts& facts) {
  std::string addresses;
  for (const config::Listener& listener : facts.listeners) {
    addresses += (addresses.empty() ? "" : ", ") + config::format_listener(listener);
  }
  log::info(component, "ready: {}; broker {} of cluster {}; data in {}", addresses,
            facts.broker_id.value(), facts.cluster_id, fmt::join(facts.log_dirs, ", "));
  for (const config::Listener& listener : facts.http_listeners) {
    log::info(component, "health, metrics and state: http://{}/", config::address_of(listener));
  }
  log::info(component, "try: echo hello | kcat -b {} -t greetings -P",
            config::address_of(facts.listeners.front()));
}

// What main's thread and shard 0 share of one run.
struct Run {
  broker::Server server;
  runtime::Shard& shard;
  runtime::OneShot stop_asked;
  int exit_code = 0;
};

// Apache Kafka halts then, with 1 as well; here requests under way are answered first.
void end_without_dirs(Run& run, const std::vector<std::string>& log_dirs) {
  log::error(component, "the broker ends, for all log dirs have failed: {}",
             fmt::join(log_dirs, ", "));
  run.exit_code = 1;
  run.shard.start_timer(run.shard.clock().now() + stop_without_dirs_max, [] { std::_Exit(1); });
  run.stop_asked.set();
}

runtime::Task<void> serve(Run& run) {
  auto started = co_await run.server.start();
  if (started) {
    say_ready(*started);
    co_await run.stop_asked.wait();
    log::info(component, "stopping: requests under way are answered, logs are flushed");
  } else {
    log::error(component, "cannot start: {}", started.error().detail);
    run.exit_code = 1;
  }
  const bool is_clean = co_await run.server.stop();
  if (!is_clean) run.exit_code = 1;
  if (started && is_clean) log::info(component, "stopped in order");
}

/// How the limit of open files is divided.
struct DescriptorShares {
  std::int64_t connections = std::numeric_limits<std::int64_t>::max();
  std::int64_t logs = std::numeric_limits<std::int64_t>::max();
};

Result<DescriptorShares> descriptor_shares(const config::BrokerConfig& config) {
  const auto limit = runtime::real::raise_descriptor_limit();
  if (!limit) {
    log::warn(component, "the limit of open files could not be raised: {}", limit.error().detail);
    return DescriptorShares{};
  }
  const auto open_files_max = static_cast<std::int64_t>(
      std::min<std::uint64_t>(*limit, std::numeric_limits<std::int64_t>::max()));
  const std::int64_t reserved = config.gregor_reserved_file_descriptors;
  const auto slots = slots_beside_logs(open_files_max, reserved);
  if (!slots) return fail(slots.error());
  return DescriptorShares{*slots, log_descriptors(open_files_max, reserved)};
}

constexpr std::int64_t reserve_min = 48;  // an empty broker has about half of it

}  // namespace

Result<std::int64_t> slots_beside_logs(std::int64_t open_files_max, std::int64_t reserved) {
  constexpr std::int64_t open_files_min = 64;
  if (reserved < 0) reserved = std::max(open_files_max / 4, reserve_min);
  if (open_files_max < open_files_min || open_files_max <= reserved) {
    return fail(ErrorCode::invalid_config,
                fmt::format("the limit of open files is {}, at least {} are needed; raise it "
                            "(ulimit -n, LimitNOFILE= of systemd) or lower "
                            "gregor.reserved.file.descriptors",
                            open_files_max, std::max(open_files_min, reserved + 1)));
  }
  return open_files_max - reserved;
}

std::int64_t log_descriptors(std::int64_t open_files_max, std::int64_t reserved) {
  return std::max({reserved, open_files_max / 4, reserve_min}) / 4 * 3;
}

int run_server(const config::BrokerConfig& config) {
  const auto shares = descriptor_shares(config);
  if (!shares) {
    log::error(component, "cannot start: {}", shares.error().detail);
    return 1;
  }
  runtime::real::RuntimeOptions options;
  options.shard_count = shard_count(config);
  options.io_threads = static_cast<std::uint32_t>(config.gregor_io_threads);
  runtime::real::RealRuntime machine(options);

  broker::ServerOptions server;
  server.config = config;
  server.open_store = open_embedded;
  server.connections_by_descriptors = shares->connections;
  server.log_descriptors = shares->logs;
  server.version = GREGOR_VERSION;
  server.process_usage = runtime::real::process_usage;
  for (std::uint32_t i = 0; i < machine.shard_count(); ++i)
    server.shards.push_back(&machine.shard(runtime::ShardId(i)));
  Run* running = nullptr;
  server.on_log_dirs_lost = [&running, &config] { end_without_dirs(*running, config.log_dirs); };
  runtime::Shard& first = machine.shard(runtime::ShardId(0));
  Run run{broker::Server(std::move(server)), first, runtime::OneShot(first)};
  running = &run;

  const auto handled = machine.on_signal([&run](int) {
    // A second signal means now: what was acknowledged is kept, the next start recovers.
    if (run.stop_asked.is_set()) std::_Exit(1);
    run.stop_asked.set();
  });
  if (!handled) {
    log::error(component, "signals cannot be handled: {}", handled.error().detail);
    return 1;
  }
  machine.start();
  machine.run([&run] { return serve(run); });
  machine.stop();
  return run.exit_code;
}

}  // namespace gregor::app
