// DeleteGroups: removes consumer groups without members, with their offsets.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/delete_groups.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, DeleteGroups; KIP-229.
struct DeleteGroupsHandler {
  using Api = protocol::DeleteGroups;
  static constexpr VersionRange supported{0, 2};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
