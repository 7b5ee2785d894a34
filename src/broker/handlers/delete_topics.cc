#include "broker/handlers/delete_topics.h"

#include <chrono>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/controller_glue.h"

namespace gregor::broker {
namespace {

using Request = protocol::DeleteTopicsRequest;
using Response = protocol::DeleteTopicsResponse;

constexpr protocol::ApiVersion ids_from_version = 6;
constexpr protocol::ApiVersion disabled_error_from_version = 3;

std::vector<controller::DeletionRequest> topics_of(const RequestContext& context,
                                                   const Request& request) {
  std::vector<controller::DeletionRequest> topics;
  if (context.version < ids_from_version) {
    for (const std::string_view name : request.topic_names)
      topics.push_back({std::string(name), {}});
    return topics;
  }
  for (const auto& topic : request.topics) {
    controller::DeletionRequest entry;
    if (topic.name) entry.name.emplace(*topic.name);
    entry.id = topic.topic_id;
    topics.push_back(std::move(entry));
  }
  return topics;
}

Response::DeletableTopicResult to_row(RequestContext& context, TopicDeleted gone) {
  Response::DeletableTopicResult row;
  row.name = std::nullopt;
  if (gone.name) row.name = context.keep(std::move(*gone.name));
  row.topic_id = gone.id;
  row.error_code = gone.error;
  if (gone.error == ErrorCode::topic_deletion_disabled &&
      context.version < disabled_error_from_version) {
    row.error_code = ErrorCode::invalid_request;
  }
  if (!gone.message.empty()) row.error_message = context.keep(std::move(gone.message));
  return row;
}

}  // namespace

runtime::Task<protocol::DeleteTopicsResponse> DeleteTopicsHandler::handle(
    RequestContext& context, protocol::DeleteTopicsRequest request) {
  BrokerShard& home = context.shard;
  std::vector<controller::DeletionRequest> topics;
  for (controller::DeletionRequest& topic : topics_of(context, request)) {
    if (authorize(context, Action::remove, ResourceType::topic, topic.name.value_or(""))) {
      topics.push_back(std::move(topic));
    }
  }
  runtime::Instant deadline = home.shard().clock().now();
  if (request.timeout_ms > 0) deadline += std::chrono::milliseconds(request.timeout_ms);
  auto remove = [&] { return home.controller().delete_topics(std::move(topics), deadline); };
  auto gone = co_await runtime::call_on(home.shard(), runtime::ShardId(0), remove);
  Response answer;
  for (TopicDeleted& topic : gone) answer.responses.push_back(to_row(context, std::move(topic)));
  co_return answer;
}

}  // namespace gregor::broker
