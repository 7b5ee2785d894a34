// Names of partitions, hashes of ids.
#include "model/ids.h"

#include <gtest/gtest.h>

#include <limits>
#include <unordered_set>

namespace gregor::model {
namespace {

TEST(IdsTest, APartitionIsNamedAsItsFolder) {
  EXPECT_EQ(to_string(TopicPartition{"a-b.c_d", PartitionIndex(12)}), "a-b.c_d-12");
  EXPECT_EQ(to_string(TopicPartition{"t", PartitionIndex(0)}), "t-0");
}

TEST(IdsTest, PartitionsOrderByTopicThenNumber) {
  const TopicPartition a1{"a", PartitionIndex(1)};
  const TopicPartition a10{"a", PartitionIndex(10)};
  const TopicPartition b0{"b", PartitionIndex(0)};
  EXPECT_LT(a1, a10);
  EXPECT_LT(a10, b0);
  EXPECT_EQ(a1, (TopicPartition{"a", PartitionIndex(1)}));
}

TEST(IdsTest, HashesTellPartitionsApart) {
  std::unordered_set<TopicPartition> set;
  for (int i = 0; i < 100; ++i) set.insert({"t", PartitionIndex(i)});
  set.insert({"t", PartitionIndex(5)});
  set.insert({"u", PartitionIndex(5)});
  EXPECT_EQ(set.size(), 101U);
  EXPECT_TRUE(set.contains({"t", PartitionIndex(99)}));
}

TEST(IdsTest, NumbersCompareAsSigned) {
  EXPECT_LT(Offset(-1), Offset(0));
  EXPECT_LT(ProducerEpoch(-2), ProducerEpoch(-1));
  EXPECT_EQ(ProducerEpoch(3) + std::int16_t{4}, ProducerEpoch(7));
  EXPECT_EQ(Offset(10) - Offset(3), 7);
  EXPECT_EQ((OffsetRange{Offset(1), Offset(2)}), (OffsetRange{Offset(1), Offset(2)}));
}

}  // namespace
}  // namespace gregor::model
