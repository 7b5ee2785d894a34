#include "broker/handlers/join_group.h"

#include <string>
#include <utility>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/groups/group_calls.h"

namespace gregor::broker {
namespace {

using Request = protocol::JoinGroupRequest;
using Response = protocol::JoinGroupResponse;

constexpr protocol::ApiVersion first_with_rebalance_timeout = 1;
constexpr protocol::ApiVersion first_with_member_id_required = 4;
constexpr protocol::ApiVersion first_with_nullable_protocol = 7;
constexpr protocol::ApiVersion first_with_skipped_assignment = 9;

std::optional<std::string> owned(const std::optional<std::string_view>& text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

group::JoinRequest core_request(RequestContext& context, const Request& request) {
  group::JoinRequest join;
  join.member_id = request.member_id;
  join.instance_id = owned(request.group_instance_id);
  join.client_id = context.client_id.value_or("");
  join.client_host = "/" + context.connection.peer.host;
  join.new_member_id = new_member_id(context.shard.shard().random(),
                                     request.group_instance_id.value_or(join.client_id));
  join.protocol_type = request.protocol_type;
  join.protocols.reserve(request.protocols.size());
  for (const auto& protocol : request.protocols) {
    join.protocols.push_back(
        {std::string(protocol.name), {protocol.metadata.begin(), protocol.metadata.end()}});
  }
  join.session_timeout_ms = request.session_timeout_ms;
  join.rebalance_timeout_ms = context.version >= first_with_rebalance_timeout
                                  ? request.rebalance_timeout_ms
                                  : request.session_timeout_ms;
  join.requires_known_member_id = context.version >= first_with_member_id_required;
  join.can_skip_assignment = context.version >= first_with_skipped_assignment;
  join.reason = request.reason.value_or("");
  return join;
}

// Of all protocols together. What can't be written in one batch can't be stored, so a group with
// more would fail later (SyncGroup with the same error); until then it would only take memory.
bool is_storable(const RequestContext& context, const Request& request) {
  constexpr std::int64_t protocols_expected = 4;
  std::int64_t bytes = 0;
  for (const auto& protocol : request.protocols)
    bytes += static_cast<std::int64_t>(protocol.name.size() + protocol.metadata.size());
  return bytes <= protocols_expected * context.shard.config().topic_defaults.max_message_bytes;
}

Response response_of(const RequestContext& context, const group::JoinAnswer& answer) {
  Response response;
  response.error_code = answer.error;
  response.generation_id = answer.generation;
  response.protocol_type = answer.protocol_type;
  response.protocol_name = answer.protocol;
  if (!response.protocol_name && context.version < first_with_nullable_protocol)
    response.protocol_name = "";
  response.leader = answer.leader;
  response.skip_assignment = answer.skip_assignment;
  response.member_id = answer.member_id;
  response.members.reserve(answer.members.size());
  for (const group::JoinedMember& member : answer.members)
    response.members.push_back({member.member_id, member.instance_id, ByteView(member.metadata)});
  return response;
}

}  // namespace

runtime::Task<protocol::JoinGroupResponse> JoinGroupHandler::handle(
    RequestContext& context, protocol::JoinGroupRequest request) {
  group::JoinAnswer answer;
  answer.member_id = request.member_id;
  const config::BrokerConfig& config = context.shard.config();
  group::GroupSettings limits;
  limits.session_timeout_min_ms = config.group_min_session_timeout_ms;
  limits.session_timeout_max_ms = config.group_max_session_timeout_ms;
  if (!authorize(context, Action::read, ResourceType::group, request.group_id)) {
    answer.error = ErrorCode::group_authorization_failed;
  } else {
    answer.error = group::check_join(request.group_id, request.session_timeout_ms, limits);
  }
  if (answer.error == ErrorCode::none && !is_storable(context, request))
    answer.error = ErrorCode::unknown_server_error;
  if (answer.error == ErrorCode::none) {
    group::JoinRequest join = core_request(context, request);
    std::string group_id(request.group_id);
    context.release_frame();
    answer = co_await join_group(context, std::move(group_id), std::move(join));
  }
  co_return response_of(context, context.hold(std::move(answer)));
}

}  // namespace gregor::broker
