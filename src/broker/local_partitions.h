// The partitions of this broker: opens, makes, hands over and removes them as the controller says.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_function.h"
#include "broker/broker_shard.h"
#include "broker/partition_host.h"
#include "storage/log_dirs.h"
#include "storage/open_segments.h"

namespace gregor::broker {

/// How far opening the partitions that were found at start has come.
struct LoadProgress {
  std::size_t found = 0;
  std::size_t loaded = 0;             ///< in vain, too
  std::uint64_t recovered_bytes = 0;  ///< of log that had to be read again
};

/// 32 hexadecimal digits, for names of folders.
[[nodiscard]] std::string unique_suffix(runtime::Random& random);

/// Thread: shard 0; the partitions themselves go to the shards that own them.
class LocalPartitions final : public PartitionHost {
 public:
  LocalPartitions(runtime::Shard& shard, BrokerShared& shared) : shard_(shard), shared_(shared) {}

  /// What was found at start. Before the first apply.
  /// @param has_unknown  a log dir is new, or was emptied, or is not mounted: what is missed may
  /// have
  ///                     been there
  void use(storage::LogDirs& dirs, bool has_unknown);

  /// How many descriptors the logs may have open, all together. Before the first apply.
  void limit_descriptors(std::int64_t descriptors_max);

  runtime::Task<std::vector<controller::PartitionOutcome>> apply_leader_and_isr(
      controller::LeaderAndIsr request) override;
  runtime::Task<std::vector<controller::PartitionOutcome>> stop_replicas(
      controller::StopReplica request) override;
  runtime::Task<void> publish_image(std::shared_ptr<const model::ClusterImage> image) override;
  runtime::Task<void> apply_topic_configs(
      std::string topic, std::shared_ptr<const model::ConfigEntries> configs) override;
  runtime::Task<void> apply_broker_configs(config::DynamicConfigs configs) override;
  /// Called when all shards have the new configs of the broker. Set once.
  void on_broker_config(UniqueFunction<void(const config::BrokerConfig&)> callback) {
    config_changed_ = std::move(callback);
  }

  /// Folders that were found at start and that nobody has asked for.
  [[nodiscard]] std::vector<model::TopicPartition> unclaimed() const;
  /// Partitions that should have been found, were not, and were not made anew.
  [[nodiscard]] std::size_t missing() const { return missing_; }
  [[nodiscard]] const LoadProgress& progress() const { return progress_; }
  /// Segments whose files are open.
  [[nodiscard]] std::int64_t open_segments(storage::SegmentHeat heat) const;
  /// How often one that is only read was opened beyond the limit of descriptors.
  [[nodiscard]] std::uint64_t opened_beyond_limit() const;
  /// Flushes and closes all logs. @return false if one could not be closed in order.
  runtime::Task<bool> close_all();
  /// A folder that a move to another log dir has left, to be removed later.
  void note_retired(std::string path) { retired_.push_back(std::move(path)); }
  /// Folders of deleted partitions, to be removed later; those taken are forgotten here.
  [[nodiscard]] std::vector<std::string> take_retired() { return std::exchange(retired_, {}); }

 private:
  runtime::Task<void> apply_some(const controller::LeaderAndIsr& request, std::size_t& next,
                                 std::vector<controller::PartitionOutcome>& outcomes);
  runtime::Task<ErrorCode> apply(const controller::PartitionLeadership& wanted);
  runtime::Task<Result<std::unique_ptr<storage::LoadedLog>>> open_log(
      const controller::PartitionLeadership& wanted,
      std::shared_ptr<const config::TopicConfig> config);
  [[nodiscard]] std::optional<std::string> creation_doubt(
      const controller::PartitionLeadership& wanted) const;
  runtime::Task<ErrorCode> remove(const controller::StopReplica::Partition& gone);
  runtime::Task<ErrorCode> remove_unopened(model::TopicPartition partition, std::string suffix);
  [[nodiscard]] BrokerShard& owner(const model::TopicPartition& partition);

  runtime::Shard& shard_;
  BrokerShared& shared_;
  storage::LogDirs* dirs_ = nullptr;
  std::vector<std::shared_ptr<storage::OpenSegments>> open_segments_;  // by shard
  std::map<model::TopicPartition, storage::FoundPartition> unopened_;
  std::vector<std::string> retired_;
  bool has_unknown_ = false;
  std::size_t missing_ = 0;
  LoadProgress progress_;
  UniqueFunction<void(const config::BrokerConfig&)> config_changed_;
};

}  // namespace gregor::broker
