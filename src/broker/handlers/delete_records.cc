#include "broker/handlers/delete_records.h"

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/log.h"
#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/housekeeping.h"
#include "model/topic_name.h"

namespace gregor::broker {
namespace {

using Request = protocol::DeleteRecordsRequest;
using Response = protocol::DeleteRecordsResponse;

constexpr std::int64_t up_to_high_watermark = -1;

struct Part {
  std::string_view topic;
  std::int32_t index = 0;
  std::int64_t offset = 0;
  ErrorCode refused = ErrorCode::none;
};

struct Deletion {
  ErrorCode error = ErrorCode::none;
  model::Offset low_watermark{-1};
  bool has_moved = false;
};

runtime::Task<Deletion> delete_in(BrokerShard& shard, const Part& part) {
  Deletion deletion;
  const auto failed = [&deletion](ErrorCode error) {
    deletion.error = error;
    return deletion;
  };
  if (part.refused != ErrorCode::none) co_return failed(part.refused);
  auto found = shard.find_led(part.topic, part.index, -1);
  if (!found) co_return failed(found.error().code);
  const std::shared_ptr<Partition> partition = std::move(*found);
  if (!partition->may_delete_records()) co_return failed(ErrorCode::policy_violation);
  storage::PartitionLog& log = partition->log();
  const model::Offset to =
      part.offset == up_to_high_watermark ? log.high_watermark() : model::Offset(part.offset);
  if (to < model::Offset(0) || to > log.high_watermark())
    co_return failed(ErrorCode::offset_out_of_range);
  const model::Offset before = log.log_start();
  auto moved = co_await log.move_log_start(to);
  if (!moved) {
    log::error("records", "{}-{}: nothing is deleted: {}", part.topic, part.index,
               moved.error().detail);
    co_return failed(moved.error().code);
  }
  deletion.low_watermark = *moved;
  deletion.has_moved = *moved > before;
  co_return deletion;
}

runtime::Task<std::vector<Deletion>> delete_parts(BrokerShard& shard,
                                                  std::span<Part* const> parts) {
  std::vector<Deletion> deletions;
  for (const Part* part : parts) {
    const Deletion deletion = co_await delete_in(shard, *part);
    deletions.push_back(deletion);
  }
  co_return deletions;
}

// The same partition twice: the last one counts, at the first place.
std::vector<Part> parts_of(const RequestContext& context, const Request& request) {
  std::vector<Part> parts;
  std::map<std::pair<std::string_view, std::int32_t>, std::size_t> places;
  for (const auto& topic : request.topics) {
    ErrorCode refused = ErrorCode::none;
    if (!authorize(context, Action::remove, ResourceType::topic, topic.name)) {
      refused = ErrorCode::topic_authorization_failed;
    } else if (model::is_internal_topic(topic.name) && context.image->find(topic.name) != nullptr) {
      refused = ErrorCode::invalid_topic_exception;
    }
    for (const auto& partition : topic.partitions) {
      const Part part{topic.name, partition.partition_index, partition.offset, refused};
      const auto [at, is_new] = places.try_emplace({part.topic, part.index}, parts.size());
      if (is_new) {
        parts.push_back(part);
      } else {
        parts[at->second] = part;
      }
    }
  }
  return parts;
}

runtime::Task<bool> write_checkpoints(BrokerShard& shard) {
  co_return co_await shard.housekeeping().write_checkpoints();
}

}  // namespace

runtime::Task<protocol::DeleteRecordsResponse> DeleteRecordsHandler::handle(
    RequestContext& context, protocol::DeleteRecordsRequest request) {
  std::vector<Part> parts = parts_of(context, request);
  BrokerShard& home = context.shard;
  auto owner = [&home](const Part& part) { return home.owner(part.topic, part.index); };
  auto work = [&home](runtime::ShardId target, std::span<Part* const> group) {
    return delete_parts(home.peer(target), group);
  };
  std::vector<Deletion> deletions =
      co_await scatter<Deletion>(home.shard(), std::span<Part>(parts), owner, work);

  bool has_moved = false;
  for (const Deletion& deletion : deletions) has_moved = has_moved || deletion.has_moved;
  if (has_moved) {
    auto write = [&home] { return write_checkpoints(home); };
    const bool written = co_await runtime::call_on(home.shard(), runtime::ShardId(0), write);
    for (Deletion& deletion : deletions) {
      if (!written && deletion.has_moved) deletion.error = ErrorCode::kafka_storage_error;
    }
  }
  Response answer;
  std::map<std::string_view, std::size_t> rows;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto [at, is_new] = rows.try_emplace(parts[i].topic, answer.topics.size());
    if (is_new) answer.topics.emplace_back().name = parts[i].topic;
    Response::DeleteRecordsPartitionResult row;
    row.partition_index = parts[i].index;
    row.error_code = deletions[i].error;
    row.low_watermark =
        deletions[i].error == ErrorCode::none ? deletions[i].low_watermark.value() : -1;
    answer.topics[at->second].partitions.push_back(row);
  }
  co_return answer;
}

}  // namespace gregor::broker
