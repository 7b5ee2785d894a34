// DescribeTopicPartitions: topics with their partitions, page by page.
#pragma once

#include "broker/request_context.h"
#include "broker/served_api.h"
#include "protocol/describe_topic_partitions.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Thread: the connection's shard. Source: KIP-966; the admin clients of Kafka 3.8 and later use it
/// in place of Metadata where it is served. There are no eligible leader replicas beside the ISR.
struct DescribeTopicPartitionsHandler {
  using Api = protocol::DescribeTopicPartitions;
  static constexpr VersionRange supported{0, 0};
  static runtime::Task<Api::Response> handle(RequestContext& context, Api::Request request);
};

}  // namespace gregor::broker
