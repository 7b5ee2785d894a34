// ListConfigResources: what has configs. Version 0 only knew client metrics, which there are none
// of here.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/list_config_resources.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, ListConfigResources; KIP-1142.
struct ListConfigResourcesHandler {
  using Api = protocol::ListConfigResources;
  static constexpr VersionRange supported{0, 1};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
