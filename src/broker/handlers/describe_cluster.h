// DescribeCluster: the brokers, the controller and the id of the cluster.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/describe_cluster.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: KIP-700, KIP-919 (endpoint types).
struct DescribeClusterHandler {
  using Api = protocol::DescribeCluster;
  static constexpr VersionRange supported{0, 2};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
