// Kafka's way to spread the replicas of a new topic over the brokers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"

namespace gregor::controller {

/// A broker that may get replicas.
struct BrokerPlace {
  model::BrokerId id;
  std::optional<std::string> rack;
};

struct AssignmentRequest {
  std::int32_t partitions = 1;
  std::int32_t replication_factor = 1;
  std::uint32_t start = 0;           ///< random; index of the first leader
  std::uint32_t shift = 0;           ///< random; distance of the second replica
  std::int32_t first_partition = 0;  ///< > 0 when partitions are added to a topic
};

/// @param brokers  any order
/// @return  replicas per partition, the preferred leader first
/// @errors  invalid_replication_factor: < 1 or more than there are brokers; invalid_partitions: <
/// 1;
///          broker_not_available: only some brokers have a rack
[[nodiscard]] Result<std::vector<std::vector<model::BrokerId>>> assign_replicas(
    std::vector<BrokerPlace> brokers, const AssignmentRequest& request);

/// Checks the replicas that a client has chosen for a partition.
///
/// @param expected  how many there must be; nullopt = any number above 0
/// @param brokers   live ones
/// @errors  invalid_replica_assignment: none, unknown or repeated brokers, another number
[[nodiscard]] Result<void> check_replicas(const std::vector<std::int32_t>& ids,
                                          std::optional<std::size_t> expected,
                                          const std::vector<BrokerPlace>& brokers);

}  // namespace gregor::controller
