// ProducerIds: numbers for idempotent producers, out of blocks that are claimed in the metadata
// store.
//
// Source: KIP-98; /latest_producer_id_block of Kafka's ZooKeeper layout, which all brokers of a
// cluster share.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "metadata/store.h"
#include "model/ids.h"
#include "runtime/shard.h"

namespace gregor::broker {

/// Ids in a block, as in Kafka.
inline constexpr std::int64_t producer_ids_per_block = 1000;

/// Gives each id once, over all restarts and brokers: a block is used only if the store has said
/// that the claim was made. What is left of a block when the broker ends, and blocks whose claim
/// had an unknown outcome, are skipped for ever.
///
/// Thread:  shard 0 (the store's shard). Borrows: shard, store; must outlive it.
/// Durable: a claim is before its first id is given.
class ProducerIds {
 public:
  ProducerIds(runtime::Shard& shard, metadata::Store& store, model::BrokerId broker)
      : shard_(shard), store_(store), broker_(broker) {}
  ProducerIds(const ProducerIds&) = delete;
  ProducerIds& operator=(const ProducerIds&) = delete;

  /// The next id. Callers that find the block used up wait for one claim together.
  /// @errors coordinator_load_in_progress: the store could not be asked, try again later;
  ///         unknown_server_error: what the store holds makes no sense
  runtime::Task<Result<model::ProducerId>> next();

 private:
  runtime::Task<void> refill();
  runtime::Task<Result<std::int64_t>> claim();

  runtime::Shard& shard_;
  metadata::Store& store_;
  const model::BrokerId broker_;
  std::int64_t next_ = 0;
  std::int64_t end_ = 0;
  bool is_claiming_ = false;
  std::optional<Error> failure_;  // of the last claim
  std::vector<runtime::OneShot*> waiters_;
};

}  // namespace gregor::broker
