// OffsetDelete: forgets committed offsets of a group.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/offset_delete.h"
#include "runtime/task.h"

namespace gregor::broker {

/// One group; partitions that it subscribes to stay.
///
/// Thread: the connection's shard. Source: the protocol guide, OffsetDelete.
struct OffsetDeleteHandler {
  using Api = protocol::OffsetDelete;
  static constexpr VersionRange supported{0, 0};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
