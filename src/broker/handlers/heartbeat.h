// Heartbeat: a member of a consumer group is alive, and hears of rebalances.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/heartbeat.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, Heartbeat; KIP-345.
struct HeartbeatHandler {
  using Api = protocol::Heartbeat;
  static constexpr VersionRange supported{0, 4};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
