#include "broker/handlers/metadata.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/controller_glue.h"
#include "broker/groups/offsets_topic.h"
#include "model/topic_name.h"

namespace gregor::broker {
namespace {

using Request = protocol::MetadataRequest;
using Response = protocol::MetadataResponse;

constexpr std::chrono::seconds auto_create_wait{5};

void add_brokers(const RequestContext& context, Response& answer) {
  for (const auto& [id, broker] : context.image->brokers()) {
    const model::BrokerEndpoint* endpoint = broker.endpoint(context.connection.listener);
    if (endpoint == nullptr) continue;
    Response::MetadataResponseBroker row;
    row.node_id = id.value();
    row.host = endpoint->host;
    row.port = endpoint->port;
    if (broker.rack) row.rack = *broker.rack;
    answer.brokers.push_back(row);
  }
  answer.cluster_id = context.image->cluster_id();
  answer.controller_id = context.image->controller().value();
}

std::vector<std::int32_t> numbers(const std::vector<model::BrokerId>& ids) {
  std::vector<std::int32_t> out;
  out.reserve(ids.size());
  for (const model::BrokerId id : ids) out.push_back(id.value());
  return out;
}

Response::MetadataResponsePartition partition_row(const model::ClusterImage& image,
                                                  std::size_t index,
                                                  const model::PartitionImage& partition) {
  Response::MetadataResponsePartition row;
  row.partition_index = static_cast<std::int32_t>(index);
  row.leader_id = partition.leader.value();
  row.leader_epoch = partition.leader_epoch.value();
  if (partition.leader.value() < 0) row.error_code = ErrorCode::leader_not_available;
  row.replica_nodes = numbers(partition.replicas);
  row.isr_nodes = numbers(partition.isr);
  for (const model::BrokerId id : partition.replicas) {
    if (image.broker(id) == nullptr) row.offline_replicas.push_back(id.value());
  }
  return row;
}

Response::MetadataResponseTopic topic_row(const model::ClusterImage& image,
                                          const model::TopicImage& topic, const Request& request) {
  Response::MetadataResponseTopic row;
  row.name = std::string_view(topic.name);
  row.topic_id = topic.id;
  row.is_internal = model::is_internal_topic(topic.name);
  row.partitions.reserve(topic.partitions.size());
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    row.partitions.push_back(partition_row(image, i, topic.partitions[i]));
  }
  if (request.include_topic_authorized_operations)
    row.topic_authorized_operations = all_topic_operations;
  return row;
}

Response::MetadataResponseTopic error_row(ErrorCode error, std::optional<std::string_view> name,
                                          const model::Uuid& id) {
  Response::MetadataResponseTopic row;
  row.error_code = error;
  row.name = name;
  row.topic_id = id;
  return row;
}

// Makes the topics with the default settings; what could not be made is answered as unknown or with
// its error.
runtime::Task<std::vector<TopicCreated>> auto_create(BrokerShard& shard,
                                                     std::vector<std::string> names) {
  if (const auto refusal = shard.creation_refusal()) {
    std::vector<TopicCreated> refused(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      refused[i].name = std::move(names[i]);
      refused[i].error = refusal->code;
      refused[i].message = refusal->detail;
    }
    co_return refused;
  }
  std::vector<controller::TopicRequest> wanted;
  for (std::string& name : names) {
    if (name == model::consumer_offsets_topic) {
      wanted.push_back(offsets_topic(shard.config(), shard.image()->brokers().size()));
      continue;
    }
    controller::TopicRequest topic;
    topic.name = std::move(name);
    wanted.push_back(std::move(topic));
  }
  CreateOptions options;
  options.deadline = shard.shard().clock().now() + auto_create_wait;
  auto create = [&] { return shard.controller().create_topics(std::move(wanted), options); };
  co_return co_await runtime::call_on(shard.shard(), runtime::ShardId(0), create);
}

struct Wanted {
  std::vector<std::string_view> names;  // distinct, in the order of the request
  std::vector<model::Uuid> ids;
};

Wanted wanted_of(const std::vector<Request::MetadataRequestTopic>& topics) {
  Wanted wanted;
  std::set<std::string_view> seen;
  for (const auto& topic : topics) {
    if (!topic.topic_id.is_zero()) {
      wanted.ids.push_back(topic.topic_id);
    } else if (topic.name && seen.insert(*topic.name).second) {
      wanted.names.push_back(*topic.name);
    }
  }
  // Ids and names in one request: only the ids are answered, as in Kafka.
  if (!wanted.ids.empty()) wanted.names.clear();
  return wanted;
}

void add_by_id(const RequestContext& context, const Request& request, const Wanted& wanted,
               Response& answer) {
  for (const model::Uuid& id : wanted.ids) {
    const model::TopicImage* topic = context.image->find(id);
    answer.topics.push_back(topic != nullptr
                                ? topic_row(*context.image, *topic, request)
                                : error_row(ErrorCode::unknown_topic_id, std::nullopt, id));
  }
}

std::map<std::string, ErrorCode, std::less<>> outcomes(std::vector<TopicCreated> made) {
  std::map<std::string, ErrorCode, std::less<>> by_name;
  for (TopicCreated& topic : made) by_name.emplace(std::move(topic.name), topic.error);
  return by_name;
}

ErrorCode auto_create_error(ErrorCode made) {
  const bool is_refused =
      made == ErrorCode::invalid_topic_exception || made == ErrorCode::policy_violation;
  return is_refused ? made : ErrorCode::leader_not_available;
}

bool may_create(const RequestContext& context, const Request& request) {
  const bool asked = context.version < 4 || request.allow_auto_topic_creation;
  return asked && context.shard.config().auto_create_topics_enable;
}

runtime::Task<std::map<std::string, ErrorCode, std::less<>>> create_missing(
    RequestContext& context, const std::vector<std::string_view>& names) {
  std::vector<std::string> missing;
  for (const std::string_view name : names) {
    if (context.image->find(name) == nullptr && model::check_topic_name(name).has_value())
      missing.emplace_back(name);
  }
  if (missing.empty()) co_return std::map<std::string, ErrorCode, std::less<>>{};
  auto made = co_await auto_create(context.shard, std::move(missing));
  context.image = context.shard.image();
  co_return outcomes(std::move(made));
}

runtime::Task<void> add_by_name(RequestContext& context, const Request& request,
                                const Wanted& wanted, Response& answer) {
  std::map<std::string, ErrorCode, std::less<>> made;
  if (may_create(context, request)) made = co_await create_missing(context, wanted.names);
  for (const std::string_view name : wanted.names) {
    if (const model::TopicImage* topic = context.image->find(name)) {
      answer.topics.push_back(topic_row(*context.image, *topic, request));
    } else if (!model::check_topic_name(name).has_value()) {
      answer.topics.push_back(error_row(ErrorCode::invalid_topic_exception, name, {}));
    } else {
      auto found = made.find(name);
      const ErrorCode error = found == made.end() ? ErrorCode::unknown_topic_or_partition
                                                  : auto_create_error(found->second);
      answer.topics.push_back(error_row(error, name, {}));
    }
  }
}

bool asks_for_all(const RequestContext& context, const Request& request) {
  return !request.topics || (context.version == 0 && request.topics->empty());
}

// Versions 10 and 11 carry ids in the request, but asking by them is only possible from 12 on.
bool is_refused(const RequestContext& context, const Request& request) {
  if (asks_for_all(context, request)) return false;
  for (const auto& topic : *request.topics) {
    if (context.version < 12 && (!topic.topic_id.is_zero() || !topic.name)) return true;
    if (context.version >= 12 && topic.topic_id.is_zero() && !topic.name) return true;
  }
  return false;
}

Response refused(const RequestContext& context, const Request& request) {
  Response answer;
  const ErrorCode error =
      context.version < 12 ? ErrorCode::invalid_request : ErrorCode::unknown_server_error;
  for (const auto& topic : *request.topics) {
    answer.topics.push_back(error_row(error, topic.name.value_or(""), topic.topic_id));
  }
  return answer;
}

}  // namespace

runtime::Task<protocol::MetadataResponse> MetadataHandler::handle(
    RequestContext& context, protocol::MetadataRequest request) {
  if (is_refused(context, request)) co_return refused(context, request);
  Response answer;
  if (asks_for_all(context, request)) {
    context.image->for_each_topic([&](const model::TopicImage& topic) {
      if (authorize(context, Action::describe, ResourceType::topic, topic.name)) {
        answer.topics.push_back(topic_row(*context.image, topic, request));
      }
    });
  } else {
    const Wanted wanted = wanted_of(*request.topics);
    add_by_id(context, request, wanted, answer);
    co_await add_by_name(context, request, wanted, answer);
  }
  add_brokers(context, answer);
  if (request.include_cluster_authorized_operations)
    answer.cluster_authorized_operations = all_cluster_operations;
  co_return answer;
}

}  // namespace gregor::broker
