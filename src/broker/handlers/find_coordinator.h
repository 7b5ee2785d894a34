// FindCoordinator: which broker keeps a group.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/find_coordinator.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Nobody coordinates transactions yet: their keys are answered coordinator_not_available.
///
/// Thread: the connection's shard. Source: the protocol guide, FindCoordinator.
struct FindCoordinatorHandler {
  using Api = protocol::FindCoordinator;
  static constexpr VersionRange supported{0, 6};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
