// JoinGroup: becomes a member of a consumer group, or says that it still is one.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/join_group.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, JoinGroup; KIP-345, KIP-394,
/// KIP-800, KIP-814.
struct JoinGroupHandler {
  using Api = protocol::JoinGroup;
  static constexpr VersionRange supported{0, 9};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
