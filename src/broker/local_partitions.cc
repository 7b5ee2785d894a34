#include "broker/local_partitions.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "broker/fetch_limits.h"
#include "broker/groups/group_coordinator.h"
#include "broker/log_dir_moves.h"
#include "config/topic_config_rules.h"
#include "model/topic_name.h"
#include "storage/log_loader.h"

namespace gregor::broker {
namespace {

// So many logs are opened or made at a time; more would only queue in the I/O pool.
constexpr std::size_t opened_at_once = 8;
constexpr std::string_view component = "partitions";

Leadership to_leadership(const controller::PartitionLeadership& wanted) {
  return {wanted.leader, wanted.leader_epoch, wanted.partition_epoch, wanted.isr};
}

// On the owning shard: the epoch is on disk before the first append under it.
runtime::Task<Result<void>> lead(storage::PartitionLog& log,
                                 const controller::PartitionLeadership& wanted) {
  if (auto named = co_await log.set_topic_id(wanted.topic_id); !named) co_return named;
  if (auto led = co_await log.become_leader(wanted.leader_epoch); !led) co_return led;
  // The only replica: everything in the log is committed.
  log.set_high_watermark(log.log_end());
  co_return Result<void>();
}

// Who leads a partition of __consumer_offsets is the coordinator of its groups.
void tell_coordinator(BrokerShard& shard, const std::shared_ptr<Partition>& partition) {
  const model::TopicPartition& name = partition->log().partition();
  if (name.topic != model::consumer_offsets_topic) return;
  if (partition->leadership().leader == shard.broker_id()) {
    shard.group_coordinator().lead(partition);
  } else {
    shard.group_coordinator().let_go(name.partition.value());
  }
}

struct Installation {
  std::unique_ptr<storage::LoadedLog> loaded;
  const controller::PartitionLeadership* wanted;
  std::shared_ptr<const config::TopicConfig> config;
};

runtime::Task<Result<void>> install(BrokerShard& shard, Installation& made) {
  auto log = std::make_unique<storage::PartitionLog>(shard.shard(), std::move(*made.loaded));
  log->count_in(shard.counters().logs);
  if (auto led = co_await lead(*log, *made.wanted); !led) co_return led;
  auto partition = std::make_shared<Partition>(std::move(log), made.wanted->topic_id, made.config);
  partition->set_config(std::move(made.config), made.wanted->configs);
  partition->set_leadership(to_leadership(*made.wanted));
  shard.add(partition);
  tell_coordinator(shard, partition);
  co_return Result<void>();
}

runtime::Task<Result<bool>> update(BrokerShard& shard,
                                   const controller::PartitionLeadership& wanted) {
  auto partition = shard.find(wanted.topic, wanted.partition.value());
  if (!partition) co_return false;
  if (auto led = co_await lead(partition->log(), wanted); !led)
    co_return fail(std::move(led.error()));
  partition->set_leadership(to_leadership(wanted));
  tell_coordinator(shard, partition);
  co_return true;
}

runtime::Task<Result<std::string>> retire(BrokerShard& shard, const model::TopicPartition& name,
                                          std::string suffix) {
  auto partition = shard.remove(name);
  if (!partition) co_return std::string();
  if (name.topic == model::consumer_offsets_topic)
    shard.group_coordinator().let_go(name.partition.value());
  co_return co_await partition->log().retire(std::move(suffix));
}

runtime::Task<bool> close_some(BrokerShard& shard) {
  bool all_closed = true;
  for (const auto& partition : shard.all()) {
    auto closed = co_await partition->log().close();
    if (!closed && !partition->log().is_offline()) {
      log::error(component, "{}: not closed in order: {}", to_string(partition->log().partition()),
                 closed.error().detail);
    }
    all_closed = all_closed && (closed || partition->log().is_offline());
  }
  co_return all_closed;
}

runtime::Task<bool> set_image(BrokerShard& shard,
                              std::shared_ptr<const model::ClusterImage> image) {
  shard.set_image(std::move(image));
  co_return true;
}

struct TopicSettings {
  std::shared_ptr<const config::TopicConfig> config;
  std::shared_ptr<const model::ConfigEntries> own;
};

runtime::Task<bool> set_topic_config(BrokerShard& shard, const std::string& topic,
                                     const TopicSettings& settings) {
  for (const auto& partition : shard.of_topic(topic))
    partition->set_config(settings.config, settings.own);
  co_return true;
}

// So many topics with configs of their own get new ones in one turn of the shard.
constexpr std::size_t configured_at_once = 100;

// Partitions of a topic follow each other and share what is made for the first of them.
runtime::Task<bool> set_broker_config(BrokerShard& shard,
                                      std::shared_ptr<const config::BrokerConfig> broker) {
  shard.set_config(broker);
  shard.fetch_sessions().set_limits(session_limits(*broker, shard.shard()));
  const auto defaults = std::make_shared<const config::TopicConfig>(broker->topic_defaults);
  TopicSettings settings{defaults, nullptr};
  std::size_t made = 0;
  for (const auto& partition : shard.all()) {
    if (partition->own_configs() != settings.own) {
      settings = {defaults, partition->own_configs()};
      if (settings.own != nullptr && !settings.own->empty()) {
        auto own = config::make_topic_config(*broker, *settings.own);
        if (!own) {
          log::error(component, "{}: its configs are not valid: {}",
                     to_string(partition->log().partition()), own.error().detail);
        }
        settings.config = own ? std::move(*own) : nullptr;  // those of before
        if (++made % configured_at_once == 0)
          co_await runtime::sleep_until(shard.shard(), shard.shard().clock().now());
      }
    }
    if (settings.config != nullptr) partition->set_config(settings.config, settings.own);
  }
  co_return true;
}

}  // namespace

std::string unique_suffix(runtime::Random& random) {
  return fmt::format("{:016x}{:016x}", random.next(), random.next());
}

void LocalPartitions::use(storage::LogDirs& dirs, bool has_unknown) {
  dirs_ = &dirs;
  has_unknown_ = has_unknown;
  for (const storage::FoundPartition& found : dirs.partitions())
    unopened_.emplace(found.partition, found);
  progress_.found = unopened_.size();
}

void LocalPartitions::limit_descriptors(std::int64_t descriptors_max) {
  const auto shards = static_cast<std::int64_t>(shared_.shards.size());
  const auto limits = storage::OpenSegmentLimits::of_descriptors(descriptors_max, shards);
  for (std::int64_t i = 0; i < shards; ++i)
    open_segments_.push_back(std::make_shared<storage::OpenSegments>(limits));
}

std::int64_t LocalPartitions::open_segments(storage::SegmentHeat heat) const {
  std::int64_t count = 0;
  for (const auto& of_shard : open_segments_) count += of_shard->open_count(heat);
  return count;
}

std::uint64_t LocalPartitions::opened_beyond_limit() const {
  std::uint64_t count = 0;
  for (const auto& of_shard : open_segments_) count += of_shard->beyond_count();
  return count;
}

BrokerShard& LocalPartitions::owner(const model::TopicPartition& partition) {
  const auto count = static_cast<std::uint32_t>(shared_.shards.size());
  return *shared_.shards[owner_of(partition.topic, partition.partition, count).value()];
}

runtime::Task<std::vector<controller::PartitionOutcome>> LocalPartitions::apply_leader_and_isr(
    controller::LeaderAndIsr request) {
  std::vector<controller::PartitionOutcome> outcomes(request.partitions.size());
  std::size_t next = 0;
  runtime::TaskGroup workers;
  const std::size_t count = std::min(opened_at_once, request.partitions.size());
  for (std::size_t i = 0; i < count; ++i) workers.spawn(apply_some(request, next, outcomes));
  co_await workers.join();
  co_return outcomes;
}

runtime::Task<void> LocalPartitions::apply_some(
    const controller::LeaderAndIsr& request, std::size_t& next,
    std::vector<controller::PartitionOutcome>& outcomes) {
  while (next < request.partitions.size()) {
    const std::size_t place = next++;
    const controller::PartitionLeadership& wanted = request.partitions[place];
    const ErrorCode error = co_await apply(wanted);
    outcomes[place] = {{wanted.topic, wanted.partition}, error};
  }
}

runtime::Task<ErrorCode> LocalPartitions::apply(const controller::PartitionLeadership& wanted) {
  const model::TopicPartition name{wanted.topic, wanted.partition};
  BrokerShard& target = owner(name);
  auto try_update = [&] { return update(target, wanted); };
  auto updated = co_await runtime::call_on(shard_, target.shard().id(), try_update);
  if (updated && *updated) co_return ErrorCode::none;
  if (!updated) {
    log::error(component, "{}: {}", to_string(name), updated.error().detail);
    co_return updated.error().code;
  }
  auto config = config::make_topic_config(shared_.shards[0]->config(), *wanted.configs);
  if (!config) {
    log::error(component, "{}: its configs are not valid: {}", to_string(name),
               config.error().detail);
    co_return config.error().code;
  }
  auto loaded = co_await open_log(wanted, *config);
  if (!loaded) {
    log::error(component, "{}: {}", to_string(name), loaded.error().detail);
    co_return loaded.error().code;
  }
  (*loaded)->open_segments = open_segments_.at(target.shard().id().value());
  Installation made{std::move(*loaded), &wanted, std::move(*config)};
  auto put_in = [&] { return install(target, made); };
  auto installed = co_await runtime::call_on(shard_, target.shard().id(), put_in);
  if (!installed) {
    log::error(component, "{}: {}", to_string(name), installed.error().detail);
    co_return installed.error().code;
  }
  co_return ErrorCode::none;
}

runtime::Task<Result<std::unique_ptr<storage::LoadedLog>>> LocalPartitions::open_log(
    const controller::PartitionLeadership& wanted,
    std::shared_ptr<const config::TopicConfig> config) {
  const model::TopicPartition name{wanted.topic, wanted.partition};
  auto found = unopened_.find(name);
  if (found != unopened_.end()) {
    const storage::FoundPartition place = found->second;
    unopened_.erase(found);
    auto load = [this, &place, &config] { return dirs_->load(place, config); };
    auto loaded = co_await runtime::offload(shard_, load);
    ++progress_.loaded;
    if (loaded) progress_.recovered_bytes += (*loaded)->recovered_bytes;
    co_return loaded;
  }
  if (auto doubt = creation_doubt(wanted)) {
    ++missing_;
    co_return fail(ErrorCode::kafka_storage_error, std::move(*doubt));
  }
  auto create = [this, &name, &wanted, &config] {
    return dirs_->create(name, wanted.topic_id, config);
  };
  co_return co_await runtime::offload(shard_, create);
}

// A crash may have come between the state's node and the folder: then there is no folder, and none
// is missed. Everything that speaks for one that has gone is asked.
std::optional<std::string> LocalPartitions::creation_doubt(
    const controller::PartitionLeadership& wanted) const {
  if (wanted.is_new) return std::nullopt;
  if (dirs_->was_hosted({wanted.topic, wanted.partition})) {
    return "its folder is gone although a checkpoint file names it; it is not started empty. Put "
           "the folder back into its log dir, or delete the topic";
  }
  if (dirs_->has_failed()) return "it is not found, and a log dir is offline: it may lie there";
  if (has_unknown_) {
    return "it is not found, and a log dir is new or empty (it has no meta.properties): it may "
           "have "
           "been there, and is not started empty. Mount or restore what is missing, or delete the "
           "topic";
  }
  return std::nullopt;
}

runtime::Task<std::vector<controller::PartitionOutcome>> LocalPartitions::stop_replicas(
    controller::StopReplica request) {
  std::vector<controller::PartitionOutcome> outcomes;
  for (const auto& gone : request.partitions) {
    ErrorCode error = ErrorCode::none;
    if (gone.delete_partition) error = co_await remove(gone);
    outcomes.push_back({gone.partition, error});
  }
  co_return outcomes;
}

runtime::Task<ErrorCode> LocalPartitions::remove(const controller::StopReplica::Partition& gone) {
  if (shared_.log_dir_moves != nullptr) co_await shared_.log_dir_moves->drop(gone.partition);
  BrokerShard& target = owner(gone.partition);
  auto take_out = [&] {
    return retire(target, gone.partition, unique_suffix(target.shard().random()));
  };
  auto path = co_await runtime::call_on(shard_, target.shard().id(), take_out);
  if (!path) {
    log::error(component, "{}: not removed: {}", to_string(gone.partition), path.error().detail);
    co_return path.error().code;
  }
  if (!path->empty()) {
    retired_.push_back(std::move(*path));
  } else {
    const ErrorCode error =
        co_await remove_unopened(gone.partition, unique_suffix(shard_.random()));
    if (error != ErrorCode::none) co_return error;
  }
  // Also if there was nothing: a crash may have come behind the renaming.
  auto forget = [this, &gone] { return dirs_->forget(gone.partition); };
  auto forgotten = co_await runtime::offload(shard_, forget);
  if (forgotten) co_return ErrorCode::none;
  log::error(component, "{}: its checkpoints stay: {}", to_string(gone.partition),
             forgotten.error().detail);
  co_return forgotten.error().code;
}

runtime::Task<void> LocalPartitions::publish_image(
    std::shared_ptr<const model::ClusterImage> image) {
  for (const auto& shard : shared_.shards) {
    BrokerShard* target = shard.get();
    auto swap = [target, image] { return set_image(*target, image); };
    const bool swapped = co_await runtime::call_on(shard_, target->shard().id(), swap);
    GREGOR_ASSERT(swapped);
  }
}

runtime::Task<void> LocalPartitions::apply_topic_configs(
    std::string topic, std::shared_ptr<const model::ConfigEntries> configs) {
  auto config = config::make_topic_config(shared_.shards[0]->config(), *configs);
  if (!config) {
    log::error(component, "{}: its new configs are not valid: {}", topic, config.error().detail);
    co_return;
  }
  const TopicSettings settings{std::move(*config), std::move(configs)};
  for (const auto& shard : shared_.shards) {
    BrokerShard* target = shard.get();
    auto set = [target, &topic, &settings] { return set_topic_config(*target, topic, settings); };
    const bool done = co_await runtime::call_on(shard_, target->shard().id(), set);
    GREGOR_ASSERT(done);
  }
}

runtime::Task<void> LocalPartitions::apply_broker_configs(config::DynamicConfigs configs) {
  const config::BrokerConfig& now = shared_.shards[0]->config();
  if (configs.own.empty() && configs.of_all.empty() && now.dynamic_own.empty() &&
      now.dynamic_of_all.empty()) {
    co_return;
  }
  auto laid = config::with_dynamic_configs(shared_.config, configs);
  for (const auto& text : laid.warnings) log::warn(component, "{}", text);
  const auto next = std::make_shared<const config::BrokerConfig>(std::move(laid.config));
  for (const auto& shard : shared_.shards) {
    BrokerShard* target = shard.get();
    auto set = [target, &next] { return set_broker_config(*target, next); };
    const bool done = co_await runtime::call_on(shard_, target->shard().id(), set);
    GREGOR_ASSERT(done);
  }
  shared_.producer_rules->ids_max = next->gregor_producer_ids_max;
  if (config_changed_) config_changed_(*next);
}

// A deletion that a crash interrupted goes on before anything was opened.
runtime::Task<ErrorCode> LocalPartitions::remove_unopened(model::TopicPartition partition,
                                                          std::string suffix) {
  if (unopened_.erase(partition) == 0) co_return ErrorCode::none;
  auto rename = [this, &partition, &suffix] { return dirs_->retire(partition, suffix); };
  auto path = co_await runtime::offload(shard_, rename);
  if (!path) {
    log::error(component, "{}: not removed: {}", to_string(partition), path.error().detail);
    co_return path.error().code;
  }
  retired_.push_back(std::move(*path));
  co_return ErrorCode::none;
}

std::vector<model::TopicPartition> LocalPartitions::unclaimed() const {
  std::vector<model::TopicPartition> names;
  for (const auto& [name, found] : unopened_) names.push_back(name);
  return names;
}

runtime::Task<bool> LocalPartitions::close_all() {
  bool all_closed = true;
  for (const auto& shard : shared_.shards) {
    BrokerShard* target = shard.get();
    auto close = [target] { return close_some(*target); };
    const bool closed = co_await runtime::call_on(shard_, target->shard().id(), close);
    all_closed = all_closed && closed;
  }
  co_return all_closed;
}

}  // namespace gregor::broker
