// Verifier: reads everything back after a restart, through the protocol, while all other clients
// wait.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sim/fetch_client.h"
#include "sim/topic_client.h"

namespace gregor::sim {

/// Reads one partition back: where it begins and ends, all of it, parts of it, and lookups by time.
///
/// Thread: the clients' shard. Outlives its task.
class PartitionCheck {
 public:
  PartitionCheck(Fleet& fleet, std::string topic, PartitionKey where,
                 runtime::simulated::Prng numbers)
      : fleet_(fleet), topic_(std::move(topic)), where_(where), numbers_(numbers) {}
  /// @return false if it could not be done
  runtime::Task<bool> run(ClientConnection::Pointer connection);

 private:
  runtime::Task<bool> read_all(ClientConnection::Pointer connection, model::Offset from,
                               model::Offset end);
  runtime::Task<bool> read_some(ClientConnection::Pointer connection, model::Offset end);
  runtime::Task<bool> check_times(ClientConnection::Pointer connection);
  [[nodiscard]] FetchOrder make_order(ClientConnection::Pointer connection, model::Offset from);

  Fleet& fleet_;
  const std::string topic_;
  const PartitionKey where_;
  runtime::simulated::Prng numbers_;
  std::vector<std::pair<model::Offset, model::TimestampMs>> timestamps_;
};

/// Thread: the clients' shard. Outlives its task.
class Verifier {
 public:
  explicit Verifier(Fleet& fleet) : fleet_(fleet), numbers_(fleet.split("verifier")) {}

  /// Topics are those that must be there; the log of each partition begins and ends where it may,
  /// holds what it must and nothing else, and is found by time and by offset. All partitions are
  /// checked at the same time.
  /// @return false if it could not be done (the broker has gone, or a violation was noted)
  runtime::Task<bool> run();

 private:
  using Step = std::function<runtime::Task<bool>(ClientConnection::Pointer)>;
  runtime::Task<bool> try_often(Step step);
  runtime::Task<bool> check_topics(ClientConnection::Pointer connection);
  runtime::Task<void> check_partition(PartitionCheck& check, bool& is_done);

  Fleet& fleet_;
  runtime::simulated::Prng numbers_;
};

}  // namespace gregor::sim
