// Controller: decides who leads which partition, and what brokers are told. Events in, effects out;
// no I/O, no clock.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/cluster_state.h"
#include "controller/effects.h"

namespace gregor::controller {

/// The controller of a cluster, while it is elected. One node is the small case of many: it goes
/// the same way.
///
/// Thread:    that of its owner. An event appends effects to `out`; they are performed in order
/// (effects.h). Invariant: a state node is only written conditional on the controller epoch and on
/// its own version; what the controller
///            believes of a partition's leadership is what it has read or written last.
/// Source:    Kafka's ZooKeeper-mode controller: fail-over sequence, partition state machine, topic
/// deletion.
class Controller {
 public:
  using Effects = std::vector<Effect>;

  /// Elected. Everything known before is forgotten; the cluster is read again.
  ///
  /// @param restarted  live brokers whose previous run ended without the cluster being told: what
  /// they led is elected anew
  void on_elected(model::BrokerId self, model::ControllerEpoch epoch,
                  std::set<model::BrokerId> restarted, Effects& out);

  /// The registrations as they are now. Brokers that came, went or were registered anew are dealt
  /// with.
  void on_brokers(std::map<model::BrokerId, model::BrokerImage> brokers, Effects& out);
  /// Names of all topics. New ones are read; those that have gone are dropped.
  void on_topic_list(const std::vector<std::string>& names, Effects& out);
  /// Nodes of topics were changed: they are read again. Unknown ones are ignored.
  void on_topics_changed(const std::vector<std::string>& names, Effects& out);
  void on_topics_read(std::vector<LoadedTopic> topics, Effects& out);
  /// A topic's own configs as they are now. @return false if it is not known: they are read with it
  bool on_topic_configs(const std::string& name,
                        std::shared_ptr<const model::ConfigEntries> configs);
  /// Names under /admin/delete_topics.
  void on_deletion_requests(const std::vector<std::string>& names, Effects& out);
  void on_states_written(const std::vector<StateWritten>& results, Effects& out);
  void on_replicas_stopped(const StopReplica& request,
                           const std::vector<PartitionOutcome>& outcomes, Effects& out);
  void on_topics_removed(const std::vector<std::string>& names, Effects& out);
  /// A write of another kind than a state found that /controller_epoch has changed.
  void on_controller_moved(Effects& out) { resign("/controller_epoch has changed", out); }
  void set_deletion_enabled(bool enabled) { deletion_enabled_ = enabled; }

  [[nodiscard]] bool is_active() const { return active_; }
  [[nodiscard]] model::ControllerEpoch epoch() const { return epoch_; }
  [[nodiscard]] const ClusterState& state() const { return state_; }

 private:
  /// Partitions whose news go to brokers: collected, then sent in one request per broker.
  struct News {
    std::map<model::BrokerId, std::vector<PartitionLeadership>> leader_and_isr;
    std::vector<PartitionLeadership> metadata;
  };

  void resign(std::string reason, Effects& out);
  void add_topic(LoadedTopic topic, News& news, std::vector<StateWrite>& writes);
  void judge(const model::TopicPartition& partition, bool leader_is_void,
             std::vector<StateWrite>& writes);
  void tell_replicas(const model::TopicPartition& partition, News& news);
  void tell_everyone(const model::TopicPartition& partition, News& news);
  void tell_the_rest(News& news);
  void send(News news, Effects& out);
  void send_metadata(std::vector<PartitionLeadership> partitions, Effects& out);
  void start_deletions(Effects& out);
  void start_deletion(const std::string& name, TopicRecord& topic, Effects& out);
  void broker_failed(model::BrokerId id, std::vector<StateWrite>& writes);
  void broker_started(model::BrokerId id, News& news, std::vector<StateWrite>& writes);
  [[nodiscard]] PartitionLeadership describe(const model::TopicPartition& partition) const;
  [[nodiscard]] RequestHead head(model::BrokerId to) const;

  bool active_ = false;
  bool deletion_enabled_ = true;
  model::BrokerId self_{-1};
  model::ControllerEpoch epoch_;
  ClusterState state_;
  std::set<model::BrokerId> restarted_;
  std::set<std::string> deletions_;  // requested
  // Replicas that have still to be stopped before a topic's nodes go.
  std::map<std::string, std::set<std::pair<model::PartitionIndex, model::BrokerId>>> stopping_;
};

}  // namespace gregor::controller
