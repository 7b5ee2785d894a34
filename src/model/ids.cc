#include "model/ids.h"

namespace gregor::model {

std::string to_string(const TopicPartition& partition) {
  return partition.topic + '-' + std::to_string(partition.partition.value());
}

}  // namespace gregor::model
