// Requests about topics and positions, as model clients send them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/fleet.h"

namespace gregor::sim {

struct TopicOrder {
  std::string name;
  std::int32_t partitions = 1;
  std::vector<std::pair<std::string, std::string>> configs;
};

/// Sends CreateTopics and tells the topics' history of it. @return the answer's error; nothing if
/// none came
runtime::Task<std::optional<ErrorCode>> create_topic(Fleet& fleet,
                                                     ClientConnection::Pointer connection,
                                                     TopicOrder order,
                                                     protocol::ApiVersion version);
/// As create_topic.
runtime::Task<std::optional<ErrorCode>> delete_topic(Fleet& fleet,
                                                     ClientConnection::Pointer connection,
                                                     std::string name,
                                                     protocol::ApiVersion version);

struct MetadataOrder {
  std::optional<std::string> name;    ///< nothing = all topics
  protocol::ApiVersion version = 10;  ///< with ids
  bool makes_topic = false;           ///< the broker may make it, if it is set to
};

/// Metadata. Topics without a leader for each partition are left out.
/// @return nothing if no answer came
runtime::Task<std::optional<std::vector<SeenTopic>>> list_topics(
    Fleet& fleet, ClientConnection::Pointer connection, MetadataOrder order);

/// Waits until a topic is seen, or is seen no more, as it has to be; tells the topics' history.
/// @return the topic if it is there
runtime::Task<std::optional<SeenTopic>> await_topic(Fleet& fleet,
                                                    ClientConnection::Pointer connection,
                                                    std::string name, bool is_wanted);

struct OffsetQuestion {
  std::string topic;
  PartitionKey where;
  std::int64_t timestamp = -1;  ///< -1 latest, -2 earliest, -3 of the greatest time stamp
};

/// ListOffsets for one partition. [V1, V3 for the latest; E1] @return nothing if there was no good
/// answer
runtime::Task<std::optional<std::pair<model::Offset, model::TimestampMs>>> list_offset(
    Fleet& fleet, ClientConnection::Pointer connection, OffsetQuestion question,
    protocol::ApiVersion version);
inline constexpr std::int64_t latest_offset = -1;
inline constexpr std::int64_t earliest_offset = -2;
inline constexpr std::int64_t max_timestamp_offset = -3;

}  // namespace gregor::sim
