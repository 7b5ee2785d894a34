#include "broker/handlers/find_coordinator.h"

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/groups/group_coordinator.h"
#include "model/topic_name.h"

namespace gregor::broker {
namespace {

using Response = protocol::FindCoordinatorResponse;

// Types of keys.
constexpr std::int8_t group_key = 0;
constexpr std::int8_t transaction_key = 1;

constexpr protocol::ApiVersion many_keys_from_version = 4;

struct Found {
  ErrorCode error = ErrorCode::none;
  std::int32_t node = -1;
  std::string_view host;
  std::int32_t port = -1;
};

void make_offsets_topic(RequestContext& context) {
  BrokerShard* first = &context.shard.peer(runtime::ShardId(0));
  first->shard().post([first] { first->group_coordinator().want_topic(); });
}

Found refused(ErrorCode error) {
  Found found;
  found.error = error;
  return found;
}

Found find_group(RequestContext& context, std::string_view id) {
  if (!authorize(context, Action::describe, ResourceType::group, id))
    return refused(ErrorCode::group_authorization_failed);
  if (context.image->find(model::consumer_offsets_topic) == nullptr) {
    make_offsets_topic(context);
    return refused(ErrorCode::coordinator_not_available);
  }
  const GroupPlace place = GroupCoordinator::place_of(context.shard, id);
  const model::PartitionImage* partition =
      context.image->find(model::consumer_offsets_topic, model::PartitionIndex(place.partition));
  if (partition == nullptr) return refused(ErrorCode::coordinator_not_available);
  const model::BrokerImage* broker = context.image->broker(partition->leader);
  const model::BrokerEndpoint* endpoint =
      broker == nullptr ? nullptr : broker->endpoint(context.connection.listener);
  if (endpoint == nullptr) return refused(ErrorCode::coordinator_not_available);
  return {ErrorCode::none, broker->id.value(), endpoint->host, endpoint->port};
}

Found find(RequestContext& context, std::int8_t type, std::string_view key) {
  if (type == group_key) return find_group(context, key);
  if (type == transaction_key) return refused(ErrorCode::coordinator_not_available);
  return refused(ErrorCode::invalid_request);
}

// Versions 1 to 3 carry a text, also when all is well; later ones only where the type of key is
// unknown. Source: Apache Kafka's answers.
std::string_view message_of(ErrorCode error) {
  switch (error) {
    case ErrorCode::none:
      return "NONE";
    case ErrorCode::coordinator_not_available:
      return "The coordinator is not available.";
    case ErrorCode::group_authorization_failed:
      return "Group authorization failed.";
    default:
      return "This most likely occurs because of a request being malformed by the client library "
             "or the message was sent to an incompatible broker. See the broker logs for more "
             "details.";
  }
}

}  // namespace

runtime::Task<protocol::FindCoordinatorResponse> FindCoordinatorHandler::handle(
    RequestContext& context, protocol::FindCoordinatorRequest request) {
  Response answer;
  if (context.version < many_keys_from_version) {
    const Found found = find(context, request.key_type, request.key);
    answer.error_code = found.error;
    if (context.version > 0) answer.error_message = message_of(found.error);
    answer.node_id = found.node;
    answer.host = found.host;
    answer.port = found.port;
    co_return answer;
  }
  for (const std::string_view key : request.coordinator_keys) {
    const Found found = find(context, request.key_type, key);
    Response::Coordinator row;
    row.key = key;
    row.error_code = found.error;
    if (found.error == ErrorCode::invalid_request) row.error_message = message_of(found.error);
    row.node_id = found.node;
    row.host = found.host;
    row.port = found.port;
    answer.coordinators.push_back(row);
  }
  co_return answer;
}

}  // namespace gregor::broker
