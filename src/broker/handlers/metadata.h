// Metadata: brokers, topics and leaders; makes unknown topics if asked to and allowed.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/metadata.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, Metadata.
struct MetadataHandler {
  using Api = protocol::Metadata;
  static constexpr VersionRange supported{0, 13};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
