// DescribeConfigs: what topics and this broker are set to, and why.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/describe_configs.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, DescribeConfigs.
struct DescribeConfigsHandler {
  using Api = protocol::DescribeConfigs;
  static constexpr VersionRange supported{0, 4};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
