#include "controller/topic_rules.h"

#include <algorithm>
#include <map>
#include <set>

#include "model/topic_name.h"

namespace gregor::controller {
namespace {

using model::BrokerId;

/// Partitions that one CreateTopics request may ask for in all. Source: Apache Kafka 4.1.
constexpr std::int64_t partitions_per_request_max = 10'000;
/// So much of a key is quoted in messages, which have to fit into an answer.
constexpr std::size_t key_bytes_shown_max = 500;
/// The topic of Kafka's metadata log; never a topic of a user.
constexpr const char* cluster_metadata_topic = "__cluster_metadata";

TopicPlan refused(const std::string& name, ErrorCode error, std::string message) {
  TopicPlan plan;
  plan.name = name;
  plan.error = error;
  plan.message = std::move(message);
  return plan;
}

TopicPlan refused(const std::string& name, Error error) {
  return refused(name, error.code, std::move(error.detail));
}

// Asked for by one topic; what is refused later anyway counts as nothing.
std::int64_t partitions_asked(const TopicRequest& request, const TopicRulesContext& context) {
  if (!request.assignments.empty()) return static_cast<std::int64_t>(request.assignments.size());
  if (request.partitions == -1) return context.default_partitions;
  return std::max(request.partitions, 0);
}

Result<model::ConfigEntries> check_configs(const TopicRequest& request,
                                           const TopicRulesContext& context) {
  model::ConfigEntries given;
  for (const auto& [key, value] : request.configs) {  // the last one of a key wins
    if (!value) {
      return fail(ErrorCode::invalid_config, "Null value not supported for topic configs: " +
                                                 key.substr(0, key_bytes_shown_max));
    }
    given[key] = *value;
  }
  return context.configs->check(given);
}

using Assignment = std::vector<std::vector<BrokerId>>;

Result<Assignment> manual_assignment(const TopicRequest& request,
                                     const TopicRulesContext& context) {
  if (request.replication_factor != -1) {
    return fail(
        ErrorCode::invalid_request,
        "A manual partition assignment was specified, but replication factor was not set to -1.");
  }
  if (request.partitions != -1) {
    return fail(
        ErrorCode::invalid_request,
        "A manual partition assignment was specified, but numPartitions was not set to -1.");
  }
  std::map<std::int32_t, std::vector<BrokerId>> by_partition;
  std::optional<std::size_t> replicas;
  for (const auto& assignment : request.assignments) {
    if (by_partition.contains(assignment.partition)) {
      return fail(ErrorCode::invalid_replica_assignment,
                  "Found multiple manual partition assignments for partition " +
                      std::to_string(assignment.partition));
    }
    if (auto ok = check_replicas(assignment.brokers, replicas, context.brokers); !ok)
      return fail(std::move(ok.error()));
    replicas = assignment.brokers.size();
    auto& ids = by_partition[assignment.partition];
    for (const auto id : assignment.brokers) ids.emplace_back(id);
  }
  Assignment result;
  for (auto& [partition, ids] : by_partition) {
    if (partition != static_cast<std::int32_t>(result.size())) {
      return fail(ErrorCode::invalid_replica_assignment,
                  "partitions should be a consecutive 0-based integer sequence");
    }
    result.push_back(std::move(ids));
  }
  return result;
}

Result<Assignment> automatic_assignment(const TopicRequest& request,
                                        const TopicRulesContext& context) {
  if (request.replication_factor < -1 || request.replication_factor == 0) {
    return fail(ErrorCode::invalid_replication_factor,
                "Replication factor must be larger than 0, or -1 to use the default value.");
  }
  if (request.partitions < -1 || request.partitions == 0) {
    return fail(ErrorCode::invalid_partitions,
                "Number of partitions was set to an invalid non-positive value.");
  }
  AssignmentRequest ask;
  ask.partitions = request.partitions == -1 ? context.default_partitions : request.partitions;
  ask.replication_factor = request.replication_factor == -1 ? context.default_replication_factor
                                                            : request.replication_factor;
  if (const auto count = context.brokers.size(); count > 0) {
    ask.start = static_cast<std::uint32_t>(context.draw_below(count));
    ask.shift = static_cast<std::uint32_t>(context.draw_below(count));
  }
  return assign_replicas(context.brokers, ask);
}

TopicPlan plan_topic(const TopicRequest& request, const TopicRulesContext& context) {
  const auto& name = request.name;
  if (auto ok = model::check_topic_name(name); !ok) return refused(name, std::move(ok.error()));
  if (name == cluster_metadata_topic) {
    return refused(name, ErrorCode::invalid_request,
                   "Creation of internal topic " + name + " is prohibited.");
  }
  if (const auto other = context.colliding(name); !other.empty()) {
    return refused(name, ErrorCode::invalid_topic_exception,
                   "Topic '" + name + "' collides with existing topic: " + other);
  }
  if (context.exists(name)) {
    return refused(name, ErrorCode::topic_already_exists, "Topic '" + name + "' already exists.");
  }
  auto configs = check_configs(request, context);
  if (!configs) return refused(name, std::move(configs.error()));
  auto assignment = request.assignments.empty() ? automatic_assignment(request, context)
                                                : manual_assignment(request, context);
  if (!assignment) return refused(name, std::move(assignment.error()));
  TopicPlan plan;
  plan.name = name;
  plan.assignment = std::move(*assignment);
  plan.configs = std::move(*configs);
  return plan;
}

}  // namespace

std::vector<TopicPlan> plan_topics(const std::vector<TopicRequest>& requests,
                                   const TopicRulesContext& context) {
  std::map<std::string, int> uses;
  for (const auto& request : requests) ++uses[request.name];
  std::int64_t partitions = 0;
  for (const auto& request : requests) {
    if (uses[request.name] == 1) partitions += partitions_asked(request, context);
  }
  std::vector<TopicPlan> plans;
  for (const auto& request : requests) {
    if (uses[request.name] != 1) continue;
    if (partitions > partitions_per_request_max) {
      plans.push_back(refused(request.name, ErrorCode::policy_violation,
                              "Excessively large number of partitions per request."));
    } else {
      plans.push_back(plan_topic(request, context));
    }
  }
  for (const auto& request : requests) {
    if (auto& count = uses[request.name]; count > 1) {
      count = 0;
      plans.push_back(refused(request.name, ErrorCode::invalid_request, "Duplicate topic name."));
    }
  }
  return plans;
}

namespace {

DeletionPlan refuse_deletion(const DeletionRequest& request, ErrorCode error, std::string message) {
  return {request.name, request.id, error, std::move(message)};
}

/// One DeleteTopics request.
class DeletionPlanner {
 public:
  DeletionPlanner(const std::vector<DeletionRequest>& requests, const DeletionContext& context)
      : context_(context) {
    for (const auto& request : requests) {
      if (request.name && request.id.is_zero()) ++names_[*request.name];
      if (!request.name && !request.id.is_zero()) ++ids_[request.id];
    }
    for (const auto& [name, count] : names_) {
      if (const auto id = context.id_of(name); id && count == 1) named_.insert(*id);
    }
  }

  void add(const DeletionRequest& request) {
    if (!context_.enabled) {
      plans_.push_back(refuse_deletion(request, ErrorCode::topic_deletion_disabled,
                                       "Topic deletion is disabled."));
    } else if (request.name && !request.id.is_zero()) {
      plans_.push_back(refuse_deletion(request, ErrorCode::invalid_request,
                                       "You may not specify both topic name and topic id."));
    } else if (request.name) {
      if (once(names_[*request.name], request, "Duplicate topic name.")) by_name(request);
    } else if (!request.id.is_zero()) {
      if (once(ids_[request.id], request, "Duplicate topic id.")) by_id(request);
    } else {
      plans_.push_back(refuse_deletion(request, ErrorCode::invalid_request,
                                       "Neither topic name nor id were specified."));
    }
  }

  std::vector<DeletionPlan> take() {
    plans_.insert(plans_.end(), repeated_.begin(), repeated_.end());
    return std::move(plans_);
  }

 private:
  // True for what occurs once; the first of several is refused, the others are left out.
  bool once(int& count, const DeletionRequest& request, const char* text) {
    if (count == 1) return true;
    if (count > 1) repeated_.push_back(refuse_deletion(request, ErrorCode::invalid_request, text));
    count = 0;
    return false;
  }

  void by_name(const DeletionRequest& request) {
    const auto id = context_.id_of(*request.name);
    if (!id) {
      plans_.push_back(refuse_deletion(request, ErrorCode::unknown_topic_or_partition,
                                       "This server does not host this topic-partition."));
    } else if (ids_.contains(*id)) {
      plans_.push_back({request.name, *id, ErrorCode::invalid_request,
                        "The provided topic name maps to an ID that was already supplied."});
    } else {
      plans_.push_back({request.name, *id, ErrorCode::none, ""});
    }
  }

  void by_id(const DeletionRequest& request) {
    if (named_.contains(request.id)) return;  // answered by its name
    const auto name = context_.name_of(request.id);
    if (!name) {
      plans_.push_back(refuse_deletion(request, ErrorCode::unknown_topic_id,
                                       "This server does not host this topic ID."));
    } else {
      plans_.push_back({name, request.id, ErrorCode::none, ""});
    }
  }

  const DeletionContext& context_;
  std::map<std::string, int> names_;
  std::map<model::Uuid, int> ids_;
  std::set<model::Uuid> named_;  // of topics that are given by name, once
  std::vector<DeletionPlan> plans_;
  std::vector<DeletionPlan> repeated_;
};

}  // namespace

std::vector<DeletionPlan> plan_deletions(const std::vector<DeletionRequest>& requests,
                                         const DeletionContext& context) {
  DeletionPlanner planner(requests, context);
  for (const auto& request : requests) planner.add(request);
  return planner.take();
}

}  // namespace gregor::controller
