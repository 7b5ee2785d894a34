// Producer: a model client that sends batches, keeps several requests under way and never retries.
#pragma once

#include <string>
#include <vector>

#include "protocol/produce.h"
#include "sim/batch_maker.h"
#include "sim/fleet.h"

namespace gregor::sim {

/// One partition that a producer may choose.
struct ProducerTarget {
  std::string topic;
  BatchTarget batch;
};

using ProduceRow = protocol::ProduceResponse::PartitionProduceResponse;

/// Sends one Produce request of `batches` to one broker and tells the history of what is answered.
/// Used by Producer and by TopicWorker.
struct ProduceOrder {
  ClientConnection::Pointer connection;
  std::vector<ProducerTarget> targets;  ///< one per batch, all different
  std::vector<MadeBatch> batches;
  std::int16_t acks = -1;
  protocol::ApiVersion version = 3;
};

/// The request of an order; it refers to the order.
[[nodiscard]] protocol::ProduceRequest make_request(const ProduceOrder& order);
/// The answer's row for each batch of the order; nullptr for a batch that has none.
[[nodiscard]] std::vector<const ProduceRow*> rows_of(const ProduceOrder& order,
                                                     const protocol::ProduceResponse& response);
/// One of the versions that can carry what the producer makes.
[[nodiscard]] protocol::ApiVersion draw_produce_version(runtime::simulated::Prng& numbers,
                                                        const ProducerPlan& plan);

/// @return false when the connection is of no use any more
runtime::Task<bool> produce(Fleet& fleet, ProduceOrder order);

/// Thread: the clients' shard. Outlives its task.
class Producer {
 public:
  Producer(Fleet& fleet, const ProducerPlan& plan, std::vector<ProducerTarget> targets);
  runtime::Task<void> run();

 private:
  runtime::Task<void> use(ClientConnection::Pointer connection);
  runtime::Task<void> send_one(ClientConnection::Pointer connection);
  ProduceOrder make_order(ClientConnection::Pointer connection);

  Fleet& fleet_;
  const ProducerPlan plan_;
  const std::vector<ProducerTarget> targets_;
  runtime::simulated::Prng numbers_;
  BatchMaker maker_;
  std::size_t under_way_ = 0;
};

}  // namespace gregor::sim
