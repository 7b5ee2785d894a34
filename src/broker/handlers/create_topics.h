// CreateTopics: through the controller, on shard 0.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/create_topics.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, CreateTopics.
struct CreateTopicsHandler {
  using Api = protocol::CreateTopics;
  static constexpr VersionRange supported{0, 7};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
