// OffsetFetch: the offsets that groups have committed.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/offset_fetch.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Versions 0 (offsets in ZooKeeper) and 10 (not released by Kafka yet) are not there.
///
/// Thread: the connection's shard. Source: the protocol guide, OffsetFetch.
struct OffsetFetchHandler {
  using Api = protocol::OffsetFetch;
  static constexpr VersionRange supported{1, 9};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
