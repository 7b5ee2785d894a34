// SyncGroup: the leader's assignments in, each member's own out.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/sync_group.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, SyncGroup; KIP-345, KIP-559.
struct SyncGroupHandler {
  using Api = protocol::SyncGroup;
  static constexpr VersionRange supported{0, 5};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
