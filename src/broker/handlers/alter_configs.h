// AlterConfigs: replaces all configs of topics and brokers, on shard 0.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/alter_configs.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, AlterConfigs.
struct AlterConfigsHandler {
  using Api = protocol::AlterConfigs;
  static constexpr VersionRange supported{0, 2};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
