// One partition of __consumer_offsets that this broker leads: it is loaded, then it keeps the
// offsets of its groups and writes what they change.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/groups/groups_of_shard.h"
#include "broker/groups/offsets_reader.h"
#include "broker/partition.h"
#include "broker/turns.h"
#include "group/coordinator_record.h"
#include "group/group_offsets.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

namespace gregor::broker {

/// What is to be written of one group, in one batch.
struct GroupWrite {
  std::string group;
  /// Offsets of distinct or repeated partitions; nullopt removes one.
  std::vector<std::pair<model::TopicPartition, std::optional<group::CommittedOffset>>> offsets;
  /// The group itself, or (a record without value) that it is gone.
  std::optional<group::GroupRecord> content;
};

/// Thread:    the shard that owns the partition. Held by shared_ptr: what awaits keeps it.
/// Borrows:   shard, groups, tasks: must outlive it.
/// Invariant: an offset that `find` gives is durable in the sense of acks=all.
class OffsetsPartition {
 public:
  enum class State { loading, active, failed, ended };
  struct Place {
    BrokerShard& shard;
    GroupsOfShard& groups;
    runtime::TaskGroup& tasks;  ///< owns the appends
  };

  OffsetsPartition(Place place, std::shared_ptr<Partition> partition);
  OffsetsPartition(const OffsetsPartition&) = delete;
  OffsetsPartition& operator=(const OffsetsPartition&) = delete;

  [[nodiscard]] std::int32_t index() const { return index_; }
  [[nodiscard]] State state() const { return state_; }
  /// @return none, coordinator_load_in_progress, not_coordinator
  [[nodiscard]] ErrorCode availability() const;
  [[nodiscard]] GroupsOfShard& groups() { return place_.groups; }
  [[nodiscard]] const GroupsOfShard& groups() const { return place_.groups; }

  /// Reads the log up to its end, a run after the other, and hands the groups over.
  static runtime::Task<void> load(std::shared_ptr<OffsetsPartition> self, Turns& turns);
  /// No longer led here. Appends under way end by themselves.
  void end();

  /// Appends and, once durable, applies. Never partly done.
  /// @return none, or an error of the log as it is (offset_commit_error and group_store_error say
  /// what clients are told)
  /// @errors not_leader_or_follower, not_enough_replicas, request_timed_out (it may still be
  /// written), message_too_large, record_list_too_large, kafka_storage_error, invalid_request
  /// @durable as a produce request with acks=all
  static runtime::Task<ErrorCode> write(std::shared_ptr<OffsetsPartition> self, GroupWrite what);

  /// Removes all offsets of the group and the group itself, with tombstones: all or nothing, also
  /// over a crash. @errors as write; message_too_large: there are more of them than one batch takes
  static runtime::Task<ErrorCode> remove_group(std::shared_ptr<OffsetsPartition> self,
                                               std::string id);
  /// Removes offsets that are there; others are left out. In batches of bounded size.
  static runtime::Task<ErrorCode> remove_offsets(std::shared_ptr<OffsetsPartition> self,
                                                 std::string id,
                                                 std::vector<model::TopicPartition> partitions);

  /// @return nullptr if the group has none, and none under way. Not to be kept over a co_await.
  [[nodiscard]] const group::GroupOffsets* offsets_of(std::string_view id) const;
  /// A transaction that is open has an offset for this partition.
  [[nodiscard]] bool is_unstable(std::string_view id, std::string_view topic,
                                 model::PartitionIndex partition) const;
  /// Ids of the groups that have offsets, in order.
  [[nodiscard]] std::vector<std::string> groups_with_offsets() const;
  [[nodiscard]] std::size_t offset_count() const;

 private:
  struct Append;
  runtime::Task<Result<void>> load_all(model::Offset end);
  runtime::Task<void> apply(std::vector<LoadedItem> items);
  void apply(LoadedItem& item);
  void end_transaction(const model::EndMarker& marker);
  void apply_record(group::OffsetRecord& record, model::Offset at);
  [[nodiscard]] LoadedGroups take_groups();

  [[nodiscard]] std::optional<ErrorCode> write_fault() const;
  [[nodiscard]] Result<std::vector<std::byte>> encode(const GroupWrite& what) const;
  static runtime::Task<void> run(std::shared_ptr<Append> append);
  void finish(const GroupWrite& what, const Result<model::Offset>& first);
  group::GroupOffsets& offsets(std::string_view id);
  void forget_if_unused(std::string_view id);

  Place place_;
  std::shared_ptr<Partition> partition_;
  const std::int32_t index_;
  State state_ = State::loading;
  std::map<std::string, group::GroupOffsets, std::less<>> offsets_;
  LoadedGroups loaded_;  // while loading
  std::uint64_t foreign_records_ = 0;
  struct OpenOffset {
    group::OffsetRecord record;
    model::Offset at;
  };
  /// Offsets of transactions that are open, as read from the log.
  std::map<model::ProducerId, std::vector<OpenOffset>> open_;
};

/// What a client is told of a write that failed. Source: Kafka 3.9's mapping.
[[nodiscard]] ErrorCode offset_commit_error(ErrorCode error);
[[nodiscard]] ErrorCode group_store_error(ErrorCode error);

}  // namespace gregor::broker
