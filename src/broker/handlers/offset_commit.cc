#include "broker/handlers/offset_commit.h"

#include <optional>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/groups/group_coordinator.h"
#include "group/java_hash.h"

namespace gregor::broker {
namespace {

using Request = protocol::OffsetCommitRequest;
using Response = protocol::OffsetCommitResponse;

constexpr protocol::ApiVersion unknown_group_from_version = 9;
constexpr std::int64_t default_retention = -1;
constexpr std::int64_t time_of_arrival = -1;

// One partition of the request that may be committed, and what becomes of it.
struct Part {
  std::string_view topic;
  const Request::OffsetCommitRequestPartition* asked = nullptr;
  ErrorCode* outcome = nullptr;  // in the answer
};

struct Commit {
  const Request* request = nullptr;
  protocol::ApiVersion version = 0;
  GroupPlace place;
  std::vector<Part> parts;
};

// A client that is no member may commit to a group that is not there yet: that makes it.
ErrorCode check_group(OffsetsPartition& partition, const Commit& commit) {
  const Request& request = *commit.request;
  const std::int32_t generation = request.generation_id_or_member_epoch;
  GroupsOfShard& groups = partition.groups();
  if (!groups.exists(partition.index(), request.group_id)) {
    if (generation >= 0) {
      return commit.version >= unknown_group_from_version ? ErrorCode::group_id_not_found
                                                          : ErrorCode::illegal_generation;
    }
    if (!groups.has_room()) return ErrorCode::group_max_size_reached;
    groups.ensure(partition.index(), request.group_id);
  }
  group::MemberClaim member;
  member.member_id = request.member_id;
  if (request.group_instance_id) member.instance_id = std::string(*request.group_instance_id);
  member.generation = generation;
  return groups.check_commit(partition.index(), request.group_id, member);
}

group::CommittedOffset to_offset(const Request& request, const Part& part, std::int64_t now) {
  group::CommittedOffset value;
  value.offset = model::Offset(part.asked->committed_offset);
  value.leader_epoch = model::LeaderEpoch(part.asked->committed_leader_epoch);
  value.metadata = part.asked->committed_metadata.value_or("");
  const bool has_time = part.asked->commit_timestamp != time_of_arrival;
  value.commit_time = model::TimestampMs(has_time ? part.asked->commit_timestamp : now);
  if (request.retention_time_ms != default_retention)
    value.expire_time = model::TimestampMs(now + request.retention_time_ms);
  return value;
}

void refuse(const Commit& commit, ErrorCode error) {
  for (const Part& part : commit.parts) *part.outcome = error;
}

runtime::Task<bool> commit_on(BrokerShard& shard, const Commit& commit) {
  auto found = shard.group_coordinator().find(commit.place.partition);
  if (!found) {
    refuse(commit, found.error().code);
    co_return false;
  }
  const std::shared_ptr<OffsetsPartition> partition = std::move(*found);
  const ErrorCode refusal = check_group(*partition, commit);
  if (refusal != ErrorCode::none) {
    refuse(commit, refusal);
    co_return false;
  }
  const std::int64_t now = shard.shard().clock().wall_ms();
  const std::int64_t text_max = shard.config().offset_metadata_max_bytes;
  GroupWrite what;
  what.group = commit.request->group_id;
  std::vector<ErrorCode*> outcomes;
  for (const Part& part : commit.parts) {
    const std::string_view text = part.asked->committed_metadata.value_or("");
    if (static_cast<std::int64_t>(group::java_length(text)) > text_max) {
      *part.outcome = ErrorCode::offset_metadata_too_large;
      continue;
    }
    const model::PartitionIndex index(part.asked->partition_index);
    what.offsets.emplace_back(model::TopicPartition{std::string(part.topic), index},
                              to_offset(*commit.request, part, now));
    outcomes.push_back(part.outcome);
  }
  const ErrorCode written = co_await OffsetsPartition::write(partition, std::move(what));
  for (ErrorCode* outcome : outcomes) *outcome = offset_commit_error(written);
  co_return true;
}

// Rows of the answer for all partitions; those that may be committed become parts.
Response plan(const RequestContext& context, const Request& request, std::vector<Part>& parts) {
  Response answer;
  answer.topics.reserve(request.topics.size());
  for (const auto& topic : request.topics) {
    auto& topic_row = answer.topics.emplace_back();
    topic_row.name = topic.name;
    topic_row.partitions.reserve(topic.partitions.size());
    const bool may_read = authorize(context, Action::read, ResourceType::topic, topic.name);
    for (const auto& partition : topic.partitions) {
      auto& row = topic_row.partitions.emplace_back();
      row.partition_index = partition.partition_index;
      const model::PartitionIndex index(partition.partition_index);
      if (!may_read) {
        row.error_code = ErrorCode::topic_authorization_failed;
      } else if (context.image->find(topic.name, index) == nullptr) {
        row.error_code = ErrorCode::unknown_topic_or_partition;
      } else {
        parts.push_back({topic.name, &partition, &row.error_code});
      }
    }
  }
  return answer;
}

}  // namespace

runtime::Task<protocol::OffsetCommitResponse> OffsetCommitHandler::handle(
    RequestContext& context, protocol::OffsetCommitRequest request) {
  Commit commit;
  Response answer = plan(context, request, commit.parts);
  if (!authorize(context, Action::read, ResourceType::group, request.group_id)) {
    refuse(commit, ErrorCode::group_authorization_failed);
    co_return answer;
  }
  if (commit.parts.empty()) co_return answer;
  commit.request = &request;
  commit.version = context.version;
  commit.place = GroupCoordinator::place_of(context.shard, request.group_id);
  BrokerShard& target = context.shard.peer(commit.place.shard);
  auto work = [&target, &commit] { return commit_on(target, commit); };
  co_await runtime::call_on(context.shard.shard(), commit.place.shard, work);
  co_return answer;
}

}  // namespace gregor::broker
