// DeleteRecords: moves the start of logs; records before it are gone for every reader.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/delete_records.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: KIP-107. Durable: the answer comes once the new starts
/// are in the checkpoint files. The files of segments that no reader needs stay until retention.
struct DeleteRecordsHandler {
  using Api = protocol::DeleteRecords;
  static constexpr VersionRange supported{0, 2};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
