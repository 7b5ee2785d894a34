// ApiVersions: what this broker serves.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/api_versions.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, ApiVersions.
struct ApiVersionsHandler {
  using Api = protocol::ApiVersions;
  static constexpr VersionRange supported{0, 4};
  /// The answer to a version that is not known here, in the layout of version 0. Source: KIP-511.
  static Api::Response unsupported_version();
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
