// __consumer_offsets as it is made when a coordinator is looked for the first time.
#pragma once

#include <cstddef>

#include "config/broker_config.h"
#include "controller/topic_rules.h"

namespace gregor::broker {

/// What is asked of the controller. Without offsets.topic.replication.factor it is made with as
/// many replicas as there are brokers, up to the default.
/// @param brokers  that are alive
[[nodiscard]] controller::TopicRequest offsets_topic(const config::BrokerConfig& config,
                                                     std::size_t brokers);

}  // namespace gregor::broker
