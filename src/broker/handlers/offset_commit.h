// OffsetCommit: stores how far consumers have come.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/offset_commit.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Versions 0 (offsets in ZooKeeper) and 10 (not released by Kafka yet) are not there.
///
/// Thread: the connection's shard. Source: the protocol guide, OffsetCommit.
struct OffsetCommitHandler {
  using Api = protocol::OffsetCommit;
  static constexpr VersionRange supported{1, 9};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
