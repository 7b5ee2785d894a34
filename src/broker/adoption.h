// Registers partition folders that were found in the log dirs as topics of an empty metadata store.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "metadata/store.h"
#include "model/ids.h"
#include "model/uuid.h"
#include "runtime/shard.h"

namespace gregor::broker {

/// A partition folder found in a log dir that the store does not know (take-over of another
/// broker's log dirs).
struct AdoptedPartition {
  model::TopicPartition partition;
  std::optional<model::Uuid> topic_id;  ///< of partition.metadata
  model::LeaderEpoch last_epoch{-1};    ///< the state is written with the epoch after it
};

/// Writes topics (without configs of their own), assignments to `broker` alone and states with
/// leader epoch last + 1. May be repeated after a failure: what is there already is left.
/// @errors invalid_partitions: a gap in a topic's numbers; inconsistent_topic_id: partitions of a
/// topic disagree
runtime::Task<Result<void>> adopt(runtime::Shard& shard, metadata::Store& store,
                                  model::BrokerId broker, std::vector<AdoptedPartition> partitions);

}  // namespace gregor::broker
