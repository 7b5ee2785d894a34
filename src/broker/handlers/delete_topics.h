// DeleteTopics: through the controller, on shard 0.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/delete_topics.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, DeleteTopics.
struct DeleteTopicsHandler {
  using Api = protocol::DeleteTopics;
  static constexpr VersionRange supported{0, 6};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
