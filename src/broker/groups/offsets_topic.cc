#include "broker/groups/offsets_topic.h"

#include <algorithm>
#include <string>

#include "model/topic_name.h"

namespace gregor::broker {

controller::TopicRequest offsets_topic(const config::BrokerConfig& config, std::size_t brokers) {
  auto replicas = static_cast<std::size_t>(config.offsets_topic_replication_factor);
  if (!config.given.contains("offsets.topic.replication.factor"))
    replicas = std::clamp<std::size_t>(brokers, 1, replicas);
  controller::TopicRequest topic;
  topic.name = model::consumer_offsets_topic;
  topic.partitions = config.offsets_topic_num_partitions;
  topic.replication_factor = static_cast<std::int16_t>(replicas);
  topic.configs = {{"cleanup.policy", "compact"},
                   {"compression.type", "producer"},
                   {"segment.bytes", std::to_string(config.offsets_topic_segment_bytes)}};
  return topic;
}

}  // namespace gregor::broker
