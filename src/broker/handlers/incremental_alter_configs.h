// IncrementalAlterConfigs: changes some configs of topics and brokers, on shard 0.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/incremental_alter_configs.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, IncrementalAlterConfigs.
struct IncrementalAlterConfigsHandler {
  using Api = protocol::IncrementalAlterConfigs;
  static constexpr VersionRange supported{0, 1};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
