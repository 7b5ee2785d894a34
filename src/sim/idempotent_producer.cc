#include "sim/idempotent_producer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "model/record_batch.h"
#include "protocol/init_producer_id.h"

namespace gregor::sim {
namespace {

constexpr protocol::ApiVersion init_version_highest = 5;
// So that sequence numbers wrap in some runs.
constexpr std::uint64_t first_sequence_spread = 2'000;
constexpr std::int64_t sequences = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;

bool is_about_sequences(ErrorCode error) {
  return error == ErrorCode::out_of_order_sequence_number ||
         error == ErrorCode::invalid_producer_epoch || error == ErrorCode::unknown_producer_id;
}

}  // namespace

IdempotentProducer::IdempotentProducer(Fleet& fleet, const ProducerPlan& plan,
                                       std::vector<ProducerTarget> targets)
    : fleet_(fleet),
      plan_(plan),
      targets_(std::move(targets)),
      numbers_(fleet.split(fmt::format("producer.{}", plan.number))),
      maker_(plan, fleet.settings().batch_bytes_max,
             fleet.split(fmt::format("batches.{}", plan.number))) {}

runtime::Task<void> IdempotentProducer::run() {
  return fleet_.keep_using(
      [this](ClientConnection::Pointer connection) { return use(std::move(connection)); });
}

runtime::Task<void> IdempotentProducer::use(ClientConnection::Pointer connection) {
  const bool has_id = co_await take_id(connection);
  if (!has_id) {
    connection->close();
    co_return;
  }
  runtime::TaskGroup requests;
  const std::deque<PendingPointer> before = pending_;
  for (const PendingPointer& pending : before) requests.spawn(send(connection, pending, true));
  while (fleet_.is_open() && connection->is_open()) {
    if (pending_.size() < plan_.requests_in_flight_max) {
      pending_.push_back(make_pending(connection));
      requests.spawn(send(connection, pending_.back(), false));
    }
    // Now and then a client goes away in the middle.
    if (numbers_.chance(0.005)) connection->close();
    const auto pause = static_cast<std::int64_t>(
        numbers_.below(static_cast<std::uint64_t>(plan_.pause_max.count())));
    const runtime::Instant next = fleet_.now() + runtime::Duration(pause);
    co_await runtime::sleep_until(fleet_.shard(), next);
  }
  co_await requests.join();
  connection->close();
}

runtime::Task<bool> IdempotentProducer::take_id(ClientConnection::Pointer connection) {
  if (id_) co_return true;
  const auto version = static_cast<protocol::ApiVersion>(numbers_.between(0, init_version_highest));
  protocol::InitProducerIdRequest request;
  request.transactional_id.reset();
  request.transaction_timeout_ms = 60'000;
  auto reply = co_await fleet_.call<protocol::InitProducerId>(connection, std::move(request),
                                                              version, fleet_.settings().slack);
  if (!reply) co_return false;
  const ErrorCode error = reply->body.error_code;
  if (error == ErrorCode::none) {
    id_ = model::ProducerId(reply->body.producer_id);
    fleet_.history().take_producer_id(*id_);
    co_return true;
  }
  // While the metadata store can't be reached no new block of ids can be claimed.
  const bool may_fail = error == ErrorCode::coordinator_load_in_progress &&
                        fleet_.settings().store.connection_loss_ppm > 0;
  if (!may_fail && fleet_.is_serving)
    fleet_.violations().add("E1", fmt::format("InitProducerId: {}", error_name(error)));
  co_return false;
}

IdempotentProducer::PendingPointer IdempotentProducer::make_pending(
    ClientConnection::Pointer connection) {
  auto pending = std::make_shared<Pending>();
  pending->life = fleet_.life();
  ProduceOrder& order = pending->order;
  order.acks = plan_.acks;
  const std::size_t count = numbers_.between(1, std::min(plan_.partitions_max, targets_.size()));
  const std::size_t first = numbers_.below(targets_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const ProducerTarget& target = targets_[(first + i) % targets_.size()];
    MadeBatch batch = maker_.make(target.batch, fleet_.shard().clock().wall_ms());
    stamp(batch);
    batch.sent.sent = fleet_.now();
    batch.sent.channel = connection->number();
    batch.sent.producer_id = *id_;
    pending->numbers.push_back(fleet_.history().send(batch.sent));
    order.targets.push_back(target);
    order.batches.push_back(std::move(batch));
  }
  return pending;
}

// Gives the batch its producer's id, epoch and sequence number.
void IdempotentProducer::stamp(MadeBatch& batch) {
  namespace layout = model::batch_layout;
  const auto spread = static_cast<std::int32_t>(numbers_.below(first_sequence_spread));
  std::int32_t& next =
      next_sequences_
          .try_emplace(batch.sent.where, std::numeric_limits<std::int32_t>::max() - spread)
          .first->second;
  store_be(batch.bytes.data() + layout::producer_id_at, id_->value());
  store_be(batch.bytes.data() + layout::producer_epoch_at, std::int16_t{0});
  store_be(batch.bytes.data() + layout::base_sequence_at, next);
  const auto view = model::RecordBatchView::parse(batch.bytes);
  GREGOR_ASSERT(view.has_value());
  store_be(batch.bytes.data() + layout::crc_at, view->computed_crc());
  next = static_cast<std::int32_t>((std::int64_t{next} + batch.sent.count) % sequences);
}

runtime::Task<void> IdempotentProducer::send(ClientConnection::Pointer connection,
                                             PendingPointer pending, bool is_again) {
  ProduceOrder& order = pending->order;
  order.version = draw_produce_version(numbers_, plan_);
  const protocol::ProduceRequest request = make_request(order);
  const std::int32_t id = connection->next_correlation_id();
  auto frame = make_frame(request, order.version, id);
  GREGOR_ASSERT(frame.has_value());
  if (is_again) {
    for (const BatchNumber number : pending->numbers)
      fleet_.history().send_again(number, connection->number());
  }
  ++fleet_.counts().requests;
  ClientCallPointer sent = connection->send(std::move(*frame), id, true);
  auto reply = co_await fleet_.answer<protocol::Produce>(connection, std::move(sent), order.version,
                                                         fleet_.settings().slack);
  if (!reply) {
    for (const BatchNumber number : pending->numbers) fleet_.history().lose_sight(number);
    connection->close();
    co_return;
  }
  if (take_rows(*pending, reply->body)) {
    std::erase(pending_, pending);
  } else {
    // What was sent behind it would leave a gap: all of it is sent again.
    connection->close();
  }
}

// @return true if each batch has got its offset
bool IdempotentProducer::take_rows(Pending& pending, const protocol::ProduceResponse& response) {
  const std::vector<const ProduceRow*> rows = rows_of(pending.order, response);
  bool is_done = true;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == nullptr) {
      fleet_.violations().add("L4", "Produce: no answer for a partition");
      is_done = false;
    } else if (!take_row(pending, i, *rows[i])) {
      is_done = false;
    }
  }
  return is_done;
}

bool IdempotentProducer::take_row(Pending& pending, std::size_t place, const ProduceRow& row) {
  const BatchNumber number = pending.numbers[place];
  if (row.error_code == ErrorCode::none) {
    fleet_.trace(fmt::format("batch {} at {}", number, row.base_offset));
    // Kafka names the time of the first append where it knows a batch already.
    const bool is_known = row.log_append_time_ms >= 0;
    if (is_known && !pending.order.targets[place].batch.has_append_time)
      ++fleet_.counts().recognised;
    fleet_.history().acknowledge(number, model::Offset(row.base_offset),
                                 model::TimestampMs(row.log_append_time_ms), fleet_.now());
    return true;
  }
  fleet_.history().lose_sight(number);
  take_refusal(pending, row.error_code);
  return false;
}

void IdempotentProducer::take_refusal(const Pending& pending, ErrorCode error) {
  if (pending.is_given_up) return;
  if (!is_about_sequences(error)) {
    if (fleet_.is_serving)
      fleet_.violations().add(
          "E1", fmt::format("an idempotent batch was answered {}", error_name(error)));
    return;
  }
  const bool is_older = pending.life != fleet_.life() && plan_.requests_in_flight_max > 1;
  if (!is_older && !fleet_.history().may_have_lost())
    fleet_.violations().add("I2", fmt::format("producer {}: {}, and nothing was lost", id_->value(),
                                              error_name(error)));
  give_up();
}

void IdempotentProducer::give_up() {
  for (const PendingPointer& pending : std::exchange(pending_, {})) pending->is_given_up = true;
  next_sequences_.clear();
  id_.reset();
}

}  // namespace gregor::sim
