// One page of a long list of topics and partitions (DescribeTopicPartitions): which rows it has and
// where the next one begins. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace gregor::broker {

/// A place in the list: topics by name, their partitions by index.
struct PageCursor {
  std::string_view topic;
  std::int32_t partition = 0;
};

struct TopicPage {
  struct Row {
    std::string_view topic;
    bool is_known = false;
    std::size_t first = 0;  ///< partitions [first, end)
    std::size_t end = 0;
  };
  std::vector<Row> rows;
  std::optional<PageCursor> next;  ///< nullopt: this was the last page
};

struct PageRequest {
  std::vector<std::string_view> topics;  ///< in any order; those before the cursor are left out
  std::optional<PageCursor> from;        ///< partition >= 0
  std::size_t partitions_max = 1;        ///< > 0
};

/// How many partitions a topic has; nullopt = unknown.
using PartitionCount = std::function<std::optional<std::size_t>(std::string_view)>;

/// @return each topic once. Unknown topics have rows too, and count as nothing.
/// Source: KIP-966 as Apache Kafka 4.1 does it.
[[nodiscard]] TopicPage make_topic_page(PageRequest request, const PartitionCount& count_of);

}  // namespace gregor::broker
