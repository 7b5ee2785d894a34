#include "broker/handlers/create_partitions.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/controller_glue.h"

namespace gregor::broker {
namespace {

using Request = protocol::CreatePartitionsRequest;
using Response = protocol::CreatePartitionsResponse;

controller::PartitionsRequest to_request(const Request::CreatePartitionsTopic& asked) {
  controller::PartitionsRequest topic;
  topic.name = asked.name;
  topic.count = asked.count;
  if (!asked.assignments) return topic;
  auto& assignments = topic.assignments.emplace();
  for (const auto& assignment : *asked.assignments) assignments.push_back(assignment.broker_ids);
  return topic;
}

}  // namespace

runtime::Task<protocol::CreatePartitionsResponse> CreatePartitionsHandler::handle(
    RequestContext& context, protocol::CreatePartitionsRequest request) {
  BrokerShard& home = context.shard;
  Response answer;
  std::vector<controller::PartitionsRequest> topics;
  for (const auto& topic : request.topics) {
    if (authorize(context, Action::alter, ResourceType::topic, topic.name)) {
      topics.push_back(to_request(topic));
      continue;
    }
    Response::CreatePartitionsTopicResult refused;
    refused.name = topic.name;
    refused.error_code = ErrorCode::topic_authorization_failed;
    answer.results.push_back(refused);
  }
  if (const auto refusal = home.creation_refusal(); refusal && !request.validate_only) {
    for (const auto& topic : topics) {
      Response::CreatePartitionsTopicResult row;
      row.name = context.keep(topic.name);
      row.error_code = refusal->code;
      row.error_message = context.keep(refusal->detail);
      answer.results.push_back(row);
    }
    co_return answer;
  }
  CreateOptions options;
  options.validate_only = request.validate_only;
  options.deadline = home.shard().clock().now();
  if (request.timeout_ms > 0) options.deadline += std::chrono::milliseconds(request.timeout_ms);
  auto create = [&] { return home.controller().create_partitions(std::move(topics), options); };
  auto made = co_await runtime::call_on(home.shard(), runtime::ShardId(0), create);
  for (PartitionsCreated& topic : made) {
    Response::CreatePartitionsTopicResult row;
    row.name = context.keep(std::move(topic.name));
    row.error_code = topic.error;
    if (!topic.message.empty()) row.error_message = context.keep(std::move(topic.message));
    answer.results.push_back(row);
  }
  co_return answer;
}

}  // namespace gregor::broker
