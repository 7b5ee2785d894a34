#include "broker/handlers/init_producer_id.h"

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/producer_ids.h"

namespace gregor::broker {
namespace {

using Request = protocol::InitProducerIdRequest;
using Response = protocol::InitProducerIdResponse;

constexpr std::int64_t no_id = -1;
constexpr std::int16_t no_epoch = -1;

Response refused(ErrorCode error) {
  Response answer;
  answer.error_code = error;
  answer.producer_id = no_id;
  answer.producer_epoch = no_epoch;
  return answer;
}

// What is wrong with the request whatever the state is; in Kafka's order.
ErrorCode fault_of(const RequestContext& context, const Request& request) {
  const auto& name = request.transactional_id;
  if (name && !authorize(context, Action::write, ResourceType::transactional_id, *name))
    return ErrorCode::transactional_id_authorization_failed;
  if (!name && !authorize(context, Action::write, ResourceType::cluster, "kafka-cluster"))
    return ErrorCode::cluster_authorization_failed;
  // Both or none. An idempotent producer that names its old id gets a new one all the same.
  if ((request.producer_id == no_id) != (request.producer_epoch == no_epoch))
    return ErrorCode::invalid_request;
  if (!name) return ErrorCode::none;
  if (name->empty()) return ErrorCode::invalid_request;
  const std::int32_t timeout_max = context.shard.config().transaction_max_timeout_ms;
  if (request.transaction_timeout_ms <= 0 || request.transaction_timeout_ms > timeout_max)
    return ErrorCode::invalid_transaction_timeout;
  // No broker coordinates transactions yet; Kafka says so while it has no transaction topic.
  return ErrorCode::not_coordinator;
}

}  // namespace

runtime::Task<protocol::InitProducerIdResponse> InitProducerIdHandler::handle(
    RequestContext& context, protocol::InitProducerIdRequest request) {
  const ErrorCode fault = fault_of(context, request);
  if (fault != ErrorCode::none) co_return refused(fault);
  BrokerShard& home = context.shard;
  auto take = [&home] { return home.producer_ids().next(); };
  auto id = co_await runtime::call_on(home.shard(), runtime::ShardId(0), take);
  if (!id) co_return refused(id.error().code);
  Response answer;
  answer.producer_id = id->value();
  answer.producer_epoch = 0;
  co_return answer;
}

}  // namespace gregor::broker
