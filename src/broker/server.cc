#include "broker/server.h"
#include "broker/compaction.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "base/log.h"
#include "broker/acceptor.h"
#include "broker/broker_shard.h"
#include "broker/config_alterations.h"
#include "broker/connection_set.h"
#include "broker/controller_glue.h"
#include "broker/groups/group_coordinator.h"
#include "broker/groups/group_shard.h"
#include "broker/housekeeping.h"
#include "broker/local_partitions.h"
#include "broker/log_dir_moves.h"
#include "broker/log_retention.h"
#include "broker/producer_ids.h"
#include "broker/scrub.h"
#include "broker/status/status_pages.h"
#include "config/topic_config_rules.h"
#include "storage/file_names.h"
#include "storage/log_dirs.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "server";
// Requests under way get so long to be answered when the broker stops.
constexpr std::chrono::seconds drain_max{5};
// HTTP answers under way get so long.
constexpr std::chrono::seconds http_drain_max{1};
constexpr std::int32_t default_broker_id = 1;  // embedded store, nothing configured

class TopicConfigTable final : public controller::TopicConfigRules {
 public:
  explicit TopicConfigTable(const BrokerShared& shared) : shared_(shared) {}
  [[nodiscard]] Result<model::ConfigEntries> check(
      const model::ConfigEntries& configs) const override {
    return config::check_topic_configs(shared_.shards[0]->config(), configs);
  }

 private:
  const BrokerShared& shared_;
};

runtime::Task<bool> stop_set(ConnectionSet& set, runtime::Instant deadline) {
  co_await set.stop(deadline);
  co_return true;
}

runtime::Task<bool> start_groups(BrokerShard& shard) {
  shard.group_coordinator().start();
  co_return true;
}

runtime::Task<bool> stop_groups(BrokerShard& shard) {
  co_await shard.group_coordinator().stop();
  co_await shard.group_shard().stop();
  co_return true;
}

runtime::ListenOptions listen_options(const config::BrokerConfig& config) {
  runtime::ListenOptions options;
  options.backlog = std::max(options.backlog, config.socket_listen_backlog_size);
  options.send_buffer_bytes = static_cast<int>(config.socket_send_buffer_bytes);
  // A fixed receive buffer of Kafka's default size makes receiving dearer (0.97 against 0.77 s of
  // CPU per GB, medians of nine in turn, 2026-11-21), so the default leaves it to the kernel.
  constexpr std::int64_t kafka_default = 102400;
  if (config.socket_receive_buffer_bytes != kafka_default)
    options.receive_buffer_bytes = static_cast<int>(config.socket_receive_buffer_bytes);
  return options;
}

std::vector<model::BrokerEndpoint> endpoints_of(const std::vector<config::Listener>& advertised,
                                                const std::vector<config::Listener>& bound) {
  std::vector<model::BrokerEndpoint> endpoints;
  for (const config::Listener& listener : advertised) {
    std::uint16_t port = listener.port;
    for (const config::Listener& real : bound) {
      if (real.name == listener.name && port == 0) port = real.port;
    }
    endpoints.push_back({listener.name, listener.host, port});
  }
  return endpoints;
}

http::ServerLimits http_limits(const config::BrokerConfig& config) {
  http::ServerLimits limits;
  limits.connections_max = static_cast<std::size_t>(config.gregor_http_max_connections);
  limits.connection.request_max = std::chrono::milliseconds(config.gregor_http_request_timeout_ms);
  limits.connection.idle_max = std::chrono::milliseconds(config.gregor_http_idle_timeout_ms);
  return limits;
}

}  // namespace

// Destroyed from the bottom up: what serves clients goes first.
class Server::State {
 public:
  explicit State(ServerOptions options);

  runtime::Task<Result<ServerFacts>> start();
  runtime::Task<bool> stop();

 private:
  runtime::Task<Result<void>> open_dirs();
  Result<void> open_http();
  Result<void> choose_broker_id();
  runtime::Task<Result<StoreFacts>> open_metadata();
  runtime::Task<Result<void>> take_dirs();
  runtime::Task<Result<void>> write_meta(const std::string& cluster_id);
  runtime::Task<Result<void>> adopt_folders();
  runtime::Task<bool> close_dirs(std::int64_t broker_epoch);
  runtime::Task<void> stop_connections();
  runtime::Task<void> on_every_shard(runtime::Task<bool> (*work)(BrokerShard& shard));
  [[nodiscard]] bool was_clean() const;
  [[nodiscard]] ControllerSettings controller_settings() const;
  [[nodiscard]] ServerFacts facts(const std::string& cluster_id) const;
  void warn_of_unclaimed() const;

  runtime::Shard& shard_;
  StoreFactory open_store_;
  BrokerShared shared_;
  TopicConfigTable topic_configs_;
  std::unique_ptr<storage::LogDirs> dirs_;
  bool has_unknown_dir_ = false;  // one had no meta.properties when it was opened
  std::unique_ptr<metadata::Store> store_;
  LocalPartitions partitions_;
  std::unique_ptr<ControllerService> controller_;
  std::unique_ptr<ConfigAlterations> config_alterations_;
  std::unique_ptr<ProducerIds> producer_ids_;
  std::unique_ptr<Housekeeping> housekeeping_;
  std::unique_ptr<LogRetention> retention_;
  std::unique_ptr<Compaction> compaction_;
  std::unique_ptr<LogDirMoves> log_dir_moves_;
  std::unique_ptr<Scrub> scrub_;
  std::vector<std::unique_ptr<ConnectionSet>> connections_;
  const std::int64_t connections_by_descriptors_;
  const std::int64_t log_descriptors_;
  std::function<void()> on_log_dirs_lost_;
  Acceptor acceptor_;
  std::vector<config::Listener> bound_;
  bool serving_ = false;
  StatusPages pages_;
  http::Server http_;
  std::vector<config::Listener> http_bound_;
};

Server::State::State(ServerOptions options)
    : shard_(*options.shards.at(0)),
      open_store_(std::move(options.open_store)),
      topic_configs_(shared_),
      partitions_(shard_, shared_),
      connections_by_descriptors_(options.connections_by_descriptors),
      log_descriptors_(options.log_descriptors),
      on_log_dirs_lost_(std::move(options.on_log_dirs_lost)),
      acceptor_(shard_, connections_),
      pages_({shard_, shared_, connections_, partitions_, bound_, std::move(options.version),
              std::move(options.process_usage)}),
      http_(shard_, http_limits(options.config),
            [this](const http::Request& request) { return pages_.answer(request); }) {
  pages_.set_server(http_);
  shared_.config = std::move(options.config);
  for (runtime::Shard* shard : options.shards) {
    shared_.shards.push_back(std::make_unique<BrokerShard>(*shard, shared_));
    auto on_closed = [this, shard](const std::string& listener, const std::string& address) {
      shard->peer(shard_.id()).post([this, listener, address] {
        acceptor_.forget(listener, address);
      });
    };
    connections_.push_back(std::make_unique<ConnectionSet>(*shared_.shards.back(), on_closed));
  }
  partitions_.on_broker_config([this](const config::BrokerConfig& config) {
    acceptor_.configure(connection_limits(config, connections_by_descriptors_));
  });
}

runtime::Task<Result<ServerFacts>> Server::State::start() {
  if (auto opened = co_await open_dirs(); !opened) co_return fail(std::move(opened.error()));
  if (auto opened = open_http(); !opened) co_return fail(std::move(opened.error()));
  pages_.set_phase(Phase::opening_metadata);
  if (auto chosen = choose_broker_id(); !chosen) co_return fail(std::move(chosen.error()));
  auto store = co_await open_metadata();
  if (!store) co_return fail(std::move(store.error()));
  // A dir without meta.properties may be one that was emptied, or is not mounted: it is taken in
  // once nothing is missed that may have been there.
  const bool has_unknown = !store->was_empty && has_unknown_dir_;
  if (auto taken = co_await take_dirs(); !taken) co_return fail(std::move(taken.error()));
  if (!has_unknown) {
    if (auto written = co_await write_meta(store->cluster_id); !written)
      co_return fail(std::move(written.error()));
  }
  if (store->was_empty) {
    if (auto adopted = co_await adopt_folders(); !adopted)
      co_return fail(std::move(adopted.error()));
  }
  auto bound = acceptor_.bind(shared_.config.listeners, listen_options(shared_.config));
  if (!bound) co_return fail(std::move(bound.error()));
  bound_ = std::move(*bound);
  partitions_.use(*dirs_, has_unknown);
  const std::int64_t descriptors_max = shared_.config.gregor_log_file_descriptors_max;
  partitions_.limit_descriptors(descriptors_max < 0 ? log_descriptors_ : descriptors_max);
  pages_.set_phase(Phase::recovering);
  auto endpoints = endpoints_of(shared_.config.advertised_listeners, bound_);
  // Folders just adopted carry a new leader epoch already.
  const bool elects_anew = !was_clean() && !store->was_empty;
  if (auto led = co_await controller_->start(std::move(endpoints), elects_anew); !led) {
    co_return fail(std::move(led.error()));
  }
  warn_of_unclaimed();
  if (has_unknown && partitions_.missing() == 0) {
    if (auto written = co_await write_meta(store->cluster_id); !written)
      co_return fail(std::move(written.error()));
  }
  housekeeping_ = std::make_unique<Housekeeping>(shard_, shared_, *dirs_, partitions_,
                                                 std::move(on_log_dirs_lost_));
  shared_.housekeeping = housekeeping_.get();
  housekeeping_->start();
  retention_ = std::make_unique<LogRetention>(shard_, shared_);
  retention_->start();
  compaction_ = std::make_unique<Compaction>(shard_, shared_, *dirs_);
  shared_.compaction = compaction_.get();
  compaction_->start();
  log_dir_moves_ = std::make_unique<LogDirMoves>(shard_, shared_, *dirs_, partitions_);
  shared_.log_dir_moves = log_dir_moves_.get();
  co_await log_dir_moves_->begin_anew();
  scrub_ = std::make_unique<Scrub>(shard_, shared_);
  pages_.set_scrub(*scrub_);
  scrub_->start();
  co_await on_every_shard(start_groups);
  acceptor_.start(connection_limits(shared_.shards[0]->config(), connections_by_descriptors_));
  serving_ = true;
  pages_.set_phase(Phase::ready);
  co_return facts(store->cluster_id);
}

runtime::Task<Result<void>> Server::State::open_dirs() {
  storage::LogDirsOptions options;
  options.paths = shared_.config.log_dirs;
  options.recovery_threads_per_dir =
      static_cast<std::uint32_t>(shared_.config.num_recovery_threads_per_data_dir);
  shared_.producer_rules->expiration_ms = shared_.config.producer_id_expiration_ms;
  shared_.producer_rules->ids_max = shared_.config.gregor_producer_ids_max;
  options.producers = shared_.producer_rules;
  options.reserve_bytes = shared_.config.gregor_log_dir_reserve_bytes;
  auto open = [this, &options] { return storage::LogDirs::open(shard_.file_system(), options); };
  auto opened = co_await runtime::offload(shard_, open);
  if (!opened) co_return fail(std::move(opened.error()));
  dirs_ = std::move(*opened);
  auto look = [this] {
    return std::ranges::any_of(dirs_->paths(), [this](const std::string& path) {
      const auto file = storage::join_path(path, storage::names::meta_properties);
      const auto info = shard_.file_system().stat(file);
      return !info && info.error().os_error == ENOENT;
    });
  };
  has_unknown_dir_ = co_await runtime::offload(shard_, look);
  shared_.log_dirs = dirs_.get();
  co_return Result<void>();
}

// As early as possible, so that a long recovery can be watched; behind the locks of the log dirs,
// so that a second start of the same broker is refused for what it is.
Result<void> Server::State::open_http() {
  auto bound = http_.bind(shared_.config.http_listeners);
  if (!bound) {
    return fail(bound.error().code,
                fmt::format("http.listeners: {}. Set http.listeners to another address (port 0 "
                            "takes a free one), or to nothing to turn the HTTP port off.",
                            bound.error().detail),
                bound.error().os_error);
  }
  http_bound_ = std::move(*bound);
  if (!http_bound_.empty()) shared_.http_address = config::address_of(http_bound_.front());
  http_.start();
  return {};
}

Result<void> Server::State::choose_broker_id() {
  const auto stored = dirs_->meta().broker_id;
  const std::int32_t configured = shared_.config.broker_id;
  if (stored && configured != -1 && *stored != configured) {
    return fail(ErrorCode::invalid_config,
                fmt::format("broker.id is {}, but meta.properties in {} says {}. If the data was "
                            "moved here on purpose, "
                            "set broker.id={} or correct the file.",
                            configured, dirs_->paths()[0], *stored, *stored));
  }
  shared_.broker_id =
      model::BrokerId(stored.value_or(configured != -1 ? configured : default_broker_id));
  shared_.config.broker_id = shared_.config.node_id = shared_.broker_id.value();
  return {};
}

ControllerSettings Server::State::controller_settings() const {
  const config::BrokerConfig& config = shared_.config;
  ControllerSettings settings;
  settings.broker_id = shared_.broker_id;
  for (const config::Listener& listener : config.advertised_listeners) {
    settings.listener_security_protocols[listener.name] =
        config::security_protocol_name(listener.protocol);
  }
  settings.default_partitions = config.num_partitions;
  settings.default_replication_factor =
      static_cast<std::int16_t>(config.default_replication_factor);
  settings.delete_topic_enable = config.delete_topic_enable;
  return settings;
}

runtime::Task<Result<StoreFacts>> Server::State::open_metadata() {
  auto store = co_await open_store_(shard_, dirs_->paths()[0]);
  if (!store) co_return fail(std::move(store.error()));
  store_ = std::move(*store);
  controller_ = std::make_unique<ControllerService>(shard_, *store_, partitions_, topic_configs_,
                                                    controller_settings());
  shared_.controller = controller_.get();
  config_alterations_ = std::make_unique<ConfigAlterations>(shard_, *store_, shared_, *controller_);
  shared_.config_alterations = config_alterations_.get();
  producer_ids_ = std::make_unique<ProducerIds>(shard_, *store_, shared_.broker_id);
  shared_.producer_ids = producer_ids_.get();
  const auto meta = dirs_->meta();
  auto facts = co_await controller_->prepare(meta.cluster_id.value_or(""));
  if (!facts) co_return fail(std::move(facts.error()));
  if (meta.cluster_id && *meta.cluster_id != facts->cluster_id) {
    co_return fail(ErrorCode::inconsistent_cluster_id,
                   fmt::format("the log dirs belong to cluster {}, the metadata store to cluster "
                               "{}. Point log.dirs at the "
                               "right folders, or remove meta.properties to hand them over.",
                               *meta.cluster_id, facts->cluster_id));
  }
  co_return facts;
}

runtime::Task<Result<void>> Server::State::take_dirs() {
  auto take = [this] { return dirs_->take(); };
  co_return co_await runtime::offload(shard_, take);
}

runtime::Task<Result<void>> Server::State::write_meta(const std::string& cluster_id) {
  auto write = [this, &cluster_id] {
    return dirs_->write_meta(shared_.broker_id.value(), cluster_id);
  };
  co_return co_await runtime::offload(shard_, write);
}

runtime::Task<Result<void>> Server::State::adopt_folders() {
  std::vector<AdoptedPartition> folders;
  for (const storage::FoundPartition& found : dirs_->partitions()) {
    folders.push_back({found.partition, found.topic_id, found.last_epoch});
  }
  if (folders.empty()) co_return Result<void>();
  log::info(component, "the metadata store is empty: taking over {} partition folders",
            folders.size());
  co_return co_await controller_->adopt_partitions(std::move(folders));
}

bool Server::State::was_clean() const {
  for (std::uint32_t dir = 0; dir < dirs_->paths().size(); ++dir) {
    if (!dirs_->was_clean(dir)) return false;
  }
  return true;
}

ServerFacts Server::State::facts(const std::string& cluster_id) const {
  ServerFacts facts;
  facts.broker_id = shared_.broker_id;
  facts.cluster_id = cluster_id;
  facts.listeners = bound_;
  facts.http_listeners = http_bound_;
  facts.partitions = dirs_->partitions().size();
  facts.log_dirs = dirs_->paths();
  return facts;
}

void Server::State::warn_of_unclaimed() const {
  const auto names = partitions_.unclaimed();
  if (names.empty()) return;
  log::warn(component,
            "{} partition folders are of topics that the metadata store does not know, e.g. {}; "
            "they are left alone",
            names.size(), to_string(names.front()));
}

runtime::Task<void> Server::State::stop_connections() {
  const runtime::Instant deadline = shard_.clock().now() + drain_max;
  for (std::uint32_t i = 0; i < connections_.size(); ++i) {
    ConnectionSet* set = connections_[i].get();
    auto stop = [set, deadline] { return stop_set(*set, deadline); };
    const bool stopped = co_await runtime::call_on(shard_, runtime::ShardId(i), stop);
    GREGOR_ASSERT(stopped);
  }
}

runtime::Task<void> Server::State::on_every_shard(runtime::Task<bool> (*work)(BrokerShard& shard)) {
  for (const auto& shard : shared_.shards) {
    BrokerShard* target = shard.get();
    auto run = [target, work] { return work(*target); };
    const bool done = co_await runtime::call_on(shard_, target->shard().id(), run);
    GREGOR_ASSERT(done);
  }
}

runtime::Task<bool> Server::State::stop() {
  pages_.set_phase(Phase::stopping);
  co_await acceptor_.stop();
  co_await stop_connections();
  co_await on_every_shard(stop_groups);
  bool is_clean = true;
  std::int64_t broker_epoch = -1;
  if (controller_) {
    broker_epoch = controller_->broker_epoch();
    co_await controller_->stop();
  }
  if (scrub_) co_await scrub_->stop();
  if (log_dir_moves_) co_await log_dir_moves_->stop();
  if (compaction_) co_await compaction_->stop();
  if (retention_) co_await retention_->stop();
  if (housekeeping_) co_await housekeeping_->stop();
  if (serving_) is_clean = co_await close_dirs(broker_epoch);
  if (store_) co_await store_->close();
  serving_ = false;
  const runtime::Instant http_deadline = shard_.clock().now() + http_drain_max;
  co_await http_.stop(http_deadline);
  co_return is_clean;
}

runtime::Task<bool> Server::State::close_dirs(std::int64_t broker_epoch) {
  const bool logs_closed = co_await partitions_.close_all();
  const bool checkpointed = co_await housekeeping_->write_checkpoints();
  if (!logs_closed || (!checkpointed && !dirs_->has_failed())) co_return false;
  auto mark = [this, broker_epoch] {
    bool all = true;
    for (std::uint32_t dir = 0; dir < dirs_->paths().size(); ++dir) {
      if (auto done = dirs_->write_clean_shutdown_marker(dir, broker_epoch); !done) {
        log::error(component, "no clean-shutdown marker in {}: {}", dirs_->paths()[dir],
                   done.error().detail);
        all = false;
      }
    }
    return all;
  };
  co_return co_await runtime::offload(shard_, mark);
}

Server::Server(ServerOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Server::~Server() = default;
runtime::Task<Result<ServerFacts>> Server::start() { return state_->start(); }
runtime::Task<bool> Server::stop() { return state_->stop(); }

}  // namespace gregor::broker
