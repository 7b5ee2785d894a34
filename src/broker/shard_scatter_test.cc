// Which shard owns a partition: spread over the shards, the same in every run.
#include "broker/shard_scatter.h"

#include <gtest/gtest.h>

namespace gregor::broker {
namespace {

TEST(OwnerOfTest, PartitionsOfATopicTakeTurns) {
  const auto first = owner_of("orders", model::PartitionIndex(0), 4).value();
  for (std::int32_t i = 0; i < 16; ++i) {
    EXPECT_EQ(owner_of("orders", model::PartitionIndex(i), 4).value(),
              (first + static_cast<std::uint32_t>(i)) % 4);
  }
}

TEST(OwnerOfTest, TopicsOfOnePartitionAreSpread) {
  std::map<std::uint32_t, int> count;
  for (int i = 0; i < 1000; ++i)
    ++count[owner_of("topic-" + std::to_string(i), model::PartitionIndex(0), 4).value()];
  for (const auto& [shard, topics] : count) EXPECT_GT(topics, 150) << shard;
}

}  // namespace
}  // namespace gregor::broker
