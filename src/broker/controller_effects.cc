#include "broker/controller_effects.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "znode/path.h"

namespace gregor::broker {
namespace {

using metadata::NodeChildren;
using metadata::StoreFailure;
using metadata::StoreResult;
using metadata::Watch;
using runtime::Task;
using znode::OperationResult;
using znode::StoreError;
namespace effect = controller::effect;

using MultiTask = Task<StoreResult<std::vector<OperationResult>>>;

/// Operations of one multi when a topic's nodes are removed; far below the limit of a request in
/// bytes.
constexpr std::size_t removals_per_multi = 1000;

znode::Operation create_node(std::string path, std::string data) {
  return znode::op::Create{std::move(path), std::move(data), znode::CreateMode::persistent};
}

template <class T>
bool queued(const std::deque<controller::Effect>& queue) {
  return std::any_of(queue.begin(), queue.end(),
                     [](const auto& e) { return std::holds_alternative<T>(e); });
}

controller::StateWritten judge_write(controller::StateWrite write,
                                     const StoreResult<std::vector<OperationResult>>& result) {
  controller::StateWritten written{std::move(write), controller::WriteOutcome::written, 0};
  if (result) {
    written.version = result->back().stat.version;
  } else if (is(result.error(), StoreError::unknown) ||
             is(result.error(), StoreError::session_expired)) {
    written.outcome = controller::WriteOutcome::unknown;
  } else if (result.error().operation == 0) {
    written.outcome = controller::WriteOutcome::controller_moved;
  } else {
    written.outcome = controller::WriteOutcome::conflict;
  }
  return written;
}

}  // namespace

ControllerEffects::ControllerEffects(runtime::Shard& shard, metadata::Store& store,
                                     PartitionHost& host)
    : shard_(shard),
      store_(store),
      host_(host),
      image_(std::make_shared<const model::ClusterImage>()),
      config_notices_(shard, store) {}

ControllerEffects::~ControllerEffects() = default;

void ControllerEffects::start(model::BrokerId self, const Election& election,
                              std::set<model::BrokerId> restarted) {
  self_ = self;
  election_ = election;
  // Before any log is opened: its settings may depend on them.
  enqueue(effect::ReadConfigChanges{});
  Effects effects;
  controller_.on_elected(self, election.epoch, std::move(restarted), effects);
  append(std::move(effects));
  tasks_.spawn(work());
}

Task<void> ControllerEffects::stop() {
  stopping_ = true;
  if (more_) more_->set();
  wake_waiters();
  co_await tasks_.join();
}

Task<bool> ControllerEffects::settled() {
  while (!stopping_ && controller_.is_active() && !(idle_ && queue_.empty())) {
    const auto deadline = shard_.clock().now() + std::chrono::hours(1);
    co_await changed_until(deadline);
  }
  co_return controller_.is_active() && !stopping_;
}

Task<bool> ControllerEffects::changed_until(runtime::Instant deadline) {
  if (stopping_) co_return false;
  runtime::OneShot change(shard_);
  waiters_.push_back(&change);
  const bool changed = co_await change.wait_until(deadline);
  std::erase(waiters_, &change);
  co_return changed && !stopping_;
}

void ControllerEffects::wake_waiters() {
  for (auto* waiter : waiters_) waiter->set();
}

void ControllerEffects::on_watch(const znode::WatchEvent& event) {
  if (!controller_.is_active()) return;
  if (event.path.starts_with(znode::path::broker_ids)) {
    if (!queued<effect::ReadBrokers>(queue_)) enqueue(effect::ReadBrokers{});
  } else if (event.path == znode::path::broker_topics) {
    if (!queued<effect::ReadTopicList>(queue_)) enqueue(effect::ReadTopicList{});
  } else if (event.path == znode::path::delete_topics) {
    if (!queued<effect::ReadDeletionRequests>(queue_)) enqueue(effect::ReadDeletionRequests{});
  } else if (event.path == znode::path::config_changes) {
    if (!queued<effect::ReadConfigChanges>(queue_)) enqueue(effect::ReadConfigChanges{});
  }
}

// After a break nobody knows which events were missed.
void ControllerEffects::on_session(znode::SessionEvent event) {
  if (event == znode::SessionEvent::expired) {
    log::error("controller", "the session with the metadata store has expired");
  } else if (event == znode::SessionEvent::connected && controller_.is_active()) {
    enqueue(effect::ReadBrokers{});
    enqueue(effect::ReadDeletionRequests{});
    enqueue(effect::ReadTopicList{});
    enqueue(effect::ReadConfigChanges{});
  }
}

Task<void> ControllerEffects::apply_config_changes() {
  const auto asked = ++config_reads_asked_;
  enqueue(effect::ReadConfigChanges{});
  while (config_reads_done_ < asked && !stopping_ && controller_.is_active()) {
    const auto deadline = shard_.clock().now() + std::chrono::hours(1);
    co_await changed_until(deadline);
  }
}

void ControllerEffects::read_again(const std::vector<std::string>& topics) {
  Effects out;
  controller_.on_topics_changed(topics, out);
  append(std::move(out));
}

void ControllerEffects::enqueue(controller::Effect effect) {
  queue_.push_back(std::move(effect));
  if (more_) more_->set();
}

void ControllerEffects::append(Effects effects) {
  for (auto& each : effects) enqueue(std::move(each));
}

Task<void> ControllerEffects::work() {
  while (!stopping_ && controller_.is_active()) {
    if (queue_.empty()) {
      idle_ = true;
      wake_waiters();
      more_ = std::make_unique<runtime::OneShot>(shard_);
      co_await more_->wait();
      more_.reset();
      idle_ = false;
      continue;
    }
    const bool done = co_await perform_one();
    if (!done && !stopping_) co_await pause(shard_);
    wake_waiters();
  }
  idle_ = true;
  wake_waiters();
}

// Performs the first effect. It leaves the queue only when it is done; the events of its result
// come behind.
Task<bool> ControllerEffects::perform_one() {
  controller::Effect current = std::move(queue_.front());
  queue_.pop_front();
  auto visit = [this](auto& each) { return perform(each); };
  auto task = std::visit(visit, current);
  const bool done = co_await std::move(task);
  if (!done) queue_.push_front(std::move(current));
  co_return done;
}

bool ControllerEffects::read_failed(const StoreFailure& failure, const char* what) {
  log::warn("controller", "reading {}: {}", what, failure.detail);
  if (is(failure, StoreError::session_expired)) stopping_ = true;
  return false;
}

Task<bool> ControllerEffects::perform(effect::ReadBrokers&) {
  auto brokers = co_await read_brokers(store_);
  if (!brokers) co_return read_failed(brokers.error(), "the brokers");
  Effects out;
  controller_.on_brokers(std::move(*brokers), out);
  append(std::move(out));
  co_return true;
}

Task<bool> ControllerEffects::perform(effect::ReadTopicList&) {
  auto listed = co_await store_.children(std::string(znode::path::broker_topics), Watch::yes);
  if (!listed) co_return read_failed(listed.error(), "the list of topics");
  Effects out;
  controller_.on_topic_list(listed->names, out);
  append(std::move(out));
  co_return true;
}

Task<bool> ControllerEffects::perform(effect::ReadDeletionRequests&) {
  auto listed = co_await store_.children(std::string(znode::path::delete_topics), Watch::yes);
  if (!listed) co_return read_failed(listed.error(), "the topics to delete");
  Effects out;
  controller_.on_deletion_requests(listed->names, out);
  append(std::move(out));
  co_return true;
}

Task<bool> ControllerEffects::perform(effect::ReadConfigChanges&) {
  const auto asked = config_reads_asked_;
  auto news = co_await config_notices_.read();
  if (!news) co_return read_failed(news.error(), "the changes of configs");
  if (news->brokers) {
    const bool applied = co_await apply_broker_configs();
    if (!applied) co_return false;
  }
  const bool applied = co_await apply_topic_configs(news->topics);
  if (!applied) co_return false;
  co_await config_notices_.done(std::move(*news));
  config_reads_done_ = asked;
  co_return true;
}

Task<bool> ControllerEffects::apply_broker_configs() {
  auto of_all = co_await read_configs(shard_, store_, all_brokers_entity());
  auto own = co_await read_configs(shard_, store_, broker_entity(self_));
  for (const auto* read : {&of_all, &own}) {
    if (*read) continue;
    log::error("controller", "configs of brokers: {}", read->error().detail);
    co_return read->error().code != ErrorCode::request_timed_out;  // malformed: those of before
  }
  config::DynamicConfigs dynamic{std::move(own->configs), std::move(of_all->configs)};
  co_await host_.apply_broker_configs(std::move(dynamic));
  co_return true;
}

Task<bool> ControllerEffects::apply_topic_configs(const std::set<std::string>& topics) {
  model::ClusterImage::Builder builder(*image_);
  bool has_changed = false;
  for (const auto& name : topics) {
    auto entity = topic_entity(name);
    auto stored = co_await read_configs(shard_, store_, std::move(entity));
    if (!stored) {
      log::error("controller", "configs of topic {}: {}", name, stored.error().detail);
      if (stored.error().code == ErrorCode::request_timed_out) co_return false;
      continue;
    }
    auto configs = std::make_shared<const model::ConfigEntries>(std::move(stored->configs));
    if (!controller_.on_topic_configs(name, configs)) continue;
    if (const auto* topic = builder.find(name)) {
      model::TopicImage changed = *topic;
      changed.configs = configs;
      builder.put_topic(std::move(changed));
      has_changed = true;
    }
    co_await host_.apply_topic_configs(name, std::move(configs));
  }
  if (!has_changed) co_return true;
  image_ = builder.build();
  co_await host_.publish_image(image_);
  co_return true;
}

// A request may have waited while configs changed.
void ControllerEffects::with_current_configs(
    std::vector<controller::PartitionLeadership>& partitions) const {
  for (auto& each : partitions) {
    const auto& topics = controller_.state().topics;
    const auto topic = topics.find(each.topic);
    if (topic != topics.end() && topic->second.id == each.topic_id)
      each.configs = topic->second.configs;
  }
}

Task<bool> ControllerEffects::perform(effect::ReadTopics& read) {
  auto topics = co_await read_topics(shard_, store_, read.names);
  if (!topics) co_return read_failed(topics.error(), "topics");
  Effects out;
  controller_.on_topics_read(std::move(*topics), out);
  append(std::move(out));
  co_return true;
}

znode::Operation ControllerEffects::check_epoch() const {
  return znode::op::Check{std::string(znode::path::controller_epoch), election_.epoch_version};
}

// All are asked for at once. Parents that are there already are fine.
Task<bool> ControllerEffects::perform(effect::WriteStates& write) {
  std::vector<MultiTask> parents;
  std::vector<MultiTask> states;
  std::string last_topic;
  const auto ask = [this](znode::Operation operation) {
    std::vector<znode::Operation> operations;
    operations.push_back(check_epoch());
    operations.push_back(std::move(operation));
    return store_.multi(std::move(operations));
  };
  for (const auto& each : write.writes) {
    const auto& [topic, index] = each.partition;
    const auto path = znode::path::partition_state(topic, index);
    if (each.expected_version) {
      states.push_back(
          ask(znode::op::Set{path, znode::encode(each.state), *each.expected_version}));
      continue;
    }
    if (topic != last_topic)
      parents.push_back(ask(create_node(znode::path::partitions(topic), "")));
    last_topic = topic;
    parents.push_back(ask(create_node(znode::path::partition(topic, index), "")));
    states.push_back(ask(create_node(path, znode::encode(each.state))));
  }
  for (auto& task : parents) {
    auto made = co_await std::move(task);
    if (!made && !is(made.error(), StoreError::node_exists) &&
        !is(made.error(), StoreError::unknown)) {
      log::debug("controller", "{}",
                 made.error().detail);  // the write of the state fails too, and is judged
    }
  }
  std::vector<controller::StateWritten> results;
  bool unknown = false;
  for (std::size_t i = 0; i < states.size(); ++i) {
    auto result = co_await std::move(states[i]);
    results.push_back(judge_write(std::move(write.writes[i]), result));
    unknown = unknown || results.back().outcome == controller::WriteOutcome::unknown;
  }
  if (unknown) {
    log::warn("controller", "the metadata store did not confirm the leaders of {} partitions",
              results.size());
    co_await pause(shard_);
  }
  Effects out;
  controller_.on_states_written(results, out);
  append(std::move(out));
  co_return true;
}

Task<bool> ControllerEffects::perform(effect::SendLeaderAndIsr& send) {
  if (send.request.to != self_) {
    log::error("controller", "broker {} can't be told anything yet", send.request.to.value());
    co_return true;
  }
  with_current_configs(send.request.partitions);
  auto outcomes = co_await host_.apply_leader_and_isr(std::move(send.request));
  for (const auto& outcome : outcomes) {
    if (outcome.error == ErrorCode::none) continue;
    log::error("controller", "{} has no leader: {}", model::to_string(outcome.partition),
               error_name(outcome.error));
  }
  co_return true;
}

std::shared_ptr<const model::ClusterImage> ControllerEffects::next_image(
    const controller::UpdateMetadata& update) const {
  model::ClusterImage::Builder builder(*image_);
  std::map<model::BrokerId, model::BrokerImage> brokers;
  for (const auto& broker : update.live_brokers) brokers[broker.id] = broker;
  builder.set_brokers(std::move(brokers));
  builder.set_controller(update.head.controller, update.head.controller_epoch);
  std::map<std::string_view, std::vector<const controller::PartitionLeadership*>> by_topic;
  for (const auto& each : update.partitions) by_topic[each.topic].push_back(&each);
  for (const auto& [name, partitions] : by_topic) {
    const auto& first = *partitions.front();
    if (first.leader == controller::leader_during_delete) {
      builder.remove_topic(name);
      continue;
    }
    const auto* old = builder.find(name);
    model::TopicImage topic;
    if (old != nullptr && old->id == first.topic_id) topic = *old;
    topic.name = name;
    topic.id = first.topic_id;
    topic.configs = first.configs;
    for (const auto* each : partitions) {
      const auto index = static_cast<std::size_t>(each->partition.value());
      if (index >= topic.partitions.size()) topic.partitions.resize(index + 1);
      topic.partitions[index] = {each->leader, each->leader_epoch, each->partition_epoch,
                                 each->replicas, each->isr};
    }
    builder.put_topic(std::move(topic));
  }
  return builder.build();
}

Task<bool> ControllerEffects::perform(effect::SendUpdateMetadata& send) {
  if (send.request.to != self_) co_return true;  // see SendLeaderAndIsr
  with_current_configs(send.request.partitions);
  image_ = next_image(send.request);
  co_await host_.publish_image(image_);
  co_return true;
}

Task<bool> ControllerEffects::perform(effect::SendStopReplica& send) {
  if (send.request.to != self_) co_return true;
  const auto request = send.request;
  auto outcomes = co_await host_.stop_replicas(std::move(send.request));
  for (const auto& outcome : outcomes) {
    if (outcome.error == ErrorCode::none) continue;
    log::error("controller", "{} could not be deleted: {}", model::to_string(outcome.partition),
               error_name(outcome.error));
  }
  Effects out;
  controller_.on_replicas_stopped(request, outcomes, out);
  append(std::move(out));
  co_return true;
}

Task<bool> ControllerEffects::perform(effect::RemoveTopics& remove) {
  std::vector<std::string> removed;
  runtime::TaskGroup all;
  for (const auto& name : remove.names) all.spawn(remove_topic(name, removed));
  co_await all.join();
  Effects out;
  controller_.on_topics_removed(removed, out);
  append(std::move(out));
  std::erase_if(remove.names, [&](const auto& name) {
    return std::find(removed.begin(), removed.end(), name) != removed.end();
  });
  co_return remove.names.empty() || !controller_.is_active();
}

Task<void> ControllerEffects::remove_topic(std::string name, std::vector<std::string>& removed) {
  for (int tries = 0; tries < store_tries && !stopping_; ++tries) {
    auto done = co_await remove_topic_once(name);
    if (done && *done) {
      removed.push_back(name);
      co_return;
    }
    if (done) continue;  // more than one multi is needed
    if (done.error().operation == 0 && is(done.error(), StoreError::bad_version)) {
      Effects out;
      controller_.on_controller_moved(out);
      append(std::move(out));
      co_return;
    }
    log::warn("controller", "removing topic {}: {}", name, done.error().detail);
    co_await pause(shard_);
  }
}

// Reads what is there and removes it, leaves first; the request to delete goes last. @return true
// if nothing is left.
Task<StoreResult<bool>> ControllerEffects::remove_topic_once(std::string name) {
  const auto exists = [this](std::string path) {
    return store_.exists(std::move(path), Watch::no);
  };
  const std::string paths[] = {znode::path::partitions(name), znode::path::topic(name),
                               znode::path::topic_config(name), znode::path::delete_topic(name)};
  auto listed_task = store_.children(paths[0], Watch::no);
  std::vector<Task<StoreResult<znode::Stat>>> asked;
  for (const auto& path : paths) asked.push_back(exists(path));
  std::vector<std::string> there;
  auto listed = co_await std::move(listed_task);
  if (!listed && !is(listed.error(), StoreError::no_node)) {
    co_return tl::unexpected<StoreFailure>(std::move(listed.error()));
  }
  if (listed) {
    std::vector<std::pair<std::string, Task<StoreResult<znode::Stat>>>> states;
    for (const auto& partition : listed->names) {
      const auto path = paths[0] + "/" + partition;
      states.emplace_back(path, exists(path + "/state"));
    }
    for (auto& [path, task] : states) {
      auto state = co_await std::move(task);
      if (state) there.push_back(path + "/state");
      there.push_back(path);
    }
  }
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto found = co_await std::move(asked[i]);
    if (found) there.push_back(paths[i]);
  }
  const bool last = there.size() <= removals_per_multi;
  if (!last) there.resize(removals_per_multi);
  std::vector<znode::Operation> operations;
  operations.push_back(check_epoch());
  for (auto& path : there) operations.emplace_back(znode::op::Delete{std::move(path)});
  auto done = co_await store_.multi(std::move(operations));
  if (!done) co_return tl::unexpected<StoreFailure>(std::move(done.error()));
  co_return last;
}

Task<bool> ControllerEffects::perform(effect::RemoveDeletionRequests& remove) {
  std::vector<Task<StoreResult<void>>> asked;
  for (const auto& name : remove.names)
    asked.push_back(store_.remove(znode::op::Delete{znode::path::delete_topic(name)}));
  for (auto& task : asked) {
    auto removed = co_await std::move(task);
    if (!removed && is(removed.error(), StoreError::unknown)) co_return false;
    if (!removed && !is(removed.error(), StoreError::no_node))
      log::warn("controller", "{}", removed.error().detail);
  }
  co_return true;
}

Task<bool> ControllerEffects::perform(effect::Resign& resign) {
  log::error("controller", "no longer the controller: {}", resign.reason);
  queue_.clear();
  co_return true;
}

}  // namespace gregor::broker
