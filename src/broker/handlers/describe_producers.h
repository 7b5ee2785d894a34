// DescribeProducers: who writes to a partition with a producer id.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/describe_producers.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, DescribeProducers; KIP-664.
struct DescribeProducersHandler {
  using Api = protocol::DescribeProducers;
  static constexpr VersionRange supported{0, 0};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
