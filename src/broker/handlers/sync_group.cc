#include "broker/handlers/sync_group.h"

#include <string>
#include <utility>

#include "broker/authorizer.h"
#include "broker/groups/group_calls.h"

namespace gregor::broker {
namespace {

using Request = protocol::SyncGroupRequest;
using Response = protocol::SyncGroupResponse;

constexpr protocol::ApiVersion first_with_protocol = 5;

std::optional<std::string> owned(const std::optional<std::string_view>& text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

ErrorCode fault_of(const RequestContext& context, const Request& request) {
  const bool has_protocol = request.protocol_type && request.protocol_name;
  if (context.version >= first_with_protocol && !has_protocol)
    return ErrorCode::inconsistent_group_protocol;
  if (!authorize(context, Action::read, ResourceType::group, request.group_id))
    return ErrorCode::group_authorization_failed;
  return request.group_id.empty() ? ErrorCode::invalid_group_id : ErrorCode::none;
}

group::SyncRequest core_request(const Request& request) {
  group::SyncRequest sync;
  sync.member.member_id = request.member_id;
  sync.member.instance_id = owned(request.group_instance_id);
  sync.member.generation = request.generation_id;
  sync.protocol_type = owned(request.protocol_type);
  sync.protocol = owned(request.protocol_name);
  sync.assignments.reserve(request.assignments.size());
  for (const auto& given : request.assignments) {
    sync.assignments.push_back(
        {std::string(given.member_id), {given.assignment.begin(), given.assignment.end()}});
  }
  return sync;
}

}  // namespace

runtime::Task<protocol::SyncGroupResponse> SyncGroupHandler::handle(
    RequestContext& context, protocol::SyncGroupRequest request) {
  Response response;
  response.error_code = fault_of(context, request);
  if (response.error_code != ErrorCode::none) co_return response;
  group::SyncRequest sync = core_request(request);
  std::string group_id(request.group_id);
  context.release_frame();
  group::SyncAnswer got = co_await sync_group(context, std::move(group_id), std::move(sync));
  const group::SyncAnswer& answer = context.hold(std::move(got));
  response.error_code = answer.error;
  // While the partition is loaded the rebalance that the client is in has been lost: it is to join
  // again, and need not look for the coordinator.
  if (answer.error == ErrorCode::coordinator_load_in_progress)
    response.error_code = ErrorCode::rebalance_in_progress;
  response.protocol_type = answer.protocol_type;
  response.protocol_name = answer.protocol;
  response.assignment = ByteView(answer.assignment);
  co_return response;
}

}  // namespace gregor::broker
