// IdempotentProducer: a model client with a producer id. What was not answered it sends again, the
// same bytes in the same order, over any number of connections and lives of the broker.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "sim/producer.h"

namespace gregor::sim {

/// Thread: the clients' shard. Outlives its task.
///
/// Each batch is answered in the end, or given up together with the producer id where the broker
/// may have forgotten what came before: after a power loss that was allowed to take records, and,
/// with several requests under way, over a restart (Kafka's snapshots hold the last batch only).
class IdempotentProducer {
 public:
  IdempotentProducer(Fleet& fleet, const ProducerPlan& plan, std::vector<ProducerTarget> targets);
  runtime::Task<void> run();

 private:
  /// A request that has not been answered as a whole.
  struct Pending {
    ProduceOrder order;
    std::vector<BatchNumber> numbers;
    std::uint64_t life = 0;  // of the broker, when it was first sent
    bool is_given_up = false;
  };
  using PendingPointer = std::shared_ptr<Pending>;

  runtime::Task<void> use(ClientConnection::Pointer connection);
  runtime::Task<bool> take_id(ClientConnection::Pointer connection);
  PendingPointer make_pending(ClientConnection::Pointer connection);
  void stamp(MadeBatch& batch);
  runtime::Task<void> send(ClientConnection::Pointer connection, PendingPointer pending,
                           bool is_again);
  bool take_rows(Pending& pending, const protocol::ProduceResponse& response);
  bool take_row(Pending& pending, std::size_t place, const ProduceRow& row);
  void take_refusal(const Pending& pending, ErrorCode error);
  void give_up();

  Fleet& fleet_;
  const ProducerPlan plan_;
  const std::vector<ProducerTarget> targets_;
  runtime::simulated::Prng numbers_;
  BatchMaker maker_;
  std::optional<model::ProducerId> id_;
  std::map<PartitionKey, std::int32_t> next_sequences_;
  std::deque<PendingPointer> pending_;  // in the order of sending
};

}  // namespace gregor::sim
