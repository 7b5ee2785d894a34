#include "controller/controller.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace gregor::controller {
namespace {

using model::BrokerId;
using model::TopicPartition;

bool allows_unclean(const TopicRecord& topic) {
  const auto at = topic.configs->find("unclean.leader.election.enable");
  return at != topic.configs->end() && at->second == "true";
}

bool holds(const PartitionRecord& record, BrokerId id) {
  return std::find(record.replicas.begin(), record.replicas.end(), id) != record.replicas.end();
}

}  // namespace

void Controller::on_elected(BrokerId self, model::ControllerEpoch epoch,
                            std::set<BrokerId> restarted, Effects& out) {
  active_ = true;
  self_ = self;
  epoch_ = epoch;
  restarted_ = std::move(restarted);
  state_ = {};
  deletions_.clear();
  stopping_.clear();
  // Deletions before topics: what is to be deleted gets no leader.
  out.emplace_back(effect::ReadBrokers{});
  out.emplace_back(effect::ReadDeletionRequests{});
  out.emplace_back(effect::ReadTopicList{});
}

void Controller::resign(std::string reason, Effects& out) {
  if (!active_) return;
  active_ = false;
  out.emplace_back(effect::Resign{std::move(reason)});
}

RequestHead Controller::head(BrokerId to) const {
  const auto broker = state_.live_brokers.find(to);
  GREGOR_ASSERT(broker != state_.live_brokers.end());
  return {self_, epoch_, broker->second.epoch};
}

PartitionLeadership Controller::describe(const TopicPartition& partition) const {
  const auto& topic = state_.topics.at(partition.topic);
  const auto& record = topic.partitions.at(partition.partition);
  PartitionLeadership told;
  told.topic = partition.topic;
  told.topic_id = topic.id;
  told.partition = partition.partition;
  told.replicas = record.replicas;
  told.configs = topic.configs;
  told.controller_epoch = epoch_;
  if (record.leadership) {
    told.controller_epoch = record.leadership->state.controller_epoch;
    told.leader = record.leadership->state.leader;
    told.leader_epoch = record.leadership->state.leader_epoch;
    told.isr = record.leadership->state.isr;
    told.partition_epoch = record.leadership->partition_epoch;
  }
  return told;
}

// ---- brokers

void Controller::on_brokers(std::map<BrokerId, model::BrokerImage> brokers, Effects& out) {
  if (!active_) return;
  std::vector<BrokerId> failed;
  std::vector<BrokerId> started;
  for (const auto& [id, old] : state_.live_brokers) {
    const auto now = brokers.find(id);
    if (now == brokers.end() || now->second.epoch > old.epoch) failed.push_back(id);
  }
  for (const auto& [id, broker] : brokers) {
    const auto old = state_.live_brokers.find(id);
    if (old == state_.live_brokers.end() || broker.epoch > old->second.epoch) started.push_back(id);
  }
  const bool changed = brokers != state_.live_brokers;
  state_.live_brokers = std::move(brokers);
  // The list of brokers goes out before any leader of theirs.
  if (changed) send_metadata({}, out);
  News news;
  std::vector<StateWrite> writes;
  for (const auto id : failed) broker_failed(id, writes);
  for (const auto id : started) broker_started(id, news, writes);
  send(std::move(news), out);
  if (!writes.empty()) out.emplace_back(effect::WriteStates{std::move(writes)});
  start_deletions(out);
}

void Controller::broker_failed(BrokerId id, std::vector<StateWrite>& writes) {
  for (const auto& [name, topic] : state_.topics) {
    if (topic.deleting) continue;
    for (const auto& [index, record] : topic.partitions) {
      if (!record.leadership) continue;
      const auto& state = record.leadership->state;
      const bool is_member = std::find(state.isr.begin(), state.isr.end(), id) != state.isr.end();
      if (is_member || state.leader == id) judge({name, index}, state.leader == id, writes);
    }
  }
}

void Controller::broker_started(BrokerId id, News& news, std::vector<StateWrite>& writes) {
  for (const auto& [name, topic] : state_.topics) {
    for (const auto& [index, record] : topic.partitions) {
      if (topic.deleting) continue;
      const TopicPartition partition{name, index};
      const auto already = std::find_if(writes.begin(), writes.end(), [&](const StateWrite& w) {
        return w.partition == partition;
      });
      if (already != writes.end()) continue;
      const auto before = writes.size();
      judge(partition, false, writes);
      if (writes.size() == before && holds(record, id)) tell_replicas(partition, news);
      tell_everyone(partition, news);
    }
  }
}

// ---- partitions

// Asks for the write that brings a partition (back) online, if one is needed and possible.
void Controller::judge(const TopicPartition& partition, bool leader_is_void,
                       std::vector<StateWrite>& writes) {
  auto& topic = state_.topics.at(partition.topic);
  auto& record = topic.partitions.at(partition.partition);
  if (record.leadership) {
    const ElectionInput input{record.replicas, record.leadership->state, state_.live_brokers,
                              leader_is_void, allows_unclean(topic)};
    if (auto next = elect(input)) {
      next->controller_epoch = epoch_;
      writes.push_back({partition, std::move(*next), record.leadership->partition_epoch});
    }
    return;
  }
  // New: the first live replica leads, all live ones are in the ISR.
  znode::PartitionState first;
  first.controller_epoch = epoch_;
  for (const auto id : record.replicas) {
    if (state_.is_live(id)) first.isr.push_back(id);
  }
  if (first.isr.empty()) return;
  first.leader = first.isr.front();
  record.fresh = true;
  writes.push_back({partition, std::move(first), std::nullopt});
}

void Controller::on_topic_list(const std::vector<std::string>& names, Effects& out) {
  if (!active_) return;
  const std::set<std::string> listed(names.begin(), names.end());
  std::vector<std::string> gone;
  for (const auto& [name, topic] : state_.topics) {
    if (!listed.contains(name)) gone.push_back(name);
  }
  on_topics_removed(gone, out);
  effect::ReadTopics read;
  for (const auto& name : listed) {
    if (!state_.topics.contains(name)) read.names.push_back(name);
  }
  effect::RemoveDeletionRequests unknown;
  for (const auto& name : deletions_) {
    if (!listed.contains(name)) unknown.names.push_back(name);
  }
  for (const auto& name : unknown.names) deletions_.erase(name);
  if (!unknown.names.empty()) out.emplace_back(std::move(unknown));
  if (!read.names.empty()) out.emplace_back(std::move(read));
  start_deletions(out);
}

void Controller::on_topics_changed(const std::vector<std::string>& names, Effects& out) {
  if (!active_) return;
  effect::ReadTopics read;
  for (const auto& name : names) {
    if (state_.topics.contains(name)) read.names.push_back(name);
  }
  if (!read.names.empty()) out.emplace_back(std::move(read));
}

void Controller::on_topics_read(std::vector<LoadedTopic> topics, Effects& out) {
  if (!active_) return;
  News news;
  std::vector<StateWrite> writes;
  for (auto& topic : topics) {
    for (const auto& [index, leadership] : topic.leaderships) {
      if (leadership.state.controller_epoch > epoch_) {
        return resign("state of " + topic.name + " was written by a later controller", out);
      }
    }
    add_topic(std::move(topic), news, writes);
  }
  restarted_.clear();
  send(std::move(news), out);
  if (!writes.empty()) out.emplace_back(effect::WriteStates{std::move(writes)});
  start_deletions(out);
}

bool Controller::on_topic_configs(const std::string& name,
                                  std::shared_ptr<const model::ConfigEntries> configs) {
  GREGOR_ASSERT(configs != nullptr);
  const auto topic = state_.topics.find(name);
  if (!active_ || topic == state_.topics.end()) return false;
  topic->second.configs = std::move(configs);
  return true;
}

// Also for a topic that is known: after a write that failed or may have failed it is read again.
void Controller::add_topic(LoadedTopic loaded, News& news, std::vector<StateWrite>& writes) {
  auto& topic = state_.topics[loaded.name];
  topic.id = loaded.id;
  topic.configs = std::move(loaded.configs);
  GREGOR_ASSERT(topic.configs != nullptr);
  for (auto& [index, replicas] : loaded.assignment) {
    auto& record = topic.partitions[index];
    record.replicas = std::move(replicas);
    const auto at = loaded.leaderships.find(index);
    if (at != loaded.leaderships.end()) record.leadership = at->second;
  }
  topic.deleting = topic.deleting || deletions_.contains(loaded.name);
  if (topic.deleting) return;
  for (auto& [index, record] : topic.partitions) {
    const TopicPartition partition{loaded.name, index};
    const bool leader_is_void =
        record.leadership && restarted_.contains(record.leadership->state.leader);
    const auto before = writes.size();
    judge(partition, leader_is_void, writes);
    if (writes.size() != before) continue;  // told once it is written
    if (record.leadership) tell_replicas(partition, news);
    tell_everyone(partition, news);
  }
}

void Controller::on_states_written(const std::vector<StateWritten>& results, Effects& out) {
  if (!active_) return;
  News news;
  std::set<std::string> read_again;
  for (const auto& result : results) {
    const auto& partition = result.write.partition;
    auto* record = state_.find(partition);
    if (record == nullptr) continue;  // removed meanwhile
    switch (result.outcome) {
      case WriteOutcome::written:
        record->leadership = Leadership{result.write.state, result.version};
        if (state_.topics.at(partition.topic).deleting)
          break;  // its replicas may have been stopped already
        tell_replicas(partition, news);
        tell_everyone(partition, news);
        break;
      case WriteOutcome::controller_moved:
        return resign("/controller_epoch has changed", out);
      case WriteOutcome::conflict:
      case WriteOutcome::unknown:
        read_again.insert(partition.topic);
        break;
    }
  }
  send(std::move(news), out);
  if (!read_again.empty())
    out.emplace_back(effect::ReadTopics{{read_again.begin(), read_again.end()}});
}

// ---- telling

void Controller::tell_replicas(const TopicPartition& partition, News& news) {
  auto told = describe(partition);
  auto* record = state_.find(partition);
  told.is_new = std::exchange(record->fresh, false);
  for (const auto id : told.replicas) {
    if (state_.is_live(id)) news.leader_and_isr[id].push_back(told);
  }
}

void Controller::tell_everyone(const TopicPartition& partition, News& news) {
  news.metadata.push_back(describe(partition));
}

// LeaderAndIsr first: who reads the metadata then finds a leader that knows.
void Controller::send(News news, Effects& out) {
  for (auto& [to, partitions] : news.leader_and_isr) {
    out.emplace_back(effect::SendLeaderAndIsr{{to, head(to), std::move(partitions)}});
  }
  tell_the_rest(news);
  if (!news.metadata.empty()) send_metadata(std::move(news.metadata), out);
}

// A topic some of whose partitions have no state yet is not shown smaller than it is.
void Controller::tell_the_rest(News& news) {
  std::set<std::string> topics;
  for (const auto& told : news.metadata) topics.insert(told.topic);
  for (const auto& name : topics) {
    for (const auto& [index, record] : state_.topics.at(name).partitions) {
      if (!record.leadership) tell_everyone({name, index}, news);
    }
  }
}

void Controller::send_metadata(std::vector<PartitionLeadership> partitions, Effects& out) {
  std::vector<model::BrokerImage> brokers;
  for (const auto& [id, broker] : state_.live_brokers) brokers.push_back(broker);
  for (const auto& broker : brokers) {
    out.emplace_back(effect::SendUpdateMetadata{{broker.id, head(broker.id), partitions, brokers}});
  }
}

// ---- deletion

void Controller::on_deletion_requests(const std::vector<std::string>& names, Effects& out) {
  if (!active_) return;
  if (!deletion_enabled_) {
    if (!names.empty()) out.emplace_back(effect::RemoveDeletionRequests{names});
    return;
  }
  deletions_ = {names.begin(), names.end()};
  const bool all_known = std::all_of(names.begin(), names.end(), [this](const std::string& name) {
    return state_.topics.contains(name);
  });
  if (!all_known) out.emplace_back(effect::ReadTopicList{});
  start_deletions(out);
}

void Controller::start_deletions(Effects& out) {
  for (const auto& name : deletions_) {
    const auto topic = state_.topics.find(name);
    if (topic != state_.topics.end() && !stopping_.contains(name))
      start_deletion(name, topic->second, out);
  }
}

// Waits while a replica is on a broker that is not live: its log would stay.
void Controller::start_deletion(const std::string& name, TopicRecord& topic, Effects& out) {
  topic.deleting = true;
  std::map<BrokerId, std::vector<StopReplica::Partition>> stops;
  std::set<std::pair<model::PartitionIndex, BrokerId>> waiting;
  std::vector<PartitionLeadership> told;
  for (const auto& [index, record] : topic.partitions) {
    auto leadership = describe({name, index});
    leadership.leader = leader_during_delete;
    told.push_back(std::move(leadership));
    for (const auto id : record.replicas) {
      if (!state_.is_live(id)) return;
      waiting.emplace(index, id);
      stops[id].push_back({{name, index}, model::LeaderEpoch(-2), true});
    }
  }
  send_metadata(std::move(told), out);
  stopping_[name] = std::move(waiting);
  for (auto& [to, partitions] : stops) {
    out.emplace_back(effect::SendStopReplica{{to, head(to), std::move(partitions)}});
  }
  if (stops.empty()) out.emplace_back(effect::RemoveTopics{{name}});
}

void Controller::on_replicas_stopped(const StopReplica& request,
                                     const std::vector<PartitionOutcome>& outcomes, Effects& out) {
  if (!active_) return;
  effect::RemoveTopics done;
  std::set<std::string> failed;
  for (const auto& outcome : outcomes) {
    const auto waiting = stopping_.find(outcome.partition.topic);
    if (waiting == stopping_.end()) continue;
    if (outcome.error != ErrorCode::none) {
      failed.insert(outcome.partition.topic);
      continue;
    }
    waiting->second.erase({outcome.partition.partition, request.to});
    if (waiting->second.empty()) done.names.push_back(outcome.partition.topic);
  }
  // A deletion that failed rests until the next event that looks at deletions.
  for (const auto& name : failed) stopping_.erase(name);
  if (!done.names.empty()) out.emplace_back(std::move(done));
}

void Controller::on_topics_removed(const std::vector<std::string>& names, Effects& out) {
  if (!active_) return;
  std::vector<PartitionLeadership> told;
  for (const auto& name : names) {
    stopping_.erase(name);
    deletions_.erase(name);
    const auto topic = state_.topics.find(name);
    if (topic == state_.topics.end()) continue;
    for (const auto& [index, record] : topic->second.partitions) {
      if (topic->second.deleting) break;  // everyone knows already
      told.push_back(describe({name, index}));
      told.back().leader = leader_during_delete;
    }
    state_.topics.erase(topic);
  }
  if (!told.empty()) send_metadata(std::move(told), out);
}

}  // namespace gregor::controller
