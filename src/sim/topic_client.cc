#include "sim/topic_client.h"

#include <fmt/format.h>

#include "protocol/create_topics.h"
#include "protocol/delete_topics.h"
#include "protocol/list_offsets.h"
#include "protocol/metadata.h"

namespace gregor::sim {
namespace {

// As the controller may wait for storage and the store.
constexpr std::int32_t timeout_ms = 20'000;
constexpr runtime::Duration change_max = std::chrono::seconds(5);
constexpr runtime::Duration propagation_max = std::chrono::seconds(1);
constexpr runtime::Duration poll_pause = std::chrono::milliseconds(5);
constexpr protocol::ApiVersion delete_by_topic_version = 6;

// What the answer says about the topic; nothing where it says nothing.
std::optional<ErrorCode> meaning(const Fleet& fleet, ErrorCode error) {
  if (error == ErrorCode::request_timed_out) return std::nullopt;
  if (error != ErrorCode::none && !fleet.is_serving) return std::nullopt;
  return error;
}

bool has_leaders(const protocol::MetadataResponse::MetadataResponseTopic& topic) {
  for (const auto& partition : topic.partitions) {
    if (partition.error_code != ErrorCode::none || partition.leader_id < 0) return false;
  }
  return topic.error_code == ErrorCode::none;
}

}  // namespace

runtime::Task<std::optional<ErrorCode>> create_topic(Fleet& fleet,
                                                     ClientConnection::Pointer connection,
                                                     TopicOrder order,
                                                     protocol::ApiVersion version) {
  protocol::CreateTopicsRequest request;
  request.timeout_ms = timeout_ms;
  protocol::CreateTopicsRequest::CreatableTopic topic;
  topic.name = order.name;
  topic.num_partitions = order.partitions;
  topic.replication_factor = 1;
  for (const auto& [key, value] : order.configs) {
    protocol::CreateTopicsRequest::CreatableTopicConfig config;
    config.name = key;
    config.value = value;
    topic.configs.push_back(config);
  }
  request.topics.push_back(std::move(topic));
  fleet.topics().create_sent(order.name, order.partitions);
  auto reply = co_await fleet.call<protocol::CreateTopics>(connection, std::move(request), version,
                                                           change_max);
  std::optional<ErrorCode> error;
  if (reply && reply->body.topics.size() == 1)
    error = meaning(fleet, reply->body.topics[0].error_code);
  fleet.topics().create_answered(order.name, error);
  co_return error;
}

runtime::Task<std::optional<ErrorCode>> delete_topic(Fleet& fleet,
                                                     ClientConnection::Pointer connection,
                                                     std::string name,
                                                     protocol::ApiVersion version) {
  protocol::DeleteTopicsRequest request;
  request.timeout_ms = timeout_ms;
  if (version >= delete_by_topic_version) {
    protocol::DeleteTopicsRequest::DeleteTopicState topic;
    topic.name = std::string_view(name);
    request.topics.push_back(topic);
  } else {
    request.topic_names.push_back(name);
  }
  fleet.topics().delete_sent(name);
  auto reply = co_await fleet.call<protocol::DeleteTopics>(connection, std::move(request), version,
                                                           change_max);
  std::optional<ErrorCode> error;
  if (reply && reply->body.responses.size() == 1)
    error = meaning(fleet, reply->body.responses[0].error_code);
  fleet.topics().delete_answered(name, error);
  co_return error;
}

runtime::Task<std::optional<std::vector<SeenTopic>>> list_topics(
    Fleet& fleet, ClientConnection::Pointer connection, MetadataOrder order) {
  protocol::MetadataRequest request;
  request.allow_auto_topic_creation = order.makes_topic;
  request.topics = std::nullopt;
  if (order.name) {
    protocol::MetadataRequest::MetadataRequestTopic topic;
    topic.name = std::string_view(*order.name);
    request.topics.emplace();
    request.topics->push_back(topic);
  }
  auto reply = co_await fleet.call<protocol::Metadata>(connection, std::move(request),
                                                       order.version, fleet.settings().slack);
  if (!reply) co_return std::nullopt;
  std::vector<SeenTopic> topics;
  for (const auto& topic : reply->body.topics) {
    if (!has_leaders(topic) || !topic.name || topic.is_internal) continue;
    topics.push_back({std::string(*topic.name), topic.topic_id,
                      static_cast<std::int32_t>(topic.partitions.size())});
  }
  co_return topics;
}

runtime::Task<std::optional<SeenTopic>> await_topic(Fleet& fleet,
                                                    ClientConnection::Pointer connection,
                                                    std::string name, bool is_wanted) {
  const runtime::Instant deadline = fleet.now() + propagation_max;
  for (;;) {
    MetadataOrder order;
    order.name = name;
    auto topics = co_await list_topics(fleet, connection, std::move(order));
    if (!topics) co_return std::nullopt;
    const bool is_last = fleet.now() >= deadline;
    if (!topics->empty() && (is_wanted || is_last)) {
      fleet.topics().see(topics->front());
      co_return topics->front();
    }
    if (topics->empty() && (!is_wanted || is_last)) {
      if (fleet.is_serving) fleet.topics().see_absence(name);
      co_return std::nullopt;
    }
    const runtime::Instant next = fleet.now() + poll_pause;
    co_await runtime::sleep_until(fleet.shard(), next);
  }
}

runtime::Task<std::optional<std::pair<model::Offset, model::TimestampMs>>> list_offset(
    Fleet& fleet, ClientConnection::Pointer connection, OffsetQuestion question,
    protocol::ApiVersion version) {
  protocol::ListOffsetsRequest request;
  request.replica_id = -1;
  protocol::ListOffsetsRequest::ListOffsetsTopic topic;
  topic.name = question.topic;
  protocol::ListOffsetsRequest::ListOffsetsPartition partition;
  partition.partition_index = question.where.partition;
  partition.timestamp = question.timestamp;
  topic.partitions.push_back(partition);
  request.topics.push_back(std::move(topic));
  const ReadMark mark = fleet.history().partition(question.where).mark();
  auto reply = co_await fleet.call<protocol::ListOffsets>(connection, std::move(request), version,
                                                          fleet.settings().slack);
  if (!reply) co_return std::nullopt;
  if (reply->body.topics.size() != 1 || reply->body.topics[0].partitions.size() != 1) {
    fleet.violations().add("L4", fmt::format("ListOffsets: no answer for {}", question.topic));
    co_return std::nullopt;
  }
  const auto& row = reply->body.topics[0].partitions[0];
  if (row.error_code != ErrorCode::none) {
    if (fleet.is_serving) {
      fleet.violations().add("E1", fmt::format("{}-{}: ListOffsets({}) was answered {}",
                                               question.topic, question.where.partition,
                                               question.timestamp, error_name(row.error_code)));
    }
    co_return std::nullopt;
  }
  const model::Offset offset(row.offset);
  // Right after a restart nothing is known of what is left; the caller tells the history.
  if (question.timestamp == latest_offset && fleet.is_open())
    fleet.history().partition(question.where).see_latest(mark, offset);
  co_return std::pair(offset, model::TimestampMs(row.timestamp));
}

}  // namespace gregor::sim
