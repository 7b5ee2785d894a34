// What the controller's requests do to a broker: the interface between ControllerService and the
// broker's partitions.
#pragma once

#include <memory>
#include <vector>

#include "config/dynamic_config.h"
#include "controller/requests.h"
#include "model/cluster_image.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: all functions are called on shard 0, one at a time (the next only after the last one's
/// task has ended).
class PartitionHost {
 public:
  virtual ~PartitionHost() = default;
  /// Makes this broker leader (or follower) of the partitions. Ends when all are ready to serve, or
  /// have failed.
  /// @return one outcome per partition.
  virtual runtime::Task<std::vector<controller::PartitionOutcome>> apply_leader_and_isr(
      controller::LeaderAndIsr request) = 0;
  /// Stops serving; with delete_partition the logs go too. A partition that is unknown here is ok.
  virtual runtime::Task<std::vector<controller::PartitionOutcome>> stop_replicas(
      controller::StopReplica request) = 0;
  /// A new view of the cluster, made by UpdateMetadata. Ends when every shard has it.
  virtual runtime::Task<void> publish_image(std::shared_ptr<const model::ClusterImage> image) = 0;
  /// A topic has got these configs of its own. Ends when its partitions here follow them.
  virtual runtime::Task<void> apply_topic_configs(
      std::string topic, std::shared_ptr<const model::ConfigEntries> configs) = 0;
  /// The stored configs of this broker and of all brokers. Ends when every shard follows them.
  virtual runtime::Task<void> apply_broker_configs(config::DynamicConfigs configs) = 0;
};

}  // namespace gregor::broker
