// What the controller tells brokers: LeaderAndIsr, UpdateMetadata, StopReplica, without their wire
// form.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error_code.h"
#include "model/cluster_image.h"
#include "model/ids.h"
#include "model/uuid.h"

namespace gregor::controller {

/// Leader on the wire of a topic that is being deleted.
inline constexpr model::BrokerId leader_during_delete{-2};

/// State of one partition as LeaderAndIsr and UpdateMetadata tell it.
struct PartitionLeadership {
  std::string topic;
  model::Uuid topic_id;
  model::PartitionIndex partition;
  model::ControllerEpoch controller_epoch;  ///< of the controller that wrote the state
  model::BrokerId leader{-1};
  model::LeaderEpoch leader_epoch{-1};
  std::int32_t partition_epoch = 0;  ///< version of the state node
  std::vector<model::BrokerId> isr;
  std::vector<model::BrokerId> replicas;
  bool is_new = false;  ///< the partition was just created: an absent log is right. False: an
                        ///< absent log is a fault
  /// The topic's own configs, never null in LeaderAndIsr; not part of the wire form.
  std::shared_ptr<const model::ConfigEntries> configs;
};

/// The head of all three requests.
struct RequestHead {
  model::BrokerId controller{-1};
  model::ControllerEpoch controller_epoch;
  std::int64_t broker_epoch = -1;  ///< of the receiver
};

struct LeaderAndIsr {
  model::BrokerId to{-1};
  RequestHead head;
  std::vector<PartitionLeadership> partitions;
};

struct UpdateMetadata {
  model::BrokerId to{-1};
  RequestHead head;
  std::vector<PartitionLeadership> partitions;
  std::vector<model::BrokerImage> live_brokers;
};

struct StopReplica {
  struct Partition {
    model::TopicPartition partition;
    model::LeaderEpoch leader_epoch{-2};  ///< -2 = the topic is being deleted
    bool delete_partition = false;
  };
  model::BrokerId to{-1};
  RequestHead head;
  std::vector<Partition> partitions;
};

/// A broker's answer per partition of LeaderAndIsr or StopReplica.
struct PartitionOutcome {
  model::TopicPartition partition;
  ErrorCode error = ErrorCode::none;
};

}  // namespace gregor::controller
