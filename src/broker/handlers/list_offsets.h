// ListOffsets: finds offsets: first, last, by time, of the greatest time.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/list_offsets.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, ListOffsets.
struct ListOffsetsHandler {
  using Api = protocol::ListOffsets;
  static constexpr VersionRange supported{1, 10};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
