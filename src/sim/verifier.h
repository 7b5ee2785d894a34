// Verifier: reads everything back after a restart, through the protocol, while all other clients wait.
#pragma once

#include <string>
#include <vector>

#include "sim/fetch_client.h"
#include "sim/topic_client.h"

namespace gregor::sim {

/// Thread: the clients' shard. Outlives its task.
class Verifier {
 public:
  explicit Verifier(Fleet& fleet) : fleet_(fleet), numbers_(fleet.split("verifier")) {}

  /// Topics are those that must be there; the log of each partition begins and ends where it may, holds
  /// what it must and nothing else, and is found by time and by offset.
  /// @return false if it could not be done (the broker has gone, or a violation was noted)
  runtime::Task<bool> run();

 private:
  runtime::Task<bool> check_topics(ClientConnection::Pointer connection);
  runtime::Task<bool> check_partition(ClientConnection::Pointer connection, std::string topic, PartitionKey where);
  runtime::Task<bool> read_all(ClientConnection::Pointer connection, FetchPosition from, model::Offset end);
  runtime::Task<bool> read_some(ClientConnection::Pointer connection, FetchPosition from, model::Offset end);
  runtime::Task<bool> check_times(ClientConnection::Pointer connection, OffsetQuestion question);
  [[nodiscard]] FetchOrder make_order(ClientConnection::Pointer connection, FetchPosition position);

  Fleet& fleet_;
  runtime::simulated::Prng numbers_;
  std::vector<std::pair<model::Offset, model::TimestampMs>> timestamps_;  // of the partition under way
};

}  // namespace gregor::sim
