// DescribeLogDirs: what lies in which log dir, and how large it is.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/describe_log_dirs.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: KIP-113, KIP-827 (space of the volume). Dirs that could
/// not be used at start are not there at all: such a start is refused.
struct DescribeLogDirsHandler {
  using Api = protocol::DescribeLogDirs;
  static constexpr VersionRange supported{1, 4};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
