#include "broker/handlers/describe_producers.h"

#include <span>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "model/topic_name.h"

namespace gregor::broker {
namespace {

using Request = protocol::DescribeProducersRequest;
using Response = protocol::DescribeProducersResponse;

struct Part {
  std::string_view topic;
  std::int32_t index = 0;
  std::size_t topic_place = 0;  // in the answer
};

struct Found {
  ErrorCode error = ErrorCode::none;
  std::vector<storage::ProducerInfo> producers;
};

runtime::Task<std::vector<Found>> find_parts(BrokerShard& shard, std::span<Part* const> parts) {
  std::vector<Found> answers;
  for (const Part* part : parts) {
    Found& found = answers.emplace_back();
    const auto partition = shard.find_led(part->topic, part->index, -1);
    if (partition) {
      found.producers = (*partition)->log().producers();
    } else {
      found.error = partition.error().code;
    }
  }
  co_return answers;
}

// What is wrong with a topic as a whole.
std::optional<Error> fault_of(const RequestContext& context, std::string_view topic) {
  if (!authorize(context, Action::read, ResourceType::topic, topic))
    return Error{ErrorCode::topic_authorization_failed, "not allowed to read the topic", 0};
  if (context.image->find(topic) != nullptr) return std::nullopt;
  if (auto legal = model::check_topic_name(topic); !legal) return std::move(legal.error());
  return Error{ErrorCode::unknown_topic_or_partition, "there is no such topic", 0};
}

Response::PartitionResponse row_of(std::int32_t index, const Found& found) {
  Response::PartitionResponse row;
  row.partition_index = index;
  row.error_code = found.error;
  for (const storage::ProducerInfo& producer : found.producers) {
    Response::ProducerState state;
    state.producer_id = producer.id.value();
    state.producer_epoch = producer.epoch.value();
    state.last_sequence = producer.last_sequence;
    state.last_timestamp = producer.last_timestamp.value();
    state.coordinator_epoch = producer.coordinator_epoch;
    state.current_txn_start_offset = producer.transaction_start.value();
    row.active_producers.push_back(state);
  }
  return row;
}

}  // namespace

runtime::Task<protocol::DescribeProducersResponse> DescribeProducersHandler::handle(
    RequestContext& context, protocol::DescribeProducersRequest request) {
  Response answer;
  std::vector<Part> parts;
  for (const auto& topic : request.topics) {
    const std::size_t place = answer.topics.size();
    auto& row = answer.topics.emplace_back();
    row.name = topic.name;
    auto fault = fault_of(context, topic.name);
    const std::string_view text = fault ? context.keep(std::move(fault->detail)) : "";
    for (const std::int32_t index : topic.partition_indexes) {
      if (!fault) {
        parts.push_back({topic.name, index, place});
        continue;
      }
      Response::PartitionResponse refused = row_of(index, Found{fault->code, {}});
      refused.error_message = text;
      row.partitions.push_back(std::move(refused));
    }
  }
  BrokerShard& home = context.shard;
  auto owner = [&home](const Part& part) { return home.owner(part.topic, part.index); };
  auto work = [&home](runtime::ShardId target, std::span<Part* const> group) {
    return find_parts(home.peer(target), group);
  };
  const auto found = co_await scatter<Found>(home.shard(), std::span<Part>(parts), owner, work);
  for (std::size_t i = 0; i < parts.size(); ++i)
    answer.topics[parts[i].topic_place].partitions.push_back(row_of(parts[i].index, found[i]));
  co_return answer;
}

}  // namespace gregor::broker
