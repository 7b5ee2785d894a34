#include "broker/handlers/heartbeat.h"

#include <string>
#include <utility>

#include "broker/authorizer.h"
#include "broker/groups/group_calls.h"

namespace gregor::broker {

runtime::Task<protocol::HeartbeatResponse> HeartbeatHandler::handle(
    RequestContext& context, protocol::HeartbeatRequest request) {
  protocol::HeartbeatResponse response;
  if (!authorize(context, Action::read, ResourceType::group, request.group_id)) {
    response.error_code = ErrorCode::group_authorization_failed;
    co_return response;
  }
  if (request.group_id.empty()) {
    response.error_code = ErrorCode::invalid_group_id;
    co_return response;
  }
  group::MemberClaim member;
  member.member_id = request.member_id;
  if (request.group_instance_id) member.instance_id = std::string(*request.group_instance_id);
  member.generation = request.generation_id;
  response.error_code = co_await beat(context, std::string(request.group_id), std::move(member));
  // Nobody's session ends while the partition is loaded.
  if (response.error_code == ErrorCode::coordinator_load_in_progress)
    response.error_code = ErrorCode::none;
  co_return response;
}

}  // namespace gregor::broker
