#include "broker/handlers/describe_cluster.h"

#include <string>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"

namespace gregor::broker {
namespace {

using Response = protocol::DescribeClusterResponse;

enum EndpointType : std::int8_t { brokers = 1, controllers = 2 };

Response refused(RequestContext& context, std::int8_t endpoint_type) {
  Response answer;
  if (endpoint_type == controllers) {
    answer.error_code = ErrorCode::mismatched_endpoint_type;
    answer.error_message =
        "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type "
        "CONTROLLER";
  } else {
    answer.error_code = ErrorCode::unsupported_endpoint_type;
    answer.error_message =
        context.keep("Unsupported endpoint type " + std::to_string(int{endpoint_type}));
  }
  return answer;
}

}  // namespace

runtime::Task<protocol::DescribeClusterResponse> DescribeClusterHandler::handle(
    RequestContext& context, protocol::DescribeClusterRequest request) {
  if (context.version >= 1 && request.endpoint_type != brokers)
    co_return refused(context, request.endpoint_type);
  Response answer;
  answer.cluster_id = context.image->cluster_id();
  answer.controller_id = context.image->controller().value();
  for (const auto& [id, broker] : context.image->brokers()) {
    const model::BrokerEndpoint* endpoint = broker.endpoint(context.connection.listener);
    if (endpoint == nullptr) continue;
    Response::DescribeClusterBroker row;
    row.broker_id = id.value();
    row.host = endpoint->host;
    row.port = endpoint->port;
    if (broker.rack) row.rack = *broker.rack;
    answer.brokers.push_back(row);
  }
  if (request.include_cluster_authorized_operations)
    answer.cluster_authorized_operations = all_cluster_operations;
  co_return answer;
}

}  // namespace gregor::broker
