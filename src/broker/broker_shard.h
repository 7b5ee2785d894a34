// What a broker has on each of its shards: partitions, the cluster image, parked fetches.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "broker/fetch_notice.h"
#include "broker/fetch_session.h"
#include "broker/partition.h"
#include "broker/shard_counters.h"
#include "broker/shard_scatter.h"
#include "config/broker_config.h"
#include "model/cluster_image.h"
#include "runtime/shard.h"
#include "storage/log_dirs.h"
#include "storage/producer_rules.h"

namespace gregor::broker {

class BrokerShard;
class Compaction;
class ConfigAlterations;
class ControllerService;
class GroupCoordinator;
class GroupShard;
class GroupWaits;
class Housekeeping;
class LogDirMoves;
class ProducerIds;

/// What all shards of one broker share. Written before the shards serve, read only afterwards.
struct BrokerShared {
  config::BrokerConfig config;  ///< of file and command line; a shard has what counts now
  model::BrokerId broker_id{1};
  std::vector<std::unique_ptr<BrokerShard>> shards;
  ControllerService* controller = nullptr;          ///< to be used on shard 0 only
  ConfigAlterations* config_alterations = nullptr;  ///< as controller
  ProducerIds* producer_ids = nullptr;              ///< to be used on shard 0 only
  /// What all logs share; any thread may change the limits.
  std::shared_ptr<storage::ProducerRules> producer_rules =
      std::make_shared<storage::ProducerRules>();
  std::string http_address;                ///< host:port of the HTTP port; "" = off
  Housekeeping* housekeeping = nullptr;    ///< to be used on shard 0 only
  const Compaction* compaction = nullptr;  ///< as housekeeping
  LogDirMoves* log_dir_moves = nullptr;    ///< as housekeeping
  storage::LogDirs* log_dirs = nullptr;    ///< once the log dirs are open
};

/// Thread: its shard.
class BrokerShard {
 public:
  BrokerShard(runtime::Shard& shard, BrokerShared& shared);
  BrokerShard(const BrokerShard&) = delete;
  BrokerShard& operator=(const BrokerShard&) = delete;
  ~BrokerShard();

  [[nodiscard]] runtime::Shard& shard() { return shard_; }
  /// With what was changed while the broker ran; may be another one after a co_await.
  [[nodiscard]] const config::BrokerConfig& config() const { return *config_; }
  [[nodiscard]] std::shared_ptr<const config::BrokerConfig> shared_config() const {
    return config_;
  }
  void set_config(std::shared_ptr<const config::BrokerConfig> config) {
    config_ = std::move(config);
    shared_.producer_rules->expiration_ms = config_->producer_id_expiration_ms;
  }
  [[nodiscard]] model::BrokerId broker_id() const { return shared_.broker_id; }
  [[nodiscard]] ControllerService& controller() { return *shared_.controller; }
  [[nodiscard]] ProducerIds& producer_ids() { return *shared_.producer_ids; }
  [[nodiscard]] Housekeeping& housekeeping() { return *shared_.housekeeping; }
  [[nodiscard]] LogDirMoves& log_dir_moves() { return *shared_.log_dir_moves; }
  [[nodiscard]] storage::LogDirs& log_dirs() { return *shared_.log_dirs; }
  [[nodiscard]] ConfigAlterations& config_alterations() { return *shared_.config_alterations; }
  [[nodiscard]] std::size_t shard_count() const { return shared_.shards.size(); }
  [[nodiscard]] BrokerShard& peer(runtime::ShardId id) { return *shared_.shards[id.value()]; }
  [[nodiscard]] runtime::ShardId owner(std::string_view topic, std::int32_t partition) const {
    return owner_of(topic, model::PartitionIndex(partition),
                    static_cast<std::uint32_t>(shared_.shards.size()));
  }

  [[nodiscard]] std::shared_ptr<const model::ClusterImage> image() const { return image_; }
  void set_image(std::shared_ptr<const model::ClusterImage> image);

  /// @return nullptr if this shard does not host it.
  [[nodiscard]] std::shared_ptr<Partition> find(std::string_view topic,
                                                std::int32_t partition) const;
  void add(std::shared_ptr<Partition> partition);
  /// Takes it out; requests that hold it go on. @return what was there, or nullptr.
  std::shared_ptr<Partition> remove(const model::TopicPartition& partition);
  /// Why no partitions can be made now: the first log dir, with the metadata, has failed or is
  /// full. The others count when a partition's dir is chosen.
  [[nodiscard]] std::optional<Error> creation_refusal() const;
  /// The partitions of one topic.
  [[nodiscard]] std::vector<std::shared_ptr<Partition>> of_topic(std::string_view topic) const;
  /// Up to `count` partitions in the order of their names, from the first one after `last` on.
  [[nodiscard]] std::vector<std::shared_ptr<Partition>> some_after(
      const model::TopicPartition& last, std::size_t count) const;
  /// All partitions in the order of their names.
  [[nodiscard]] std::vector<std::shared_ptr<Partition>> all() const;

  /// A partition that this broker leads.
  /// @param current_epoch  what the client thinks the leader epoch is; -1 = don't check
  /// @errors unknown_topic_or_partition, not_leader_or_follower, kafka_storage_error (its log could
  /// not be opened),
  ///         fenced_leader_epoch, unknown_leader_epoch
  [[nodiscard]] Result<std::shared_ptr<Partition>> find_led(std::string_view topic,
                                                            std::int32_t partition,
                                                            std::int32_t current_epoch) const;

  [[nodiscard]] ParkedFetches& parked() { return parked_; }
  [[nodiscard]] FetchNotices& notices() { return notices_; }
  [[nodiscard]] FetchSessions& fetch_sessions() { return fetch_sessions_; }
  [[nodiscard]] ShardCounters& counters() { return counters_; }
  [[nodiscard]] GroupCoordinator& group_coordinator() { return *group_coordinator_; }
  [[nodiscard]] GroupShard& group_shard() { return *groups_; }
  [[nodiscard]] GroupWaits& group_waits() { return *group_waits_; }
  [[nodiscard]] const std::string& http_address() const { return shared_.http_address; }

 private:
  struct HashOfTopic {
    using is_transparent = void;
    std::size_t operator()(std::string_view topic) const {
      return std::hash<std::string_view>()(topic);
    }
  };

  runtime::Shard& shard_;
  BrokerShared& shared_;
  std::shared_ptr<const config::BrokerConfig> config_;
  std::shared_ptr<const model::ClusterImage> image_;
  ParkedFetches parked_;
  FetchNotices notices_;
  FetchSessions fetch_sessions_;
  ShardCounters counters_;
  std::map<model::TopicPartition, std::shared_ptr<Partition>> partitions_;
  // The same ones, to be found at once; by number, with gaps.
  std::unordered_map<std::string, std::vector<std::shared_ptr<Partition>>, HashOfTopic,
                     std::equal_to<>>
      by_topic_;
  std::unique_ptr<GroupWaits> group_waits_;
  std::unique_ptr<GroupShard> groups_;
  std::unique_ptr<GroupCoordinator> group_coordinator_;
};

}  // namespace gregor::broker
