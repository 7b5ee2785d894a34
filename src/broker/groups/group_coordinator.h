// The coordinator's part of one shard: which partitions of __consumer_offsets are led here, and
// what is done from time to time: expired offsets, offsets of deleted topics.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "broker/groups/groups_of_shard.h"
#include "broker/groups/offsets_partition.h"
#include "broker/groups/record_times.h"
#include "broker/turns.h"
#include "model/cluster_image.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"

namespace gregor::broker {

/// Where a group lives, as far as this broker knows.
struct GroupPlace {
  std::int32_t partition = 0;  ///< of __consumer_offsets
  runtime::ShardId shard;
};

/// Thread: its shard; place_of anywhere.
/// Borrows: shard and groups, must outlive it.
class GroupCoordinator {
 public:
  GroupCoordinator(BrokerShard& shard, GroupsOfShard& groups);
  GroupCoordinator(const GroupCoordinator&) = delete;
  GroupCoordinator& operator=(const GroupCoordinator&) = delete;

  [[nodiscard]] static GroupPlace place_of(const BrokerShard& home, std::string_view group_id);

  /// The partition of a group, if it may be asked now.
  /// @errors not_coordinator, coordinator_load_in_progress
  [[nodiscard]] Result<std::shared_ptr<OffsetsPartition>> find(std::int32_t partition) const;

  /// This broker leads a partition of __consumer_offsets: it is loaded, unless it was before.
  void lead(std::shared_ptr<Partition> partition);
  /// It does not any more.
  void let_go(std::int32_t partition);
  /// Offsets of topics that are gone from one image to the next are removed.
  void follow(const model::ClusterImage& before, const model::ClusterImage& now);

  /// On shard 0: makes __consumer_offsets, unless that goes on already.
  void want_topic();

  /// Begins to look for expired offsets.
  void start();
  /// Ends when nothing runs any more.
  runtime::Task<void> stop();

  /// Those that are led here, in order.
  [[nodiscard]] std::vector<std::shared_ptr<OffsetsPartition>> partitions() const;
  [[nodiscard]] GroupsOfShard& groups() { return groups_; }
  /// Of partitions of any topic on this shard.
  [[nodiscard]] RecordTimes& times() { return times_; }

 private:
  runtime::Task<void> run();
  runtime::Task<void> expire(std::shared_ptr<OffsetsPartition> partition);
  runtime::Task<void> make_topic();
  runtime::Task<void> remove_topics(std::set<std::string, std::less<>> topics);

  BrokerShard& shard_;
  GroupsOfShard& groups_;
  std::map<std::int32_t, std::shared_ptr<OffsetsPartition>> partitions_;
  RecordTimes times_;
  Turns loading_;
  bool is_making_topic_ = false;
  ErrorCode refused_ = ErrorCode::none;  // why the topic could not be made; told once
  runtime::OneShot stopping_;
  runtime::TaskGroup tasks_;
};

}  // namespace gregor::broker
