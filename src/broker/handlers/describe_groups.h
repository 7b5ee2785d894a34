// DescribeGroups: state, members and assignments of consumer groups.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/describe_groups.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, DescribeGroups; KIP-1043.
struct DescribeGroupsHandler {
  using Api = protocol::DescribeGroups;
  static constexpr VersionRange supported{0, 6};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
