#include "broker/handlers/create_topics.h"

#include <chrono>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/controller_glue.h"
#include "config/topic_config_rules.h"

namespace gregor::broker {
namespace {

using Request = protocol::CreateTopicsRequest;
using Response = protocol::CreateTopicsResponse;

constexpr protocol::ApiVersion configs_from_version = 5;

controller::TopicRequest to_topic(const Request::CreatableTopic& asked) {
  controller::TopicRequest topic;
  topic.name = asked.name;
  topic.partitions = asked.num_partitions;
  topic.replication_factor = asked.replication_factor;
  for (const auto& assignment : asked.assignments) {
    topic.assignments.push_back({assignment.partition_index, assignment.broker_ids});
  }
  for (const auto& config : asked.configs) {
    std::optional<std::string> value;
    if (config.value) value.emplace(*config.value);
    topic.configs.emplace_back(std::string(config.name), std::move(value));
  }
  return topic;
}

void list_configs(RequestContext& context, const model::ConfigEntries& own,
                  Response::CreatableTopicResult& row) {
  auto& configs = row.configs.emplace();
  for (config::TopicConfigEntry& entry : config::list_topic_configs(context.shard.config(), own)) {
    Response::CreatableTopicConfigs config;
    config.name = context.keep(std::move(entry.name));
    config.value = context.keep(std::move(entry.value));
    config.read_only = entry.is_read_only;
    config.is_sensitive = entry.is_sensitive;
    config.config_source = static_cast<std::int8_t>(entry.source);
    configs.push_back(config);
  }
}

Response::CreatableTopicResult to_row(RequestContext& context, TopicCreated made) {
  Response::CreatableTopicResult row;
  row.name = context.keep(std::move(made.name));
  row.error_code = made.error;
  row.error_message = std::nullopt;
  if (!made.message.empty()) row.error_message = context.keep(std::move(made.message));
  if (made.error != ErrorCode::none) {
    row.configs.emplace();
    return row;
  }
  row.topic_id = made.id;
  row.num_partitions = made.partitions;
  row.replication_factor = made.replication_factor;
  if (context.version >= configs_from_version) list_configs(context, made.configs, row);
  return row;
}

}  // namespace

runtime::Task<protocol::CreateTopicsResponse> CreateTopicsHandler::handle(
    RequestContext& context, protocol::CreateTopicsRequest request) {
  BrokerShard& home = context.shard;
  std::vector<controller::TopicRequest> topics;
  Response answer;
  for (const auto& topic : request.topics) {
    if (authorize(context, Action::create, ResourceType::topic, topic.name))
      topics.push_back(to_topic(topic));
  }
  if (const auto refusal = home.creation_refusal(); refusal && !request.validate_only) {
    for (controller::TopicRequest& topic : topics) {
      TopicCreated refused;
      refused.name = std::move(topic.name);
      refused.error = refusal->code;
      refused.message = refusal->detail;
      answer.topics.push_back(to_row(context, std::move(refused)));
    }
    co_return answer;
  }
  CreateOptions options;
  options.validate_only = request.validate_only;
  options.deadline = home.shard().clock().now();
  if (request.timeout_ms > 0) options.deadline += std::chrono::milliseconds(request.timeout_ms);
  auto create = [&] { return home.controller().create_topics(std::move(topics), options); };
  auto made = co_await runtime::call_on(home.shard(), runtime::ShardId(0), create);
  for (TopicCreated& topic : made) answer.topics.push_back(to_row(context, std::move(topic)));
  co_return answer;
}

}  // namespace gregor::broker
