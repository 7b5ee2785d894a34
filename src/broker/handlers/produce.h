// Produce: appends batches to partitions.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/produce.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: the protocol guide, Produce.
struct ProduceHandler {
  using Api = protocol::Produce;
  static constexpr VersionRange supported{3, 13};
  /// 0-2 are advertised, or librdkafka before 2.11.1 sends uncompressed; such a request ends the
  /// connection, as in Kafka.
  static constexpr VersionRange advertised{0, 13};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
