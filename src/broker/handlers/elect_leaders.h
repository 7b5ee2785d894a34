// ElectLeaders: which partitions could be given another leader. There is one broker, so none can.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/elect_leaders.h"
#include "runtime/task.h"

namespace gregor::broker {

/// A partition has the only leader that it may have, or nobody is there to lead it: nothing is ever
/// changed.
///
/// Thread: the connection's shard.
/// Errors: per partition election_not_needed; preferred_leader_not_available or
///         eligible_leaders_not_available for one without a leader; unknown_topic_or_partition.
///         For all: invalid_request (no such type), request_timed_out (no time is given).
/// Source: the protocol guide, ElectLeaders; answers of Apache Kafka 4.1.1.
struct ElectLeadersHandler {
  using Api = protocol::ElectLeaders;
  static constexpr VersionRange supported{0, 2};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
