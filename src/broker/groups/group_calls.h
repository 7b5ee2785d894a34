// Requests to a group from the shard of a connection: finds the shard that the group lives on, asks
// there, and where the group lets the request wait, waits here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "broker/groups/group_shard.h"
#include "broker/request_context.h"
#include "group/group_types.h"
#include "runtime/task.h"

namespace gregor::broker {

// Each takes the group's id by value or from the request's frame, which outlives the call. Errors
// of the coordinator itself: not_coordinator, coordinator_load_in_progress.

/// Answered by the group, or with not_coordinator when the peer has gone or the broker stops.
runtime::Task<group::JoinAnswer> join_group(RequestContext& context, std::string id,
                                            group::JoinRequest request);
runtime::Task<group::SyncAnswer> sync_group(RequestContext& context, std::string id,
                                            group::SyncRequest request);
runtime::Task<ErrorCode> beat(RequestContext& context, std::string id, group::MemberClaim member);
/// @return per member
runtime::Task<Result<std::vector<ErrorCode>>> leave_group(RequestContext& context, std::string id,
                                                          std::vector<group::LeavingMember> who);
/// @errors in addition group_id_not_found
runtime::Task<Result<group::GroupDescription>> describe_group(RequestContext& context,
                                                              std::string id);
/// Removes a group without members, and its offsets. @return none, group_id_not_found,
/// non_empty_group, or why it could not be written
runtime::Task<ErrorCode> delete_group(RequestContext& context, std::string id);
/// All groups of this broker. @errors coordinator_load_in_progress
runtime::Task<Result<std::vector<ListedGroup>>> list_groups(BrokerShard& home);

/// The id of a new member, as Apache Kafka makes it: `name` and a random UUID.
[[nodiscard]] std::string new_member_id(runtime::Random& random, std::string_view name);

}  // namespace gregor::broker
