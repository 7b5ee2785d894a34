// CreatePartitions: through the controller, on shard 0.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/create_partitions.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, CreatePartitions.
struct CreatePartitionsHandler {
  using Api = protocol::CreatePartitions;
  static constexpr VersionRange supported{0, 3};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
