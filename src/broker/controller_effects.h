// ControllerEffects: performs the controller's effects in order, and feeds the results back as
// events.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "broker/config_nodes.h"
#include "broker/partition_host.h"
#include "broker/store_calls.h"
#include "controller/controller.h"
#include "metadata/store.h"
#include "model/cluster_image.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"

namespace gregor::broker {

/// Thread:    shard 0. Borrows shard, store, host.
/// Invariant: one effect at a time, first in, first out; a watch event becomes an effect that reads
/// again.
class ControllerEffects {
 public:
  ControllerEffects(runtime::Shard& shard, metadata::Store& store, PartitionHost& host);
  ~ControllerEffects();
  ControllerEffects(const ControllerEffects&) = delete;
  ControllerEffects& operator=(const ControllerEffects&) = delete;

  /// Takes office and starts to work.
  void start(model::BrokerId self, const Election& election, std::set<model::BrokerId> restarted);
  /// Ends when there is nothing to do at the moment, or after Resign or stop. @return true if it is
  /// in office.
  runtime::Task<bool> settled();
  /// Ends the work after the effect under way.
  runtime::Task<void> stop();

  /// Ends when all changes of configs that are in the store by now have been applied, or after
  /// stop.
  runtime::Task<void> apply_config_changes();

  /// To be called for each watch event and session event of the store.
  void on_watch(const znode::WatchEvent& event);
  void on_session(znode::SessionEvent event);

  /// Waits for a change of the image, the controller's state, or the deadline. @return false at the
  /// deadline or stop.
  runtime::Task<bool> changed_until(runtime::Instant deadline);

  [[nodiscard]] const std::shared_ptr<const model::ClusterImage>& image() const { return image_; }
  void set_image(std::shared_ptr<const model::ClusterImage> image) { image_ = std::move(image); }
  [[nodiscard]] controller::Controller& controller() { return controller_; }

  /// The nodes of these topics were changed by this process: the controller looks at them again.
  void read_again(const std::vector<std::string>& topics);
  /// The condition of every change that a controller makes.
  [[nodiscard]] znode::Operation check_epoch() const;

 private:
  using Effects = controller::Controller::Effects;

  void enqueue(controller::Effect effect);
  void append(Effects effects);
  runtime::Task<void> work();
  runtime::Task<bool> perform_one();
  runtime::Task<bool> perform(controller::effect::ReadBrokers& effect);
  runtime::Task<bool> perform(controller::effect::ReadTopicList& effect);
  runtime::Task<bool> perform(controller::effect::ReadDeletionRequests& effect);
  runtime::Task<bool> perform(controller::effect::ReadConfigChanges& effect);
  runtime::Task<bool> perform(controller::effect::ReadTopics& effect);
  runtime::Task<bool> perform(controller::effect::WriteStates& effect);
  runtime::Task<bool> perform(controller::effect::SendLeaderAndIsr& effect);
  runtime::Task<bool> perform(controller::effect::SendUpdateMetadata& effect);
  runtime::Task<bool> perform(controller::effect::SendStopReplica& effect);
  runtime::Task<bool> perform(controller::effect::RemoveTopics& effect);
  runtime::Task<bool> perform(controller::effect::RemoveDeletionRequests& effect);
  runtime::Task<bool> perform(controller::effect::Resign& effect);
  runtime::Task<bool> apply_broker_configs();
  runtime::Task<bool> apply_topic_configs(const std::set<std::string>& topics);
  void with_current_configs(std::vector<controller::PartitionLeadership>& partitions) const;
  runtime::Task<void> remove_topic(std::string name, std::vector<std::string>& removed);
  runtime::Task<metadata::StoreResult<bool>> remove_topic_once(std::string name);
  [[nodiscard]] bool read_failed(const metadata::StoreFailure& failure, const char* what);
  [[nodiscard]] std::shared_ptr<const model::ClusterImage> next_image(
      const controller::UpdateMetadata& update) const;
  void wake_waiters();

  runtime::Shard& shard_;
  metadata::Store& store_;
  PartitionHost& host_;
  controller::Controller controller_;
  model::BrokerId self_{-1};
  Election election_;
  std::shared_ptr<const model::ClusterImage> image_;
  ConfigNotices config_notices_;
  std::uint64_t config_reads_asked_ = 0;
  std::uint64_t config_reads_done_ = 0;
  std::deque<controller::Effect> queue_;
  std::unique_ptr<runtime::OneShot> more_;  // set while work() waits for an effect
  std::vector<runtime::OneShot*> waiters_;
  bool idle_ = false;
  bool stopping_ = false;
  runtime::TaskGroup tasks_;
};

}  // namespace gregor::broker
