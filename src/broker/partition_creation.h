// Adds partitions to topics: plans them, writes the topics' nodes, waits for leaders.
#pragma once

#include <string>
#include <vector>

#include "broker/controller_effects.h"
#include "broker/controller_glue.h"
#include "controller/partition_rules.h"
#include "metadata/store.h"
#include "runtime/shard.h"

namespace gregor::broker {

/// One CreatePartitions request.
///
/// Thread:  shard 0. Borrows all three; they must outlive it.
/// Errors:  a node is written conditional on /controller_epoch and on the version that the plan was
///          made of; an unknown outcome is read again.
class PartitionCreation {
 public:
  PartitionCreation(runtime::Shard& shard, metadata::Store& store, ControllerEffects& effects)
      : shard_(shard), store_(store), effects_(effects) {}

  /// As ControllerService::create_partitions.
  runtime::Task<std::vector<PartitionsCreated>> run(
      std::vector<controller::PartitionsRequest> requests, CreateOptions options);

 private:
  /// One topic of it.
  struct Addition {
    const controller::PartitionsRequest* request = nullptr;  // null if it is refused
    controller::PartitionsPlan plan;
    bool may_be_written = false;  // asked for, but the outcome is not known (yet)
    bool is_written = false;
    model::Uuid id;
  };

  [[nodiscard]] std::vector<Addition> plan(
      const std::vector<controller::PartitionsRequest>& requests);
  runtime::Task<void> write(Addition& addition, runtime::Instant deadline);
  runtime::Task<bool> write_once(Addition& addition);
  runtime::Task<void> wait_for_leaders(std::vector<Addition>& additions, runtime::Instant deadline);
  [[nodiscard]] bool has_leaders(const Addition& addition) const;
  [[nodiscard]] bool is_past(runtime::Instant deadline) const {
    return shard_.clock().now() >= deadline;
  }

  runtime::Shard& shard_;
  metadata::Store& store_;
  ControllerEffects& effects_;
};

}  // namespace gregor::broker
