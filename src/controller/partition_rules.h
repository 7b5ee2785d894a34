// Which partitions may be added to a topic and where their replicas go: the checks of
// CreatePartitions as pure functions, in the order of Apache Kafka 4.1. Start with
// plan_partitions().
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error_code.h"
#include "controller/replica_assignment.h"
#include "model/ids.h"
#include "znode/topic_node.h"

namespace gregor::controller {

/// One topic of a CreatePartitions request, as asked.
struct PartitionsRequest {
  std::string name;
  std::int32_t count = 0;  ///< how many it shall have in all
  /// Brokers of each partition that is added; nullopt = they are chosen.
  std::optional<std::vector<std::vector<std::int32_t>>> assignments;
};

/// Partitions that may be added, or why not.
struct PartitionsPlan {
  std::string name;
  ErrorCode error = ErrorCode::none;
  std::string message;     ///< for the client; empty on success and for unknown topics
  std::int32_t first = 0;  ///< index of the first one added
  std::vector<std::vector<model::BrokerId>> added;
  [[nodiscard]] bool ok() const { return error == ErrorCode::none; }
  [[nodiscard]] std::int32_t count() const {
    return first + static_cast<std::int32_t>(added.size());
  }
};

/// Plans one topic.
///
/// @param topic    as it is now; nullptr = unknown or being deleted
/// @param brokers  live ones
/// @errors (in the plan) unknown_topic_or_partition; reassignment_in_progress; invalid_partitions:
///         not more than there are; policy_violation: more than 10,000 at once;
///         invalid_replica_assignment
[[nodiscard]] PartitionsPlan plan_partitions(const PartitionsRequest& request,
                                             const znode::TopicAssignment* topic,
                                             const std::vector<BrokerPlace>& brokers);

/// Gives the topic of a name, nullptr if unknown.
using FindAssignment = std::function<const znode::TopicAssignment*(const std::string&)>;

/// One plan per distinct name, in the order of the request; names that occur more than once go
/// last.
[[nodiscard]] std::vector<PartitionsPlan> plan_all_partitions(
    const std::vector<PartitionsRequest>& requests, const FindAssignment& find,
    const std::vector<BrokerPlace>& brokers);

}  // namespace gregor::controller
