// UpdateFeatures: there are no features here (they belong to KRaft), so that each one is refused as
// Apache Kafka refuses one that it does not know.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/update_features.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard.
/// Errors: for all together: invalid_update_version, naming the first feature; none without any.
/// Source: the protocol guide, UpdateFeatures; answers of Apache Kafka 4.1.1.
struct UpdateFeaturesHandler {
  using Api = protocol::UpdateFeatures;
  static constexpr VersionRange supported{0, 2};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
