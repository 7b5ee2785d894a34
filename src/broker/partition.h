// One partition that this broker hosts: its log, its leadership, and who waits for its high
// watermark.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/unique_function.h"
#include "config/topic_config.h"
#include "model/cluster_image.h"
#include "model/ids.h"
#include "model/uuid.h"
#include "storage/partition_log.h"

namespace gregor::broker {

/// Names a parked fetch; made by the shard of its connection (the shard's number is in the upper
/// bits).
using NoticeId = std::uint64_t;

/// What the controller said of a partition, as this broker needs it.
struct Leadership {
  model::BrokerId leader{-1};
  model::LeaderEpoch epoch{-1};
  std::int32_t partition_epoch = 0;
  std::vector<model::BrokerId> isr;
};

/// Thread: the shard that owns it. Held by shared_ptr: a request that awaits keeps it while it is
/// being deleted.
class Partition {
 public:
  Partition(std::unique_ptr<storage::PartitionLog> log, model::Uuid topic_id,
            std::shared_ptr<const config::TopicConfig> config);

  [[nodiscard]] storage::PartitionLog& log() { return *log_; }
  [[nodiscard]] const model::Uuid& topic_id() const { return topic_id_; }
  [[nodiscard]] const Leadership& leadership() const { return leadership_; }
  void set_leadership(Leadership leadership) { leadership_ = std::move(leadership); }
  [[nodiscard]] std::int32_t min_insync_replicas() const { return config_->min_insync_replicas; }
  [[nodiscard]] bool is_compacted() const { return config_->cleanup_compact; }
  /// False if the topic is compacted only.
  [[nodiscard]] bool may_delete_records() const {
    return config_->cleanup_delete || !config_->cleanup_compact;
  }
  /// New settings from now on, and the topic's own configs among them.
  void set_config(std::shared_ptr<const config::TopicConfig> config,
                  std::shared_ptr<const model::ConfigEntries> own);
  /// Null if set_config was never called.
  [[nodiscard]] const std::shared_ptr<const model::ConfigEntries>& own_configs() const {
    return own_configs_;
  }
  [[nodiscard]] bool is_retired() const { return retired_; }

  /// Called with (notice, new bytes) for each watcher when the high watermark moves, and with 0
  /// bytes when the partition goes. Set once.
  void on_progress(UniqueFunction<void(NoticeId, std::uint64_t)> callback) {
    progress_ = std::move(callback);
  }

  /// The notice is told of progress beyond `seen` from now on; at once if there is some already.
  void watch(NoticeId notice, model::Offset seen);
  void unwatch(NoticeId notice);

  /// No longer part of the broker: wakes all watchers.
  void retire();

 private:
  void log_end_moved(model::Offset end);

  std::unique_ptr<storage::PartitionLog> log_;
  model::Uuid topic_id_;
  std::shared_ptr<const config::TopicConfig> config_;
  std::shared_ptr<const model::ConfigEntries> own_configs_;
  Leadership leadership_;
  UniqueFunction<void(NoticeId, std::uint64_t)> progress_;
  std::vector<NoticeId> watchers_;
  std::uint64_t size_seen_ = 0;
  bool retired_ = false;
};

}  // namespace gregor::broker
