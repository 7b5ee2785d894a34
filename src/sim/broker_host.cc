#include "sim/broker_host.h"

#include <fmt/format.h>

#include <sstream>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "config/config_loader.h"

namespace gregor::sim {
namespace {

using runtime::simulated::CrashKind;

constexpr std::uint32_t shard_count = 2;
constexpr runtime::Duration start_max = std::chrono::seconds(30);
constexpr runtime::Duration stop_max = std::chrono::seconds(30);
constexpr std::string_view log_suffix = ".log";
constexpr std::string_view deleted_suffix = "-delete";
constexpr std::string_view recovery_points_name = "/recovery-point-offset-checkpoint";

std::vector<std::byte> read_file(runtime::FileSystem& files, const std::string& path) {
  auto file = files.open(path, runtime::OpenMode::read);
  if (!file) return {};
  const auto size = (*file)->size();
  std::vector<std::byte> content(size.value_or(0));
  const auto got = (*file)->read_at(0, content);
  content.resize(got.value_or(0));
  return content;
}

// Directories that can't be listed are not there (yet).
std::vector<runtime::FileInfo> entries_of(runtime::FileSystem& files, const std::string& path) {
  auto entries = files.list(path);
  return entries ? std::move(*entries) : std::vector<runtime::FileInfo>();
}

runtime::Task<Result<std::unique_ptr<metadata::Store>>> connect_store(
    metadata::SimulatedStoreServer& server, runtime::Shard& shard) {
  co_return server.connect(shard);
}

}  // namespace

BrokerHost::BrokerHost(runtime::simulated::World& world, const Settings& settings,
                       Violations& violations, UniqueFunction<void()> on_end)
    : world_(world),
      settings_(settings),
      violations_(violations),
      on_end_(std::move(on_end)),
      node_(world.add_node("broker")),
      store_(settings.store) {}

BrokerHost::~BrokerHost() {
  if (node_.is_up()) node_.crash(CrashKind::kill);
  bury();
}

broker::ServerOptions BrokerHost::make_options() {
  auto loaded = config::load_config({.settings = settings_.broker, .is_strict = true});
  for (const std::string& error : loaded.errors) violations_.add("SETUP", error);
  GREGOR_ASSERT(loaded.config.has_value());
  broker::ServerOptions options;
  options.config = std::move(*loaded.config);
  for (std::uint32_t i = 0; i < shard_count; ++i) options.shards.push_back(&node_.shard(i));
  metadata::SimulatedStoreServer* store = &store_;
  options.open_store = [store](runtime::Shard& shard, std::string) {
    return connect_store(*store, shard);
  };
  return options;
}

runtime::Task<void> BrokerHost::run_start(broker::Server* server,
                                          std::shared_ptr<Progress> progress) {
  auto started = co_await server->start();
  progress->is_good = started.has_value();
  if (!started) progress->detail = started.error().detail;
  progress->is_done = true;
}

runtime::Task<void> BrokerHost::run_stop(broker::Server* server,
                                         std::shared_ptr<Progress> progress) {
  progress->is_good = co_await server->stop();
  progress->detail = "something could not be written";
  progress->is_done = true;
}

HostOutcome BrokerHost::await(const Progress& progress, runtime::Duration limit, const char* what) {
  const bool ended =
      world_.run_while_not([&] { return progress.is_done || has_crashed_; }, world_.now() + limit);
  if (has_crashed_) return HostOutcome::crashed;
  if (!ended) {
    violations_.add(what,
                    fmt::format("has not ended after {} s",
                                std::chrono::duration_cast<std::chrono::seconds>(limit).count()));
    return HostOutcome::failed;
  }
  if (progress.is_good) return HostOutcome::done;
  violations_.add(what, progress.detail);
  return HostOutcome::failed;
}

HostOutcome BrokerHost::start() {
  GREGOR_ASSERT(!node_.is_up() && !server_);
  has_crashed_ = false;
  const auto sizes = log_sizes();
  node_.boot(shard_count);
  server_ = std::make_unique<broker::Server>(make_options());
  auto progress = std::make_shared<Progress>();
  runtime::Shard& shard = node_.shard(0);
  shard.post([&shard, server = server_.get(), progress] {
    shard.message_tasks().spawn(run_start(server, progress));
  });
  is_starting_ = true;
  const HostOutcome outcome = await(*progress, start_max, "START");
  is_starting_ = false;
  if (outcome == HostOutcome::done) look_for_cuts(sizes);
  return outcome;
}

HostOutcome BrokerHost::stop() {
  GREGOR_ASSERT(server_ && node_.is_up());
  on_end_();
  auto progress = std::make_shared<Progress>();
  runtime::Shard& shard = node_.shard(0);
  shard.post([&shard, server = server_.get(), progress] {
    shard.message_tasks().spawn(run_stop(server, progress));
  });
  const HostOutcome outcome = await(*progress, stop_max, "STOP");
  if (outcome == HostOutcome::crashed) return outcome;
  ++counts_.clean_stops;
  look_for_rolls();
  node_.crash(CrashKind::kill);
  bury();
  return outcome;
}

void BrokerHost::note_end(CrashKind kind) {
  has_crashed_ = true;
  crash_kind_ = kind;
  on_end_();
  if (is_starting_) ++counts_.crashes_in_start;
  if (kind == CrashKind::kill) {
    ++counts_.kills;
    return;
  }
  ++counts_.power_losses;
  const auto& loss = node_.last_power_loss();
  counts_.bytes_lost += loss.bytes_cut + 512 * (loss.sectors_lost + loss.sectors_torn);
}

void BrokerHost::crash(CrashKind kind) {
  if (!has_crashed_) look_for_rolls();
  node_.crash(kind);
  note_end(kind);
}

void BrokerHost::arm_crash(std::uint64_t n, CrashKind kind) {
  node_.crash_after_file_operations(n, kind, [this, kind] {
    look_for_rolls();
    note_end(kind);
  });
}

void BrokerHost::bury() {
  store_.expire_all();
  node_.drop_work();
  server_.reset();
  node_.destroy_shards();
}

std::map<std::string, std::uint64_t> BrokerHost::log_sizes() {
  std::map<std::string, std::uint64_t> sizes;
  runtime::FileSystem& files = node_.outside_files();
  for (const std::string& log_dir : settings_.log_dirs) {
    for (const auto& folder : entries_of(files, log_dir)) {
      if (!folder.is_directory || folder.name.ends_with(deleted_suffix)) continue;
      const std::string path = log_dir + "/" + folder.name;
      for (const auto& file : entries_of(files, path)) {
        if (file.name.ends_with(log_suffix)) sizes.emplace(path + "/" + file.name, file.size);
      }
    }
  }
  return sizes;
}

void BrokerHost::look_for_rolls() {
  std::map<std::string, int> segments;
  for (const auto& [path, size] : log_sizes()) {
    if (++segments[path.substr(0, path.rfind('/'))] == 2) {
      ++counts_.rolled;
      return;
    }
  }
}

void BrokerHost::look_for_cuts(const std::map<std::string, std::uint64_t>& before) {
  const auto after = log_sizes();
  for (const auto& [path, size] : before) {
    const auto found = after.find(path);
    if (found == after.end() || found->second >= size) continue;
    ++counts_.torn_tails;
    return;
  }
}

// Of a topic that is there for the whole run.
bool BrokerHost::is_lasting(const std::string& path) const {
  for (const TopicPlan& topic : settings_.topics) {
    if (path.find("/" + topic.name + "-") != std::string::npos) return true;
  }
  return false;
}

std::uint64_t BrokerHost::digest() {
  std::uint64_t digest = 0;
  for (const auto& [path, size] : log_sizes()) {
    if (!is_lasting(path)) continue;
    for (const char c : path)
      digest = runtime::simulated::mix(digest ^ static_cast<unsigned char>(c));
    for (const std::byte byte : read_file(node_.outside_files(), path)) {
      digest = (digest ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3U;
    }
  }
  return digest;
}

std::map<std::string, std::int64_t> BrokerHost::recovery_points() {
  std::map<std::string, std::int64_t> points;
  for (const std::string& log_dir : settings_.log_dirs) {
    const auto content =
        read_file(node_.outside_files(), log_dir + std::string(recovery_points_name));
    std::istringstream lines{std::string(as_text(content))};
    std::string line;
    for (int i = 0; std::getline(lines, line); ++i) {
      if (i < 2) continue;  // version and count
      std::istringstream words(line);
      std::string topic;
      std::string partition;
      std::int64_t offset = 0;
      if (words >> topic >> partition >> offset) points[topic + "-" + partition] = offset;
    }
  }
  return points;
}

}  // namespace gregor::sim
