// AlterReplicaLogDirs: moves partitions of this broker to other log dirs.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/alter_replica_log_dirs.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Answers once the moves have begun; DescribeLogDirs shows how far
/// they are. Source: KIP-113.
struct AlterReplicaLogDirsHandler {
  using Api = protocol::AlterReplicaLogDirs;
  static constexpr VersionRange supported{1, 2};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
