#include "broker/handlers/describe_configs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/config_resource.h"
#include "config/config_description.h"
#include "model/topic_name.h"

namespace gregor::broker {
namespace {

using config::ConfigDescription;
using config::ConfigSource;
using config::DescriptionRequest;
using Request = protocol::DescribeConfigsRequest;
using Response = protocol::DescribeConfigsResponse;
using Resource = Request::DescribeConfigsResource;
using Descriptions = Result<std::vector<ConfigDescription>>;

// Rows of all resources of one answer: more than ten thousand topics with everything. Behind that
// resources are refused, since a small request could ask for any amount.
constexpr std::size_t rows_max = 400'000;
// So many are made in one turn of the shard.
constexpr std::size_t rows_per_turn = 2000;

Descriptions describe_topic(const RequestContext& context, const Resource& asked,
                            const DescriptionRequest& wanted) {
  if (!authorize(context, Action::describe, ResourceType::topic, asked.resource_name))
    return fail(ErrorCode::topic_authorization_failed, "");
  if (auto legal = model::check_topic_name(asked.resource_name); !legal)
    return fail(std::move(legal.error()));
  const auto* topic = context.image->find(asked.resource_name);
  if (topic == nullptr) return fail(ErrorCode::unknown_topic_or_partition, "");
  return config::describe_topic_configs(context.shard.config(), *topic->configs, wanted);
}

Descriptions describe_broker(const RequestContext& context, const Resource& asked,
                             const DescriptionRequest& wanted) {
  const config::BrokerConfig& config = context.shard.config();
  if (asked.resource_name.empty()) return config::describe_default_broker_configs(config, wanted);
  if (auto own = check_broker_name(asked.resource_name, context.shard.broker_id()); !own)
    return fail(std::move(own.error()));
  return config::describe_broker_configs(config, wanted);
}

Descriptions describe_loggers(const RequestContext& context, const Resource& asked,
                              const DescriptionRequest& wanted) {
  if (asked.resource_name.empty())
    return fail(ErrorCode::invalid_request, "Broker id must not be empty");
  if (auto own = check_broker_name(asked.resource_name, context.shard.broker_id()); !own)
    return fail(std::move(own.error()));
  std::vector<ConfigDescription> rows;
  const auto& names = wanted.names;
  if (!names.empty() && std::find(names.begin(), names.end(), root_logger) == names.end())
    return rows;
  ConfigDescription root{.name = std::string(root_logger)};
  root.value = kafka_level_name(log::level());
  root.source = ConfigSource::broker_logger;
  rows.push_back(std::move(root));
  return rows;
}

Descriptions describe(const RequestContext& context, const Resource& asked,
                      const DescriptionRequest& wanted) {
  const bool is_topic = asked.resource_type == static_cast<std::int8_t>(ConfigResourceType::topic);
  if (!is_topic && !authorize(context, Action::describe, ResourceType::cluster, ""))
    return fail(ErrorCode::cluster_authorization_failed, "");
  switch (static_cast<ConfigResourceType>(asked.resource_type)) {
    case ConfigResourceType::topic:
      return describe_topic(context, asked, wanted);
    case ConfigResourceType::broker:
      return describe_broker(context, asked, wanted);
    case ConfigResourceType::broker_logger:
      return describe_loggers(context, asked, wanted);
  }
  return fail(ErrorCode::invalid_request,
              fmt::format("Unsupported resource type: {}", static_cast<int>(asked.resource_type)));
}

std::optional<std::string_view> keep(RequestContext& context, std::optional<std::string> text) {
  if (!text) return std::nullopt;
  return context.keep(std::move(*text));
}

Response::DescribeConfigsResourceResult to_row(RequestContext& context, const Request& request,
                                               ConfigDescription described) {
  Response::DescribeConfigsResourceResult row;
  row.name = context.keep(std::move(described.name));
  row.value = keep(context, std::move(described.value));
  row.read_only = described.is_read_only;
  if (context.version == 0) row.is_default = described.source == ConfigSource::default_config;
  row.config_source = static_cast<std::int8_t>(described.source);
  row.is_sensitive = described.is_sensitive;
  row.config_type = static_cast<std::int8_t>(described.type);
  row.documentation = std::nullopt;
  if (request.include_documentation) row.documentation = described.documentation;
  for (config::ConfigSynonym& synonym : described.synonyms) {
    Response::DescribeConfigsSynonym other;
    other.name = context.keep(std::move(synonym.name));
    other.value = keep(context, std::move(synonym.value));
    other.source = static_cast<std::int8_t>(synonym.source);
    row.synonyms.push_back(other);
  }
  return row;
}

}  // namespace

runtime::Task<protocol::DescribeConfigsResponse> DescribeConfigsHandler::handle(
    RequestContext& context, protocol::DescribeConfigsRequest request) {
  Response answer;
  std::size_t rows = 0;
  std::size_t turn_end = rows_per_turn;
  for (const Resource& asked : request.resources) {
    DescriptionRequest wanted{.with_synonyms = request.include_synonyms};
    if (asked.configuration_keys) wanted.names = *asked.configuration_keys;
    Response::DescribeConfigsResult result;
    result.resource_type = asked.resource_type;
    result.resource_name = asked.resource_name;
    Descriptions described = fail(ErrorCode::policy_violation, "too many resources in one request");
    if (rows < rows_max) described = describe(context, asked, wanted);
    if (described) {
      rows += described->size();
      for (ConfigDescription& each : *described)
        result.configs.push_back(to_row(context, request, std::move(each)));
    } else {
      result.error_code = described.error().code;
      result.error_message = context.keep(std::move(described.error().detail));
    }
    answer.results.push_back(std::move(result));
    if (rows < turn_end) continue;
    turn_end = rows + rows_per_turn;
    co_await runtime::sleep_until(context.shard.shard(), context.shard.shard().clock().now());
  }
  co_return answer;
}

}  // namespace gregor::broker
