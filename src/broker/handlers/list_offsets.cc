#include "broker/handlers/list_offsets.h"

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"

namespace gregor::broker {
namespace {

using Request = protocol::ListOffsetsRequest;
using Response = protocol::ListOffsetsResponse;
using Row = Response::ListOffsetsPartitionResponse;

// Special timestamps and the version that brought them. Source: KIP-734, KIP-405, KIP-1005.
enum Special : std::int64_t {
  latest = -1,
  earliest = -2,
  max_timestamp = -3,
  earliest_local = -4,
  last_tiered = -5
};

constexpr protocol::ApiVersion epochs_from_version = 4;
constexpr std::int8_t read_committed = 1;

struct Part {
  std::string_view topic;
  std::int32_t index = 0;
  std::int64_t timestamp = 0;
  std::int32_t current_leader_epoch = -1;
  bool is_read_committed = false;
  ErrorCode refused = ErrorCode::none;
};

struct Found {
  ErrorCode error = ErrorCode::none;
  storage::TimestampOffset at;
};

bool is_known(std::int64_t timestamp, protocol::ApiVersion version) {
  if (timestamp >= earliest) return true;
  if (timestamp == max_timestamp) return version >= 7;
  if (timestamp == earliest_local) return version >= 8;
  return timestamp == last_tiered && version >= 9;
}

storage::TimestampOffset at_offset(const storage::PartitionLog& log, model::Offset offset,
                                   model::LeaderEpoch epoch) {
  storage::TimestampOffset found;
  found.offset = offset;
  // An empty log answers with the current epoch.
  found.leader_epoch = offset < log.log_end() ? log.epoch_at(offset) : epoch;
  return found;
}

runtime::Task<Result<storage::TimestampOffset>> look_up(Partition& partition,
                                                        std::int64_t timestamp,
                                                        bool is_read_committed) {
  storage::PartitionLog& log = partition.log();
  const model::LeaderEpoch epoch = partition.leadership().epoch;
  const model::Offset end = is_read_committed ? log.last_stable_offset() : log.high_watermark();
  switch (timestamp) {
    case latest: {
      storage::TimestampOffset found;
      found.offset = end;
      found.leader_epoch = epoch;
      co_return found;
    }
    case earliest:
    case earliest_local:
      co_return at_offset(log, log.log_start(), epoch);
    case max_timestamp:
      co_return co_await log.offset_of_max_timestamp(end);
    case last_tiered:
      co_return storage::TimestampOffset{};
    default:
      co_return co_await log.offset_for_time(model::TimestampMs(timestamp), end);
  }
}

runtime::Task<Found> find_one(BrokerShard& shard, const Part& part) {
  Found found;
  if (part.refused != ErrorCode::none) {
    found.error = part.refused;
    co_return found;
  }
  auto partition = shard.find_led(part.topic, part.index, part.current_leader_epoch);
  if (!partition) {
    found.error = partition.error().code;
    co_return found;
  }
  const std::shared_ptr<Partition> held = std::move(*partition);
  auto at = co_await look_up(*held, part.timestamp, part.is_read_committed);
  if (at) {
    found.at = *at;
  } else {
    found.error = at.error().code;
  }
  co_return found;
}

runtime::Task<std::vector<Found>> find_parts(BrokerShard& shard, std::span<Part* const> parts) {
  std::vector<Found> answers;
  for (const Part* part : parts) {
    const Found found = co_await find_one(shard, *part);
    answers.push_back(found);
  }
  co_return answers;
}

std::vector<Part> parts_of(const RequestContext& context, const Request& request) {
  std::vector<Part> parts;
  std::map<std::pair<std::string_view, std::int32_t>, int> count;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) ++count[{topic.name, partition.partition_index}];
  }
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      Part part{topic.name,
                partition.partition_index,
                partition.timestamp,
                partition.current_leader_epoch,
                request.isolation_level == read_committed,
                ErrorCode::none};
      if (count[{topic.name, part.index}] > 1) {
        part.refused = ErrorCode::invalid_request;
      } else if (!authorize(context, Action::describe, ResourceType::topic, topic.name)) {
        part.refused = ErrorCode::topic_authorization_failed;
      } else if (request.isolation_level != 0 && request.isolation_level != 1) {
        part.refused = ErrorCode::unknown_server_error;
      } else if (!is_known(part.timestamp, context.version)) {
        part.refused = ErrorCode::unsupported_version;
      }
      parts.push_back(part);
    }
  }
  return parts;
}

}  // namespace

runtime::Task<protocol::ListOffsetsResponse> ListOffsetsHandler::handle(
    RequestContext& context, protocol::ListOffsetsRequest request) {
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
    Response::ListOffsetsTopicResponse topic_row;
    topic_row.name = topic.name;
    for (const auto& partition : topic.partitions) {
      const Found& result = found[next++];
      Row row;
      row.partition_index = partition.partition_index;
      row.error_code = result.error;
      row.timestamp = result.at.timestamp.value();
      row.offset = result.at.offset.value();
      if (context.version >= epochs_from_version) row.leader_epoch = result.at.leader_epoch.value();
      topic_row.partitions.push_back(row);
    }
    answer.topics.push_back(std::move(topic_row));
  }
  co_return answer;
}

}  // namespace gregor::broker
