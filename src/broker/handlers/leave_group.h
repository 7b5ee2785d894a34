// LeaveGroup: members leave a consumer group, or are removed from it.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/leave_group.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, LeaveGroup; KIP-345, KIP-800.
struct LeaveGroupHandler {
  using Api = protocol::LeaveGroup;
  static constexpr VersionRange supported{0, 5};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
