// From a frame to its handler and back: header, version check, decode, handle, encode.
#pragma once

#include "broker/broker_shard.h"
#include "broker/connection.h"
#include "broker/response.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Works on one request of a connection of `shard`.
///
/// Thread: the shard. A frame that can't be parsed, an unknown api or a version that is not served
/// ends the connection (ApiVersions answers error 35 instead). Source: KIP-511 and the protocol
/// guide.
runtime::Task<Outcome> dispatch(BrokerShard& shard, const ConnectionInfo& connection,
                                FrameBuffer& frame);

}  // namespace gregor::broker
