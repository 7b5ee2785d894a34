#include "broker/handlers/delete_groups.h"

#include <set>
#include <string>
#include <utility>

#include "broker/authorizer.h"
#include "broker/groups/group_calls.h"

namespace gregor::broker {
namespace {

runtime::Task<ErrorCode> remove(RequestContext& context, std::string_view id) {
  if (!authorize(context, Action::remove, ResourceType::group, id))
    co_return ErrorCode::group_authorization_failed;
  co_return co_await delete_group(context, std::string(id));
}

}  // namespace

runtime::Task<protocol::DeleteGroupsResponse> DeleteGroupsHandler::handle(
    RequestContext& context, protocol::DeleteGroupsRequest request) {
  protocol::DeleteGroupsResponse response;
  std::set<std::string_view> seen;
  for (const std::string_view id : request.groups_names) {
    if (!seen.insert(id).second) continue;
    const ErrorCode error = co_await remove(context, id);
    response.results.push_back({id, error});
  }
  co_return response;
}

}  // namespace gregor::broker
