#include "sim/producer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gregor::sim {
namespace {

using Request = protocol::ProduceRequest;

constexpr protocol::ApiVersion version_lowest = 3;
constexpr protocol::ApiVersion version_highest = 13;
constexpr protocol::ApiVersion zstd_from_version = 7;
constexpr protocol::ApiVersion ids_from_version = 13;

// Errors that say that nothing was appended.
bool is_definite(ErrorCode error) {
  switch (error) {
    case ErrorCode::corrupt_message:
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::message_too_large:
    case ErrorCode::record_list_too_large:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::invalid_required_acks:
    case ErrorCode::invalid_timestamp:
    case ErrorCode::unsupported_version:
    case ErrorCode::unsupported_for_message_format:
    case ErrorCode::unsupported_compression_type:
    case ErrorCode::fenced_leader_epoch:
    case ErrorCode::invalid_record:
    case ErrorCode::unknown_topic_id:
      return true;
    default:
      return false;
  }
}

}  // namespace

Request make_request(const ProduceOrder& order) {
  Request request;
  request.acks = order.acks;
  request.timeout_ms = 10'000;
  for (std::size_t i = 0; i < order.batches.size(); ++i) {
    const ProducerTarget& target = order.targets[i];
    auto place =
        std::find_if(request.topic_data.begin(), request.topic_data.end(),
                     [&](const auto& topic) { return topic.topic_id == target.batch.where.topic; });
    if (place == request.topic_data.end()) {
      Request::TopicProduceData topic;
      topic.name = target.topic;
      topic.topic_id = target.batch.where.topic;
      place = request.topic_data.insert(place, std::move(topic));
    }
    Request::PartitionProduceData data;
    data.index = target.batch.where.partition;
    data.records = protocol::Records{.bytes = order.batches[i].bytes};
    place->partition_data.push_back(data);
  }
  // Names are dropped from the versions that have ids, and the other way round.
  for (auto& topic : request.topic_data) {
    if (order.version >= ids_from_version) {
      topic.name = {};
    } else {
      topic.topic_id = {};
    }
  }
  return request;
}

std::vector<const ProduceRow*> rows_of(const ProduceOrder& order,
                                       const protocol::ProduceResponse& response) {
  std::vector<const ProduceRow*> rows(order.targets.size());
  for (const auto& topic : response.responses) {
    for (const ProduceRow& row : topic.partition_responses) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const ProducerTarget& target = order.targets[i];
        const bool is_topic = order.version >= ids_from_version
                                  ? topic.topic_id == target.batch.where.topic
                                  : topic.name == target.topic;
        if (is_topic && row.index == target.batch.where.partition && rows[i] == nullptr)
          rows[i] = &row;
      }
    }
  }
  return rows;
}

protocol::ApiVersion draw_produce_version(runtime::simulated::Prng& numbers,
                                          const ProducerPlan& plan) {
  const bool is_zstd = plan.codec == model::Codec::zstd;
  return static_cast<protocol::ApiVersion>(numbers.between(
      static_cast<std::uint64_t>(is_zstd ? zstd_from_version : version_lowest), version_highest));
}

namespace {

void take_row(Fleet& fleet, BatchNumber number, const ProduceRow& row) {
  History& history = fleet.history();
  const bool is_valid = history.batch(number).is_valid;
  if (row.error_code == ErrorCode::none) {
    fleet.trace(fmt::format("batch {} at {}", number, row.base_offset));
    history.acknowledge(number, model::Offset(row.base_offset),
                        model::TimestampMs(row.log_append_time_ms), fleet.now());
    return;
  }
  if (is_valid && fleet.is_serving) {
    fleet.violations().add("E1", fmt::format("{}: a valid batch was answered {}",
                                             history.partition(history.batch(number).where).name(),
                                             error_name(row.error_code)));
  }
  if (!is_definite(row.error_code)) return history.lose_sight(number);
  history.refuse(number, row.error_code);
  if (!is_valid) ++fleet.counts().refused;
}

// Each batch gets the row of its partition; one without a row is a broken promise.
void take_answer(Fleet& fleet, const ProduceOrder& order, const std::vector<BatchNumber>& numbers,
                 const protocol::ProduceResponse& response) {
  const std::vector<const ProduceRow*> rows = rows_of(order, response);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (rows[i] != nullptr) {
      take_row(fleet, numbers[i], *rows[i]);
      continue;
    }
    fleet.violations().add("L4", fmt::format("Produce: no answer for {}-{}", order.targets[i].topic,
                                             order.targets[i].batch.where.partition));
    fleet.history().lose_sight(numbers[i]);
  }
}

}  // namespace

runtime::Task<bool> produce(Fleet& fleet, ProduceOrder order) {
  const Request request = make_request(order);
  const std::int32_t id = order.connection->next_correlation_id();
  auto frame = make_frame(request, order.version, id);
  GREGOR_ASSERT(frame.has_value());
  std::vector<BatchNumber> numbers;
  for (MadeBatch& batch : order.batches) {
    batch.sent.sent = fleet.now();
    batch.sent.channel = order.connection->number();
    numbers.push_back(fleet.history().send(batch.sent));
  }
  ++fleet.counts().requests;
  ClientCallPointer sent = order.connection->send(std::move(*frame), id, order.acks != 0);
  if (order.acks == 0) co_return order.connection->is_open();
  auto reply = co_await fleet.answer<protocol::Produce>(order.connection, std::move(sent),
                                                        order.version, fleet.settings().slack);
  if (!reply) {
    for (const BatchNumber number : numbers) fleet.history().lose_sight(number);
    co_return false;
  }
  take_answer(fleet, order, numbers, reply->body);
  co_return true;
}

Producer::Producer(Fleet& fleet, const ProducerPlan& plan, std::vector<ProducerTarget> targets)
    : fleet_(fleet),
      plan_(plan),
      targets_(std::move(targets)),
      numbers_(fleet.split(fmt::format("producer.{}", plan.number))),
      maker_(plan, fleet.settings().batch_bytes_max,
             fleet.split(fmt::format("batches.{}", plan.number))) {}

runtime::Task<void> Producer::run() {
  return fleet_.keep_using(
      [this](ClientConnection::Pointer connection) { return use(std::move(connection)); });
}

runtime::Task<void> Producer::use(ClientConnection::Pointer connection) {
  runtime::TaskGroup requests;
  while (fleet_.is_open() && connection->is_open()) {
    if (under_way_ < plan_.requests_in_flight_max) requests.spawn(send_one(connection));
    // Now and then a client goes away in the middle.
    if (numbers_.chance(0.002)) connection->close();
    const auto pause = static_cast<std::int64_t>(
        numbers_.below(static_cast<std::uint64_t>(plan_.pause_max.count())));
    const runtime::Instant next = fleet_.now() + runtime::Duration(pause);
    co_await runtime::sleep_until(fleet_.shard(), next);
  }
  co_await requests.join();
  connection->close();
}

runtime::Task<void> Producer::send_one(ClientConnection::Pointer connection) {
  ++under_way_;
  ProduceOrder order = make_order(connection);
  const bool is_good = co_await produce(fleet_, std::move(order));
  if (!is_good) connection->close();
  --under_way_;
}

ProduceOrder Producer::make_order(ClientConnection::Pointer connection) {
  ProduceOrder order;
  order.connection = std::move(connection);
  order.acks = plan_.acks;
  order.version = draw_produce_version(numbers_, plan_);
  const std::size_t count = numbers_.between(1, std::min(plan_.partitions_max, targets_.size()));
  const std::size_t first = numbers_.below(targets_.size());
  const std::int64_t now_ms = fleet_.shard().clock().wall_ms();
  for (std::size_t i = 0; i < count; ++i) {
    const ProducerTarget& target = targets_[(first + i) % targets_.size()];
    const bool is_invalid = numbers_.chance(plan_.invalid_probability);
    order.targets.push_back(target);
    order.batches.push_back(is_invalid ? maker_.make_invalid(target.batch, now_ms)
                                       : maker_.make(target.batch, now_ms));
  }
  return order;
}

}  // namespace gregor::sim
