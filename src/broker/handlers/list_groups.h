// ListGroups: the consumer groups of this broker.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/list_groups.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, ListGroups; KIP-518, KIP-848.
struct ListGroupsHandler {
  using Api = protocol::ListGroups;
  static constexpr VersionRange supported{0, 5};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
