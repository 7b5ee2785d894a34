#include "broker/handlers/describe_groups.h"

#include <string>
#include <utility>

#include "broker/authorizer.h"
#include "broker/groups/group_calls.h"

namespace gregor::broker {
namespace {

using Request = protocol::DescribeGroupsRequest;
using Response = protocol::DescribeGroupsResponse;

constexpr protocol::ApiVersion first_with_not_found = 6;

void fill(Response::DescribedGroup& row, const group::GroupDescription& found) {
  row.group_state = group::state_name(found.state);
  row.protocol_type = found.protocol_type;
  row.protocol_data = found.protocol;
  for (const group::DescribedMember& member : found.members) {
    Response::DescribedGroupMember& to = row.members.emplace_back();
    to.member_id = member.member_id;
    to.group_instance_id = member.instance_id;
    to.client_id = member.client_id;
    to.client_host = member.client_host;
    to.member_metadata = ByteView(member.metadata);
    to.member_assignment = ByteView(member.assignment);
  }
}

runtime::Task<Response::DescribedGroup> row_of(RequestContext& context, std::string_view id) {
  Response::DescribedGroup row;
  row.group_id = id;
  if (!authorize(context, Action::describe, ResourceType::group, id)) {
    row.error_code = ErrorCode::group_authorization_failed;
    co_return row;
  }
  auto found = co_await describe_group(context, std::string(id));
  if (found) {
    fill(row, context.hold(std::move(*found)));
    co_return row;
  }
  row.error_code = found.error().code;
  if (row.error_code != ErrorCode::group_id_not_found) co_return row;
  row.group_state = group::state_name(group::GroupState::dead);
  if (context.version >= first_with_not_found) {
    row.error_message = context.keep(std::move(found.error().detail));
  } else {
    row.error_code = ErrorCode::none;
  }
  co_return row;
}

}  // namespace

runtime::Task<protocol::DescribeGroupsResponse> DescribeGroupsHandler::handle(
    RequestContext& context, protocol::DescribeGroupsRequest request) {
  Response response;
  for (const std::string_view id : request.groups) {
    Response::DescribedGroup row = co_await row_of(context, id);
    if (request.include_authorized_operations && row.error_code == ErrorCode::none)
      row.authorized_operations = all_group_operations;
    response.groups.push_back(std::move(row));
  }
  co_return response;
}

}  // namespace gregor::broker
