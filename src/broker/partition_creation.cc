#include "broker/partition_creation.h"

#include <algorithm>
#include <map>
#include <utility>

#include "broker/store_calls.h"
#include "znode/path.h"
#include "znode/topic_node.h"

namespace gregor::broker {
namespace {

using controller::PartitionsPlan;
using controller::PartitionsRequest;
using metadata::Watch;
using runtime::Task;
using znode::StoreError;

void refuse(PartitionsPlan& plan, ErrorCode error, std::string message) {
  plan.error = error;
  plan.message = std::move(message);
}

// What an earlier try has written, although nobody said so.
bool holds(const znode::TopicAssignment& topic, const PartitionsPlan& plan) {
  std::int32_t index = plan.first;
  for (const auto& replicas : plan.added) {
    const auto at = topic.partitions.find(model::PartitionIndex(index++));
    if (at == topic.partitions.end() || at->second != replicas) return false;
  }
  return true;
}

std::vector<controller::BrokerPlace> live_brokers(const controller::ClusterState& state) {
  std::vector<controller::BrokerPlace> places;
  for (const auto& [id, broker] : state.live_brokers) places.push_back({id, broker.rack});
  return places;
}

}  // namespace

std::vector<PartitionCreation::Addition> PartitionCreation::plan(
    const std::vector<PartitionsRequest>& requests) {
  const controller::ClusterState& state = effects_.controller().state();
  std::map<std::string, znode::TopicAssignment> known;
  std::map<std::string, const PartitionsRequest*> by_name;
  for (const PartitionsRequest& request : requests) {
    by_name[request.name] = &request;
    const auto topic = state.topics.find(request.name);
    if (topic == state.topics.end() || topic->second.deleting) continue;
    auto& assignment = known[request.name];
    for (const auto& [index, record] : topic->second.partitions)
      assignment.partitions[index] = record.replicas;
  }
  const auto find = [&known](const std::string& name) -> const znode::TopicAssignment* {
    const auto at = known.find(name);
    return at == known.end() ? nullptr : &at->second;
  };
  std::vector<Addition> additions;
  for (auto& planned : controller::plan_all_partitions(requests, find, live_brokers(state))) {
    Addition addition;
    addition.request = by_name.at(planned.name);
    addition.plan = std::move(planned);
    additions.push_back(std::move(addition));
  }
  return additions;
}

Task<std::vector<PartitionsCreated>> PartitionCreation::run(std::vector<PartitionsRequest> requests,
                                                            CreateOptions options) {
  if (is_past(options.deadline)) {  // nothing is looked at any more, as in Apache Kafka 4.1.1
    std::vector<PartitionsCreated> late;
    for (const auto& request : requests)
      late.push_back({request.name, ErrorCode::request_timed_out, ""});
    co_return late;
  }
  std::vector<Addition> additions = plan(requests);
  if (!options.validate_only) {
    runtime::TaskGroup writes;
    for (Addition& each : additions) {
      if (each.plan.ok()) writes.spawn(write(each, options.deadline));
    }
    co_await writes.join();
    std::vector<std::string> changed;
    for (const Addition& each : additions) {
      if (each.is_written || each.may_be_written) changed.push_back(each.plan.name);
    }
    effects_.read_again(changed);
    co_await wait_for_leaders(additions, options.deadline);
  }
  std::vector<PartitionsCreated> answers;
  for (Addition& each : additions)
    answers.push_back({each.plan.name, each.plan.error, std::move(each.plan.message)});
  co_return answers;
}

Task<void> PartitionCreation::write(Addition& addition, runtime::Instant deadline) {
  for (;;) {
    const bool done = co_await write_once(addition);
    if (done) co_return;
    if (is_past(deadline)) break;
    co_await pause(shard_);
  }
  refuse(addition.plan, ErrorCode::request_timed_out, "");
}

// Plans anew from the node itself, which may be ahead of what the controller knows.
// @return false if it has to be tried again
Task<bool> PartitionCreation::write_once(Addition& addition) {
  const std::string path = znode::path::topic(addition.plan.name);
  auto node = co_await store_.get(path, Watch::no);
  if (!node && is(node.error(), StoreError::unknown)) co_return false;
  if (!node && !is(node.error(), StoreError::no_node)) {
    Error error = to_error(node.error(), "reading topic " + addition.plan.name);
    refuse(addition.plan, error.code, std::move(error.detail));
    co_return true;
  }
  std::optional<znode::TopicAssignment> topic;
  if (node) {
    auto decoded = znode::decode_topic(path, node->data);
    if (!decoded) {
      refuse(addition.plan, decoded.error().code, std::move(decoded.error().detail));
      co_return true;
    }
    topic = std::move(*decoded);
    if (topic->topic_id) addition.id = *topic->topic_id;
  }
  if (topic && addition.may_be_written && holds(*topic, addition.plan)) {
    addition.is_written = true;
    co_return true;
  }
  addition.plan = controller::plan_partitions(*addition.request, topic ? &*topic : nullptr,
                                              live_brokers(effects_.controller().state()));
  if (!addition.plan.ok()) co_return true;
  std::int32_t index = addition.plan.first;
  for (const auto& replicas : addition.plan.added)
    topic->partitions[model::PartitionIndex(index++)] = replicas;
  std::vector<znode::Operation> operations;
  operations.push_back(effects_.check_epoch());
  operations.emplace_back(znode::op::Set{path, znode::encode(*topic), node->stat.version});
  auto written = co_await store_.multi(std::move(operations));
  addition.may_be_written = true;
  if (written) {
    addition.is_written = true;
    co_return true;
  }
  const auto& failure = written.error();
  // Somebody else was quicker, or nobody knows: look again.
  const bool again = is(failure, StoreError::unknown) ||
                     (failure.operation == 1 &&
                      (is(failure, StoreError::bad_version) || is(failure, StoreError::no_node)));
  if (again) co_return false;
  Error error = failure.operation == 0
                    ? Error{ErrorCode::not_controller, "another controller has taken over"}
                    : to_error(failure, "adding partitions to " + addition.plan.name);
  refuse(addition.plan, error.code, std::move(error.detail));
  co_return true;
}

bool PartitionCreation::has_leaders(const Addition& addition) const {
  const model::TopicImage* topic = effects_.image()->find(addition.plan.name);
  if (topic == nullptr || topic->id != addition.id) return false;
  const auto first = static_cast<std::size_t>(addition.plan.first);
  const std::size_t end = first + addition.plan.added.size();
  if (topic->partitions.size() < end) return false;
  for (std::size_t i = first; i < end; ++i) {
    if (topic->partitions[i].leader.value() < 0) return false;
  }
  return true;
}

Task<void> PartitionCreation::wait_for_leaders(std::vector<Addition>& additions,
                                               runtime::Instant deadline) {
  const auto waits = [this](const Addition& each) { return each.is_written && !has_leaders(each); };
  for (bool in_time = true; in_time && std::any_of(additions.begin(), additions.end(), waits);)
    in_time = co_await effects_.changed_until(deadline);
  for (Addition& each : additions) {
    if (waits(each)) refuse(each.plan, ErrorCode::request_timed_out, "");
  }
}

}  // namespace gregor::broker
