#include "broker/handlers/describe_topic_partitions.h"

#include <algorithm>
#include <utility>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/topic_page.h"
#include "model/topic_name.h"

namespace gregor::broker {
namespace {

using Request = protocol::DescribeTopicPartitionsRequest;
using Response = protocol::DescribeTopicPartitionsResponse;
using TopicRow = Response::DescribeTopicPartitionsResponseTopic;
using PartitionRow = Response::DescribeTopicPartitionsResponsePartition;

// Source: Apache Kafka's default of max.request.partition.size.limit.
constexpr std::int32_t partitions_max = 2000;

std::vector<std::int32_t> numbers(const std::vector<model::BrokerId>& ids) {
  std::vector<std::int32_t> out;
  out.reserve(ids.size());
  for (const model::BrokerId id : ids) out.push_back(id.value());
  return out;
}

PartitionRow partition_row(const model::ClusterImage& image, const model::TopicImage& topic,
                           std::size_t index) {
  const model::PartitionImage& partition = topic.partitions[index];
  PartitionRow row;
  row.partition_index = static_cast<std::int32_t>(index);
  row.leader_id = partition.leader.value();
  row.leader_epoch = partition.leader_epoch.value();
  if (partition.leader.value() < 0) row.error_code = ErrorCode::leader_not_available;
  row.replica_nodes = numbers(partition.replicas);
  row.isr_nodes = numbers(partition.isr);
  row.eligible_leader_replicas.emplace();
  row.last_known_elr.emplace();
  for (const model::BrokerId id : partition.replicas) {
    if (image.broker(id) == nullptr) row.offline_replicas.push_back(id.value());
  }
  return row;
}

TopicRow topic_row(const model::ClusterImage& image, const TopicPage::Row& page) {
  TopicRow row;
  row.name = page.topic;
  row.topic_authorized_operations = all_topic_operations;
  if (!page.is_known) {
    row.error_code = model::check_topic_name(page.topic).has_value()
                         ? ErrorCode::unknown_topic_or_partition
                         : ErrorCode::invalid_topic_exception;
    return row;
  }
  const model::TopicImage& topic = *image.find(page.topic);
  row.topic_id = topic.id;
  row.is_internal = model::is_internal_topic(topic.name);
  row.partitions.reserve(page.end - page.first);
  for (std::size_t i = page.first; i < page.end; ++i)
    row.partitions.push_back(partition_row(image, topic, i));
  return row;
}

// The cursor names a topic of the list and a partition.
bool is_refused(const Request& request) {
  if (!request.cursor) return false;
  if (request.cursor->partition_index < 0) return true;
  const auto is_cursor = [&](const Request::TopicRequest& topic) {
    return topic.name == request.cursor->topic_name;
  };
  return !request.topics.empty() &&
         std::none_of(request.topics.begin(), request.topics.end(), is_cursor);
}

Response refused(const Request& request) {
  Response answer;
  for (const auto& topic : request.topics) {
    TopicRow row;
    row.name = topic.name;
    row.error_code = ErrorCode::invalid_request;
    answer.topics.push_back(std::move(row));
  }
  return answer;
}

std::vector<std::string_view> names_of(const RequestContext& context, const Request& request,
                                       Response& answer) {
  std::vector<std::string_view> names;
  const auto add = [&](std::string_view name) {
    const bool may = authorize(context, Action::describe, ResourceType::topic, name);
    if (may) names.push_back(name);
    return may;
  };
  if (request.topics.empty()) {
    context.image->for_each_topic([&](const model::TopicImage& topic) { add(topic.name); });
  }
  for (const auto& topic : request.topics) {
    if (add(topic.name)) continue;
    TopicRow row;
    row.name = topic.name;
    row.error_code = ErrorCode::topic_authorization_failed;
    answer.topics.push_back(std::move(row));
  }
  return names;
}

}  // namespace

runtime::Task<protocol::DescribeTopicPartitionsResponse> DescribeTopicPartitionsHandler::handle(
    RequestContext& context, protocol::DescribeTopicPartitionsRequest request) {
  if (is_refused(request)) co_return refused(request);
  Response answer;
  const model::ClusterImage& image = *context.image;
  PageRequest wanted;
  wanted.topics = names_of(context, request, answer);
  wanted.partitions_max = static_cast<std::size_t>(
      std::clamp(request.response_partition_limit, std::int32_t{1}, partitions_max));
  if (request.cursor)
    wanted.from = PageCursor{request.cursor->topic_name, request.cursor->partition_index};
  const PartitionCount count_of = [&image](std::string_view name) -> std::optional<std::size_t> {
    const model::TopicImage* topic = image.find(name);
    return topic == nullptr ? std::nullopt : std::optional(topic->partitions.size());
  };
  const TopicPage page = make_topic_page(std::move(wanted), count_of);
  for (const TopicPage::Row& row : page.rows) answer.topics.push_back(topic_row(image, row));
  if (page.next) {
    Response::Cursor& next = answer.next_cursor.emplace();
    next.topic_name = page.next->topic;
    next.partition_index = page.next->partition;
  }
  co_return answer;
}

}  // namespace gregor::broker
