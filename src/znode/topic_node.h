// The data of a topic's nodes: /brokers/topics/<t>, .../partitions/<p>/state and
// /config/topics/<t>.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/cluster_image.h"
#include "model/ids.h"
#include "model/uuid.h"

namespace gregor::znode {

using ReplicaMap = std::map<model::PartitionIndex, std::vector<model::BrokerId>>;

/// /brokers/topics/<t>. Written as version 3; versions 1 (no adding, removing) and 2 (no id) are
/// read.
struct TopicAssignment {
  std::optional<model::Uuid> topic_id;
  ReplicaMap partitions;  ///< during a reassignment the full set
  ReplicaMap adding_replicas;
  ReplicaMap removing_replicas;
  friend bool operator==(const TopicAssignment&, const TopicAssignment&) = default;
};

[[nodiscard]] std::string encode(const TopicAssignment& assignment);
/// @param path  of the node, for the error. @errors unknown_server_error: malformed.
[[nodiscard]] Result<TopicAssignment> decode_topic(std::string_view path, std::string_view json);

/// .../state: leadership of one partition.
struct PartitionState {
  model::ControllerEpoch controller_epoch;
  model::BrokerId leader{-1};
  model::LeaderEpoch leader_epoch{0};
  std::vector<model::BrokerId> isr;
  bool recovering = false;  ///< after an unclean election, until the leader has said otherwise
  friend bool operator==(const PartitionState&, const PartitionState&) = default;
};

[[nodiscard]] std::string encode(const PartitionState& state);
[[nodiscard]] Result<PartitionState> decode_partition_state(std::string_view path,
                                                            std::string_view json);

/// /config/<entity>: names and values. Also of an empty node (= no configs).
[[nodiscard]] std::string encode_configs(const model::ConfigEntries& configs);
[[nodiscard]] Result<model::ConfigEntries> decode_configs(std::string_view path,
                                                          std::string_view json);

}  // namespace gregor::znode
