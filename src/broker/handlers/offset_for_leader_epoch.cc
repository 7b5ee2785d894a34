#include "broker/handlers/offset_for_leader_epoch.h"

#include <span>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"

namespace gregor::broker {
namespace {

using Request = protocol::OffsetForLeaderEpochRequest;
using Response = protocol::OffsetForLeaderEpochResponse;

struct Part {
  std::string_view topic;
  std::int32_t index = 0;
  std::int32_t epoch = -1;
  std::int32_t current_leader_epoch = -1;
  ErrorCode refused = ErrorCode::none;
};

struct Found {
  ErrorCode error = ErrorCode::none;
  storage::PartitionLog::EpochEnd end;
};

Found find_one(BrokerShard& shard, const Part& part) {
  if (part.refused != ErrorCode::none) return {part.refused, {}};
  const auto partition = shard.find_led(part.topic, part.index, part.current_leader_epoch);
  if (!partition) return {partition.error().code, {}};
  return {ErrorCode::none, (*partition)->log().end_of_epoch(model::LeaderEpoch(part.epoch))};
}

runtime::Task<std::vector<Found>> find_parts(BrokerShard& shard, std::span<Part* const> parts) {
  std::vector<Found> found;
  found.reserve(parts.size());
  for (const Part* part : parts) found.push_back(find_one(shard, *part));
  co_return found;
}

std::vector<Part> parts_of(const RequestContext& context, const Request& request) {
  std::vector<Part> parts;
  for (const auto& topic : request.topics) {
    const bool may = authorize(context, Action::describe, ResourceType::topic, topic.topic);
    for (const auto& partition : topic.partitions) {
      parts.push_back({topic.topic, partition.partition, partition.leader_epoch,
                       partition.current_leader_epoch,
                       may ? ErrorCode::none : ErrorCode::topic_authorization_failed});
    }
  }
  return parts;
}

}  // namespace

runtime::Task<protocol::OffsetForLeaderEpochResponse> OffsetForLeaderEpochHandler::handle(
    RequestContext& context, protocol::OffsetForLeaderEpochRequest request) {
  std::vector<Part> parts = parts_of(context, request);
  BrokerShard& home = context.shard;
  auto owner = [&home](const Part& part) { return home.owner(part.topic, part.index); };
  auto work = [&home](runtime::ShardId target, std::span<Part* const> group) {
    return find_parts(home.peer(target), group);
  };
  const std::vector<Found> found =
      co_await scatter<Found>(home.shard(), std::span<Part>(parts), owner, work);

  Response answer;
  std::size_t next = 0;
  for (const auto& topic : request.topics) {
    Response::OffsetForLeaderTopicResult topic_row;
    topic_row.topic = topic.topic;
    for (const auto& partition : topic.partitions) {
      const Found& result = found[next++];
      Response::EpochEndOffset row;
      row.partition = partition.partition;
      row.error_code = result.error;
      row.leader_epoch = result.end.epoch.value();
      row.end_offset = result.end.end.value();
      topic_row.partitions.push_back(row);
    }
    answer.topics.push_back(std::move(topic_row));
  }
  co_return answer;
}

}  // namespace gregor::broker
