#include "broker/handlers/find_coordinator.h"

namespace gregor::broker {

runtime::Task<protocol::FindCoordinatorResponse> FindCoordinatorHandler::handle(
    RequestContext& context, protocol::FindCoordinatorRequest request) {
  protocol::FindCoordinatorResponse answer;
  if (context.version < 4) {
    answer.error_code = ErrorCode::coordinator_not_available;
    answer.node_id = -1;
    answer.port = -1;
    co_return answer;
  }
  for (const std::string_view key : request.coordinator_keys) {
    protocol::FindCoordinatorResponse::Coordinator row;
    row.key = key;
    row.node_id = -1;
    row.port = -1;
    row.error_code = ErrorCode::coordinator_not_available;
    answer.coordinators.push_back(row);
  }
  co_return answer;
}

}  // namespace gregor::broker
