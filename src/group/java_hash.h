// Where the coordinator of a group is: Java's hash of the group's id picks a partition of
// __consumer_offsets; the leader of that partition is the coordinator.
#pragma once

#include <cstdint>
#include <string_view>

namespace gregor::group {

/// String.hashCode() of Java: over UTF-16 code units, wrapping at 32 bits.
/// @param text  UTF-8; a byte that is none counts as U+FFFD, as Java decodes it
[[nodiscard]] std::int32_t java_hash(std::string_view text);

/// Length of the text as Java counts it: UTF-16 code units.
[[nodiscard]] std::size_t java_length(std::string_view text);

/// The partition of an id in a topic of `partitions` (> 0) partitions.
/// Source: Kafka's Utils.abs: the absolute value, but 0 for the smallest number.
[[nodiscard]] std::int32_t partition_of(std::string_view id, std::int32_t partitions);

}  // namespace gregor::group
