#include "broker/handlers/offset_delete.h"

#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/groups/group_coordinator.h"

namespace gregor::broker {
namespace {

using Request = protocol::OffsetDeleteRequest;
using Response = protocol::OffsetDeleteResponse;

struct Part {
  std::string_view topic;
  std::int32_t index = -1;
  ErrorCode* outcome = nullptr;  // in the answer
};

struct Deletion {
  std::string_view group;
  GroupPlace place;
  std::vector<Part> parts;
};

// @return the error of the whole group
runtime::Task<ErrorCode> delete_on(BrokerShard& shard, const Deletion& deletion) {
  auto found = shard.group_coordinator().find(deletion.place.partition);
  if (!found) co_return found.error().code;
  const std::shared_ptr<OffsetsPartition> partition = std::move(*found);
  const GroupsOfShard& groups = partition->groups();
  const ErrorCode refusal = groups.check_offset_delete(partition->index(), deletion.group);
  if (refusal != ErrorCode::none) co_return refusal;
  std::vector<model::TopicPartition> doomed;
  for (const Part& part : deletion.parts) {
    if (groups.is_subscribed(partition->index(), deletion.group, part.topic)) {
      *part.outcome = ErrorCode::group_subscribed_to_topic;
    } else {
      doomed.push_back({std::string(part.topic), model::PartitionIndex(part.index)});
    }
  }
  const ErrorCode written = co_await OffsetsPartition::remove_offsets(
      partition, std::string(deletion.group), std::move(doomed));
  co_return offset_commit_error(written);
}

Response plan(const RequestContext& context, const Request& request, Deletion& deletion) {
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
        deletion.parts.push_back({topic.name, partition.partition_index, &row.error_code});
      }
    }
  }
  return answer;
}

Response refused(ErrorCode error) {
  Response answer;
  answer.error_code = error;
  return answer;
}

}  // namespace

runtime::Task<protocol::OffsetDeleteResponse> OffsetDeleteHandler::handle(
    RequestContext& context, protocol::OffsetDeleteRequest request) {
  if (!authorize(context, Action::remove, ResourceType::group, request.group_id))
    co_return refused(ErrorCode::group_authorization_failed);
  Deletion deletion;
  deletion.group = request.group_id;
  Response answer = plan(context, request, deletion);
  if (request.group_id.empty()) co_return refused(ErrorCode::invalid_group_id);
  deletion.place = GroupCoordinator::place_of(context.shard, request.group_id);
  BrokerShard& target = context.shard.peer(deletion.place.shard);
  auto work = [&target, &deletion] { return delete_on(target, deletion); };
  const ErrorCode error =
      co_await runtime::call_on(context.shard.shard(), deletion.place.shard, work);
  if (error != ErrorCode::none) co_return refused(error);
  co_return answer;
}

}  // namespace gregor::broker
