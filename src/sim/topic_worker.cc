#include "sim/topic_worker.h"

#include <fmt/format.h>

#include <utility>

namespace gregor::sim {
namespace {

constexpr std::uint64_t names = 2;
constexpr std::string_view automatic_prefix = "automatic-";
constexpr double automatic_share = 0.3;
constexpr int automatic_tries = 5;
constexpr std::uint64_t partitions_max = 3;
constexpr protocol::ApiVersion create_version_highest = 7;
constexpr protocol::ApiVersion delete_version_highest = 6;
constexpr std::uint64_t pause_max_us = 60'000;

ProducerPlan make_plan(std::uint32_t number) {
  ProducerPlan plan;
  plan.number = number;
  plan.records_max = 5;
  plan.payload_bytes_max = 200;
  return plan;
}

}  // namespace

TopicWorker::TopicWorker(Fleet& fleet, std::uint32_t number)
    : fleet_(fleet),
      numbers_(fleet.split("topic worker")),
      maker_(make_plan(number), fleet.settings().batch_bytes_max,
             fleet.split("batches of the topic worker")) {}

runtime::Task<void> TopicWorker::run() {
  return fleet_.keep_using(
      [this](ClientConnection::Pointer connection) { return use(std::move(connection)); });
}

runtime::Task<void> TopicWorker::use(ClientConnection::Pointer connection) {
  while (fleet_.is_open() && connection->is_open()) {
    const bool is_automatic = fleet_.settings().makes_topics && numbers_.chance(automatic_share);
    std::string name =
        fmt::format("{}{}", is_automatic ? automatic_prefix : "scratch-", numbers_.below(names));
    const bool is_good = co_await work_on(connection, std::move(name));
    if (!is_good) break;
    const runtime::Instant next =
        fleet_.now() + std::chrono::microseconds(numbers_.below(pause_max_us));
    co_await runtime::sleep_until(fleet_.shard(), next);
  }
  connection->close();
}

runtime::Task<bool> TopicWorker::work_on(ClientConnection::Pointer connection, std::string name) {
  if (fleet_.topics().is_deleting(name)) co_return co_await remove(connection, name);
  const bool is_new = !fleet_.topics().must_exist(name);
  auto topic = co_await make(connection, name);
  if (!topic) co_return false;
  const bool was_read = co_await read_back(connection, *topic);
  if (!was_read) co_return false;
  if (is_new && fleet_.history().partition({topic->id, 0}).known_end() > model::Offset(0)) {
    fleet_.violations().add("C10", fmt::format("{} was just made and is not empty", name));
  }
  const bool was_filled = co_await fill(connection, *topic);
  if (!was_filled) co_return false;
  const bool is_there = co_await read_back(connection, *topic);
  if (!is_there) co_return false;
  if (numbers_.chance(0.4)) co_return true;
  co_return co_await remove(connection, name);
}

runtime::Task<std::optional<SeenTopic>> TopicWorker::make(ClientConnection::Pointer connection,
                                                          std::string name) {
  const bool is_new = !fleet_.topics().must_exist(name);
  const bool is_automatic = name.starts_with(automatic_prefix);
  if (is_new && is_automatic) {
    co_await ask_for(connection, name);
  } else if (is_new) {
    TopicOrder order;
    order.name = name;
    // The same number each time: a creation that was not answered may have happened.
    order.partitions = static_cast<std::int32_t>(1 + name.back() % partitions_max);
    const auto version =
        static_cast<protocol::ApiVersion>(numbers_.between(0, create_version_highest));
    co_await create_topic(fleet_, connection, std::move(order), version);
    if (!fleet_.topics().must_exist(name)) co_return std::nullopt;
  }
  std::optional<SeenTopic> topic;
  for (int i = 0; i < (is_automatic ? automatic_tries : 1) && !topic; ++i) {
    topic = co_await await_topic(fleet_, connection, name, true);
    if (!connection->is_open()) break;
  }
  if (!topic) {
    if (is_automatic && fleet_.is_serving && connection->is_open()) {
      fleet_.violations().add("C6", fmt::format("{} was asked for and is not made", name));
    }
    co_return std::nullopt;
  }
  if (is_new) ++fleet_.counts().topics_made;
  fleet_.history().add_topic(topic->id, topic->name, topic->partitions);
  co_return topic;
}

// Metadata of an unknown topic makes it; the answer does not say so.
runtime::Task<void> TopicWorker::ask_for(ClientConnection::Pointer connection, std::string name) {
  fleet_.topics().create_sent(name, 1);
  MetadataOrder order;
  order.name = name;
  order.makes_topic = true;
  co_await list_topics(fleet_, connection, std::move(order));
  fleet_.topics().create_answered(name, std::nullopt);
}

runtime::Task<bool> TopicWorker::remove(ClientConnection::Pointer connection, std::string name) {
  const auto version =
      static_cast<protocol::ApiVersion>(numbers_.between(0, delete_version_highest));
  auto error = co_await delete_topic(fleet_, connection, name, version);
  if (!error || fleet_.topics().is_deleting(name)) co_return false;
  ++fleet_.counts().topics_deleted;
  co_await await_topic(fleet_, connection, name, false);
  co_return connection->is_open();
}

runtime::Task<bool> TopicWorker::fill(ClientConnection::Pointer connection, SeenTopic topic) {
  const std::uint64_t count = numbers_.between(0, 4);
  for (std::uint64_t i = 0; i < count; ++i) {
    ProduceOrder order;
    order.connection = connection;
    order.version = static_cast<protocol::ApiVersion>(numbers_.between(3, 13));
    for (std::int32_t partition = 0; partition < topic.partitions; ++partition) {
      const ProducerTarget target{topic.name, {{topic.id, partition}}};
      order.batches.push_back(maker_.make(target.batch, fleet_.shard().clock().wall_ms()));
      order.targets.push_back(target);
    }
    const bool is_good = co_await produce(fleet_, std::move(order));
    if (!is_good) co_return false;
  }
  co_return true;
}

runtime::Task<bool> TopicWorker::read_back(ClientConnection::Pointer connection, SeenTopic topic) {
  for (std::int32_t partition = 0; partition < topic.partitions; ++partition) {
    FetchPosition position{topic.name, {topic.id, partition}, model::Offset(0)};
    for (;;) {
      FetchOrder order;
      order.connection = connection;
      order.positions.push_back(position);
      order.version = static_cast<protocol::ApiVersion>(
          numbers_.between(fetch_version_lowest, fetch_version_highest));
      const FetchOutcome outcome = co_await fetch(fleet_, std::move(order));
      if (!outcome.is_good) co_return false;
      const auto next = outcome.next.find(position.where);
      if (next == outcome.next.end()) break;
      position.from = next->second;
    }
  }
  co_return true;
}

}  // namespace gregor::sim
