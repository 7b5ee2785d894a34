// ControllerService: performs the controller's effects over the metadata store and this broker's
// partitions.
//
// The decisions are in controller/ (no I/O); here are the coroutines between it, metadata::Store
// and PartitionHost.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/adoption.h"
#include "broker/partition_host.h"
#include "controller/partition_rules.h"
#include "controller/topic_rules.h"
#include "metadata/store.h"
#include "model/cluster_image.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"

namespace gregor::broker {

struct ControllerSettings {
  model::BrokerId broker_id{1};
  std::vector<model::BrokerEndpoint>
      endpoints;  ///< advertised; with the real ports by the time of start()
  std::map<std::string, std::string> listener_security_protocols;  ///< e.g. PLAINTEXT -> PLAINTEXT
  std::optional<std::string> rack;
  std::int32_t default_partitions = 1;
  std::int16_t default_replication_factor = 1;
  bool delete_topic_enable = true;
};

/// What the store knew before the broker registered.
struct StoreFacts {
  std::string cluster_id;
  /// No controller has ever been elected in this store: it is new, or its first start was cut
  /// short.
  bool was_empty = false;
  std::size_t topics = 0;
};

/// Answer for one topic of CreateTopics.
struct TopicCreated {
  std::string name;
  ErrorCode error = ErrorCode::none;
  std::string message;  ///< empty on success and with request_timed_out
  model::Uuid id;       ///< zero on an error
  std::int32_t partitions = -1;
  std::int16_t replication_factor = -1;
  model::ConfigEntries configs;  ///< the topic's own
};

/// Answer for one topic of CreatePartitions.
struct PartitionsCreated {
  std::string name;
  ErrorCode error = ErrorCode::none;
  std::string message;  ///< empty on success and with request_timed_out
};

/// Answer for one entry of DeleteTopics.
struct TopicDeleted {
  std::optional<std::string> name;
  model::Uuid id;
  ErrorCode error = ErrorCode::none;
  std::string message;
};

struct CreateOptions {
  runtime::Instant
      deadline{};  ///< past: nothing is created, every topic is answered request_timed_out
  bool validate_only = false;
};

/// Thread:    shard 0 (the store's shard).
/// Borrows:   shard, store, host, rules: must outlive it.
/// Order:     prepare -> [adopt_partitions] -> start -> create_topics, delete_topics ... -> stop.
/// Errors:    every write is conditional on /controller_epoch; unknown outcomes are read again.
class ControllerService {
 public:
  ControllerService(runtime::Shard& shard, metadata::Store& store, PartitionHost& host,
                    const controller::TopicConfigRules& rules, ControllerSettings settings);
  ~ControllerService();
  ControllerService(const ControllerService&) = delete;
  ControllerService& operator=(const ControllerService&) = delete;

  /// Makes the paths that every broker makes, and reads the cluster id or, if there is none, writes
  /// `cluster_id_if_new` (a random one if that is empty). The caller compares the result with
  /// meta.properties before it goes on.
  runtime::Task<Result<StoreFacts>> prepare(std::string cluster_id_if_new);

  /// Registers folders as topics of this broker (adoption.h). For an empty store.
  runtime::Task<Result<void>> adopt_partitions(std::vector<AdoptedPartition> partitions);

  /// Registers the broker, gets elected, loads all topics, elects leaders and applies them to the
  /// host. Ends when the first full image is published and every partition of this broker has been
  /// applied.
  ///
  /// @param endpoints  with the real ports; replaces those of the settings if not empty
  /// @param crashed    the last run did not stop in order: leaders are elected anew (leader epoch +
  /// 1)
  runtime::Task<Result<void>> start(std::vector<model::BrokerEndpoint> endpoints, bool crashed);

  /// Carries out CreateTopics. Ends when all leaders are applied and in the image, or at the
  /// deadline (request_timed_out; the topic may still be made).
  /// @return one answer per distinct name: in order, those that occurred more than once last.
  runtime::Task<std::vector<TopicCreated>> create_topics(
      std::vector<controller::TopicRequest> topics, CreateOptions options);

  /// Carries out CreatePartitions. Ends when all new partitions have leaders that serve, or at the
  /// deadline (request_timed_out; they may still be made).
  /// @return one answer per distinct name: in order, those that occurred more than once last.
  runtime::Task<std::vector<PartitionsCreated>> create_partitions(
      std::vector<controller::PartitionsRequest> topics, CreateOptions options);

  /// Carries out DeleteTopics. Ends when the topics are gone (image, logs, store) or at the
  /// deadline; past: not deleted.
  runtime::Task<std::vector<TopicDeleted>> delete_topics(
      std::vector<controller::DeletionRequest> topics, runtime::Instant deadline);

  /// Ends when this broker follows all changes of configs that are in the store by now.
  runtime::Task<void> apply_config_changes();

  /// The newest published image; never null.
  [[nodiscard]] std::shared_ptr<const model::ClusterImage> image() const;
  [[nodiscard]] std::int64_t broker_epoch()
      const;  ///< czxid of the registration; -1 before start()

  /// Waits for running work. The caller closes the store afterwards, which ends the registration.
  runtime::Task<void> stop();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace gregor::broker
