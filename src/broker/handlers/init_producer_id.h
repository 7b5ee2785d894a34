// InitProducerId: ids of idempotent producers. There are no transactions yet.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/init_producer_id.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, InitProducerId; KIP-98, KIP-360.
struct InitProducerIdHandler {
  using Api = protocol::InitProducerId;
  static constexpr VersionRange supported{0, 5};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
