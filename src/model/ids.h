// The numbers and names with a meaning: offsets, epochs, ids.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "base/strong.h"

namespace gregor::model {

/// Position of a record in a partition; the first is 0.
using Offset = Strong<struct OffsetTag, std::int64_t>;
/// Fencing number of a partition's leader; -1 = unknown.
using LeaderEpoch = Strong<struct LeaderEpochTag, std::int32_t>;
/// Fencing number of the controller.
using ControllerEpoch = Strong<struct ControllerEpochTag, std::int32_t>;
/// Number of a broker; -1 = none.
using BrokerId = Strong<struct BrokerIdTag, std::int32_t>;
/// Number of a partition in its topic; the first is 0.
using PartitionIndex = Strong<struct PartitionIndexTag, std::int32_t>;
/// Milliseconds since 1970 (UTC); -1 = none.
using TimestampMs = Strong<struct TimestampMsTag, std::int64_t>;
/// Number of an idempotent producer; negative = none.
using ProducerId = Strong<struct ProducerIdTag, std::int64_t>;
/// Fencing number of a producer; -1 = none.
using ProducerEpoch = Strong<struct ProducerEpochTag, std::int16_t>;

/// Half-open range of offsets.
struct OffsetRange {
  Offset first;
  Offset end;
  friend bool operator==(const OffsetRange&, const OffsetRange&) = default;
};

/// One partition, by name.
struct TopicPartition {
  std::string topic;
  PartitionIndex partition;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

/// "topic-0": the name of its folder and in logs.
[[nodiscard]] std::string to_string(const TopicPartition& partition);

}  // namespace gregor::model

template <>
struct std::hash<gregor::model::TopicPartition> {
  std::size_t operator()(const gregor::model::TopicPartition& p) const noexcept {
    return std::hash<std::string>{}(p.topic) * 31 +
           std::hash<gregor::model::PartitionIndex>{}(p.partition);
  }
};
