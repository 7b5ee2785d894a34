#include "broker/handlers/leave_group.h"

#include <string>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/groups/group_calls.h"

namespace gregor::broker {
namespace {

using Request = protocol::LeaveGroupRequest;
using Response = protocol::LeaveGroupResponse;

constexpr protocol::ApiVersion first_with_members = 3;

std::vector<group::LeavingMember> leaving_of(const RequestContext& context,
                                             const Request& request) {
  std::vector<group::LeavingMember> leaving;
  if (context.version < first_with_members) {
    leaving.push_back({std::string(request.member_id), std::nullopt, ""});
    return leaving;
  }
  for (const auto& member : request.members) {
    group::LeavingMember& one = leaving.emplace_back();
    one.member_id = member.member_id;
    if (member.group_instance_id) one.instance_id = std::string(*member.group_instance_id);
    one.reason = member.reason.value_or("");
  }
  return leaving;
}

}  // namespace

runtime::Task<protocol::LeaveGroupResponse> LeaveGroupHandler::handle(
    RequestContext& context, protocol::LeaveGroupRequest request) {
  Response response;
  if (!authorize(context, Action::read, ResourceType::group, request.group_id)) {
    response.error_code = ErrorCode::group_authorization_failed;
    co_return response;
  }
  if (request.group_id.empty()) {
    response.error_code = ErrorCode::invalid_group_id;
    co_return response;
  }
  auto leaving = leaving_of(context, request);
  const auto left =
      co_await leave_group(context, std::string(request.group_id), std::move(leaving));
  if (!left) {
    response.error_code = left.error().code;
    co_return response;
  }
  if (context.version < first_with_members) {
    response.error_code = left->front();
    co_return response;
  }
  for (std::size_t i = 0; i < left->size(); ++i) {
    const auto& member = request.members[i];
    response.members.push_back({member.member_id, member.group_instance_id, (*left)[i]});
  }
  co_return response;
}

}  // namespace gregor::broker
