// OffsetForLeaderEpoch: where the records of a leader epoch end, for readers that look for
// truncation.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/offset_for_leader_epoch.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: KIP-101, KIP-320.
struct OffsetForLeaderEpochHandler {
  using Api = protocol::OffsetForLeaderEpoch;
  static constexpr VersionRange supported{2, 4};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
