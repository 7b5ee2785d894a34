// Fetch: reads from partitions, waiting for data if asked to (long polling), in sessions or without
// (fetch_opening.h).
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/fetch.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, Fetch.
struct FetchHandler {
  using Api = protocol::Fetch;
  static constexpr VersionRange supported{4, 18};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
