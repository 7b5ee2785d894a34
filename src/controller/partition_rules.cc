#include "controller/partition_rules.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/assert.h"

namespace gregor::controller {
namespace {

using model::BrokerId;

/// Partitions that one request may add to a topic: the limit that Apache Kafka 4.1 has for
/// CreateTopics. Without one it takes 2^31-1 and is unusable afterwards.
constexpr std::int32_t added_max = 10'000;

PartitionsPlan refused(const std::string& name, ErrorCode error, std::string message) {
  PartitionsPlan plan;
  plan.name = name;
  plan.error = error;
  plan.message = std::move(message);
  return plan;
}

using Assignment = std::vector<std::vector<BrokerId>>;

Result<Assignment> manual_assignment(const std::vector<std::vector<std::int32_t>>& asked,
                                     std::int32_t added, std::size_t replicas,
                                     const std::vector<BrokerPlace>& brokers) {
  if (asked.size() != static_cast<std::size_t>(added)) {
    return fail(ErrorCode::invalid_replica_assignment, "Attempted to add " + std::to_string(added) +
                                                           " additional partition(s), but only " +
                                                           std::to_string(asked.size()) +
                                                           " assignment(s) were specified.");
  }
  Assignment result;
  for (const auto& ids : asked) {
    if (auto ok = check_replicas(ids, replicas, brokers); !ok) return fail(std::move(ok.error()));
    auto& into = result.emplace_back();
    for (const auto id : ids) into.emplace_back(id);
  }
  return result;
}

// Goes on from where the first partitions of the topic began, as Kafka does.
Result<Assignment> automatic_assignment(const znode::ReplicaMap& there, std::int32_t added,
                                        const std::vector<BrokerPlace>& brokers) {
  const std::vector<BrokerId>& first = there.begin()->second;
  AssignmentRequest ask;
  ask.partitions = added;
  ask.replication_factor = static_cast<std::int32_t>(first.size());
  ask.first_partition = static_cast<std::int32_t>(there.size());
  const auto below = std::count_if(brokers.begin(), brokers.end(), [&first](const BrokerPlace& b) {
    return !first.empty() && b.id < first.front();
  });
  if (static_cast<std::size_t>(below) < brokers.size()) {
    ask.start = static_cast<std::uint32_t>(below);
    ask.shift = ask.start;
  }
  return assign_replicas(brokers, ask);
}

}  // namespace

PartitionsPlan plan_partitions(const PartitionsRequest& request,
                               const znode::TopicAssignment* topic,
                               const std::vector<BrokerPlace>& brokers) {
  const auto& name = request.name;
  if (topic == nullptr || topic->partitions.empty())
    return refused(name, ErrorCode::unknown_topic_or_partition, "");
  const auto& there = topic->partitions;
  const auto size = static_cast<std::int32_t>(there.size());
  if (!topic->adding_replicas.empty() || !topic->removing_replicas.empty()) {
    return refused(name, ErrorCode::reassignment_in_progress,
                   "A partition reassignment of topic " + name + " is in progress.");
  }
  if (request.count == size) {
    return refused(name, ErrorCode::invalid_partitions,
                   "Topic already has " + std::to_string(size) + " partition(s).");
  }
  if (request.count < size) {
    return refused(name, ErrorCode::invalid_partitions,
                   "The topic " + name + " currently has " + std::to_string(size) +
                       " partition(s); " + std::to_string(request.count) +
                       " would not be an increase.");
  }
  const std::int32_t added = request.count - size;
  if (added > added_max) {
    return refused(name, ErrorCode::policy_violation,
                   "Excessively large number of partitions per request.");
  }
  const std::size_t replicas = there.begin()->second.size();
  auto assignment = request.assignments
                        ? manual_assignment(*request.assignments, added, replicas, brokers)
                        : automatic_assignment(there, added, brokers);
  if (!assignment)
    return refused(name, assignment.error().code, std::move(assignment.error().detail));
  PartitionsPlan plan;
  plan.name = name;
  plan.first = size;
  plan.added = std::move(*assignment);
  GREGOR_ASSERT(plan.count() == request.count);
  return plan;
}

std::vector<PartitionsPlan> plan_all_partitions(const std::vector<PartitionsRequest>& requests,
                                                const FindAssignment& find,
                                                const std::vector<BrokerPlace>& brokers) {
  std::map<std::string, int> uses;
  for (const auto& request : requests) ++uses[request.name];
  std::vector<PartitionsPlan> plans;
  for (const auto& request : requests) {
    if (uses[request.name] == 1)
      plans.push_back(plan_partitions(request, find(request.name), brokers));
  }
  for (const auto& request : requests) {
    if (auto& count = uses[request.name]; count > 1) {
      count = 0;
      plans.push_back(refused(request.name, ErrorCode::invalid_request, "Duplicate topic name."));
    }
  }
  return plans;
}

}  // namespace gregor::controller
