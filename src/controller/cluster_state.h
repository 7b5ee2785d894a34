// What the controller knows of the cluster: live brokers, topics, assignments, and the leadership
// of each partition.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/cluster_image.h"
#include "model/ids.h"
#include "model/uuid.h"
#include "znode/topic_node.h"

namespace gregor::controller {

/// A partition's state node: its content and its version.
struct Leadership {
  znode::PartitionState state;
  std::int32_t partition_epoch = 0;
};

/// One partition. It is "new" until it has leadership, online while its leader is a live broker,
/// else offline.
struct PartitionRecord {
  std::vector<model::BrokerId> replicas;
  std::optional<Leadership> leadership;
  bool fresh = false;  ///< has got its first leader; its replicas have not been told yet
};

struct TopicRecord {
  model::Uuid id;
  std::map<model::PartitionIndex, PartitionRecord> partitions;
  std::shared_ptr<const model::ConfigEntries> configs;  ///< never null
  bool deleting = false;
};

struct ClusterState {
  std::map<model::BrokerId, model::BrokerImage> live_brokers;
  std::map<std::string, TopicRecord> topics;

  [[nodiscard]] bool is_live(model::BrokerId id) const { return live_brokers.contains(id); }
  [[nodiscard]] PartitionRecord* find(const model::TopicPartition& partition) {
    const auto topic = topics.find(partition.topic);
    if (topic == topics.end()) return nullptr;
    const auto at = topic->second.partitions.find(partition.partition);
    return at == topic->second.partitions.end() ? nullptr : &at->second;
  }
};

/// A topic as it was read from the store.
struct LoadedTopic {
  std::string name;
  model::Uuid id;
  znode::ReplicaMap assignment;
  std::shared_ptr<const model::ConfigEntries> configs;
  std::map<model::PartitionIndex, Leadership>
      leaderships;  ///< of the partitions that have a state node
};

/// A partition whose leadership is judged.
struct ElectionInput {
  const std::vector<model::BrokerId>& replicas;
  const znode::PartitionState& current;
  const std::map<model::BrokerId, model::BrokerImage>& live_brokers;
  bool leader_is_void =
      false;  ///< the leader is live again, but what it led before it was restarted has ended
  bool unclean = false;  ///< a replica outside of the ISR may lead if no member is live
};

/// What the leadership should be now: the first live ISR member in assignment order leads, dead
/// members leave the ISR (the last one stays, with leader -1).
///
/// @return the state to write, leader epoch + 1 (controller_epoch is left to the caller); nullopt
/// if all is well or
///         nothing can be done
/// Source: Kafka's partition state machine (strategy "offline") and the ISR rule of its replica
/// state machine.
[[nodiscard]] std::optional<znode::PartitionState> elect(const ElectionInput& input);

}  // namespace gregor::controller
