#include "broker/handlers/elect_leaders.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"

namespace gregor::broker {
namespace {

using Request = protocol::ElectLeadersRequest;
using Response = protocol::ElectLeadersResponse;
using Row = Response::ReplicaElectionResult;

enum ElectionType : std::int8_t { preferred = 0, unclean = 1 };

/// So much of a name is quoted in messages, which have to fit into an answer.
constexpr std::size_t name_bytes_shown_max = 500;

struct Refusal {
  ErrorCode error = ErrorCode::none;
  std::optional<std::string_view> message;
};

Refusal judge(const model::PartitionImage& partition, std::int8_t type) {
  const bool has_leader = partition.leader.value() >= 0;
  const bool is_fine =
      type == preferred ? has_leader && partition.leader == partition.replicas.front() : has_leader;
  if (is_fine)
    return {ErrorCode::election_not_needed, "Leader election not needed for topic partition."};
  if (type == preferred)
    return {ErrorCode::preferred_leader_not_available, "The preferred leader was not available."};
  return {ErrorCode::eligible_leaders_not_available,
          "Eligible topic partition leaders are not available."};
}

Refusal judge(RequestContext& context, std::string_view name, std::int32_t index,
              std::int8_t type) {
  const auto shown = name.substr(0, name_bytes_shown_max);
  if (context.image->find(name) == nullptr) {
    return {ErrorCode::unknown_topic_or_partition,
            context.keep(fmt::format("No such topic as {}", shown))};
  }
  const auto* partition = context.image->find(name, model::PartitionIndex(index));
  if (partition != nullptr) return judge(*partition, type);
  return {ErrorCode::unknown_topic_or_partition,
          context.keep(fmt::format("No such partition as {}-{}", shown, index))};
}

void add(Row& row, std::int32_t index, const Refusal& refusal) {
  auto& result = row.partition_result.emplace_back();
  result.partition_id = index;
  result.error_code = refusal.error;
  result.error_message = refusal.message;
}

// The same for everything that is asked for.
Response refused(const Request& request, const Refusal& refusal) {
  Response answer;
  answer.error_code = refusal.error;
  if (!request.topic_partitions) return answer;
  for (const auto& topic : *request.topic_partitions) {
    Row& row = answer.replica_election_results.emplace_back();
    row.topic = topic.topic;
    for (const std::int32_t index : topic.partitions) add(row, index, refusal);
  }
  return answer;
}

// Partitions that have their leader are not listed, their topics are.
void judge_all(const RequestContext& context, std::int8_t type, Response& answer) {
  context.image->for_each_topic([&](const model::TopicImage& topic) {
    Row& row = answer.replica_election_results.emplace_back();
    row.topic = topic.name;
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
      const Refusal refusal = judge(topic.partitions[i], type);
      if (refusal.error == ErrorCode::election_not_needed) continue;
      add(row, static_cast<std::int32_t>(i), refusal);
    }
  });
}

}  // namespace

runtime::Task<protocol::ElectLeadersResponse> ElectLeadersHandler::handle(
    RequestContext& context, protocol::ElectLeadersRequest request) {
  const std::int8_t type = context.version == 0 ? std::int8_t{preferred} : request.election_type;
  if (!authorize(context, Action::alter, ResourceType::cluster, ""))
    co_return refused(request, {ErrorCode::cluster_authorization_failed, std::nullopt});
  if (request.timeout_ms <= 0)
    co_return refused(request, {ErrorCode::request_timed_out, std::nullopt});
  if (type != preferred && type != unclean) {
    const auto text = context.keep(fmt::format("Unknown election type {}", int{type}));
    co_return refused(request, {ErrorCode::invalid_request, text});
  }
  Response answer;
  if (!request.topic_partitions) {
    judge_all(context, type, answer);
    co_return answer;
  }
  for (const auto& topic : *request.topic_partitions) {
    Row& row = answer.replica_election_results.emplace_back();
    row.topic = topic.topic;
    for (const std::int32_t index : topic.partitions)
      add(row, index, judge(context, topic.topic, index, type));
  }
  co_return answer;
}

}  // namespace gregor::broker
