#include "broker/handlers/list_groups.h"

#include <algorithm>
#include <string>
#include <utility>

#include "broker/authorizer.h"
#include "broker/groups/group_calls.h"

namespace gregor::broker {
namespace {

using Response = protocol::ListGroupsResponse;

constexpr std::string_view classic_type = "classic";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool are_equal_words(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// No filter lets everything pass; words that name nothing let nothing pass.
bool passes(const std::vector<std::string_view>& filter, std::string_view word) {
  return filter.empty() || std::any_of(filter.begin(), filter.end(), [word](std::string_view one) {
           return are_equal_words(one, word);
         });
}

}  // namespace

runtime::Task<protocol::ListGroupsResponse> ListGroupsHandler::handle(
    RequestContext& context, protocol::ListGroupsRequest request) {
  Response response;
  auto listed = co_await list_groups(context.shard);
  if (!listed) {
    response.error_code = listed.error().code;
    co_return response;
  }
  if (!passes(request.types_filter, classic_type)) co_return response;
  for (const ListedGroup& group : context.hold(std::move(*listed))) {
    const std::string_view state = group::state_name(group.state);
    if (!passes(request.states_filter, state)) continue;
    if (!authorize(context, Action::describe, ResourceType::group, group.id)) continue;
    response.groups.push_back({group.id, group.protocol_type, state, classic_type});
  }
  co_return response;
}

}  // namespace gregor::broker
