// The cluster image: lookups, replacement, removal, and that a change shares all it does not touch.
#include "model/cluster_image.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace gregor::model {
namespace {

TopicImage topic(std::string name, std::uint64_t id, std::size_t partitions = 1) {
  TopicImage image;
  image.name = std::move(name);
  image.id = Uuid::from_bits(id, id);
  image.partitions.resize(partitions);
  image.configs = std::make_shared<const ConfigEntries>();
  return image;
}

TEST(ClusterImage, FindsByNameIdAndPartition) {
  ClusterImage::Builder builder{ClusterImage()};
  builder.put_topic(topic("a", 1, 2));
  builder.put_topic(topic("b", 2));
  const auto image = builder.build();
  EXPECT_EQ(image->topic_count(), 2u);
  ASSERT_NE(image->find("a"), nullptr);
  EXPECT_EQ(image->find("a")->partitions.size(), 2u);
  EXPECT_EQ(image->find(Uuid::from_bits(2, 2))->name, "b");
  EXPECT_EQ(image->find("c"), nullptr);
  EXPECT_EQ(image->find(Uuid::from_bits(3, 3)), nullptr);
  EXPECT_NE(image->find("a", PartitionIndex(1)), nullptr);
  EXPECT_EQ(image->find("a", PartitionIndex(2)), nullptr);
  EXPECT_EQ(image->find("a", PartitionIndex(-1)), nullptr);
  EXPECT_EQ(image->find("c", PartitionIndex(0)), nullptr);
}

TEST(ClusterImage, ReplacedTopicLosesItsOldId) {
  ClusterImage::Builder first{ClusterImage()};
  first.put_topic(topic("a", 1));
  const auto old = first.build();
  ClusterImage::Builder second(*old);
  second.put_topic(topic("a", 9));
  const auto now = second.build();
  EXPECT_EQ(now->topic_count(), 1u);
  EXPECT_EQ(now->find(Uuid::from_bits(1, 1)), nullptr);
  EXPECT_EQ(now->find(Uuid::from_bits(9, 9))->name, "a");
  EXPECT_NE(old->find(Uuid::from_bits(1, 1)), nullptr) << "the old image has changed";
}

TEST(ClusterImage, RemovesAndKeepsTheRest) {
  ClusterImage::Builder first{ClusterImage()};
  for (std::uint64_t i = 0; i < 3000; ++i) first.put_topic(topic("t" + std::to_string(i), i + 1));
  const auto full = first.build();
  ClusterImage::Builder second(*full);
  second.remove_topic("t7");
  second.remove_topic("unknown");
  const auto less = second.build();
  EXPECT_EQ(full->topic_count(), 3000u);
  EXPECT_EQ(less->topic_count(), 2999u);
  EXPECT_EQ(less->find("t7"), nullptr);
  EXPECT_EQ(less->find(Uuid::from_bits(8, 8)), nullptr);
  std::size_t visited = 0;
  less->for_each_topic([&](const TopicImage& t) {
    ++visited;
    EXPECT_EQ(full->find(t.name), &t) << "a topic that did not change was copied";
  });
  EXPECT_EQ(visited, 2999u);
}

TEST(ClusterImage, NamesCollideAcrossDotAndUnderscore) {
  ClusterImage::Builder builder{ClusterImage()};
  builder.put_topic(topic("a.b_c", 1));
  const auto image = builder.build();
  ASSERT_NE(image->find_colliding("a_b.c"), nullptr);
  EXPECT_EQ(image->find_colliding("a.b_c"), nullptr) << "a name does not collide with itself";
  EXPECT_EQ(image->find_colliding("a.b.d"), nullptr);
}

TEST(ClusterImage, TopicsThatAreGone) {
  ClusterImage::Builder builder{ClusterImage()};
  for (int i = 0; i < 1000; ++i)
    builder.put_topic(topic("t" + std::to_string(i), static_cast<std::uint64_t>(i)));
  const auto before = builder.build();
  ClusterImage::Builder next(*before);
  next.remove_topic("t7");
  next.put_topic(topic("t8", 5000));  // another one of the same name
  next.put_topic(topic("new", 5001));
  const auto now = next.build();
  std::set<std::string> gone;
  now->for_each_topic_gone(*before, [&](const TopicImage& t) { gone.insert(t.name); });
  EXPECT_EQ(gone, (std::set<std::string>{"t7", "t8"}));
  gone.clear();
  now->for_each_topic_gone(*now, [&](const TopicImage& t) { gone.insert(t.name); });
  EXPECT_TRUE(gone.empty());
}

TEST(ClusterImage, BrokersAndController) {
  ClusterImage::Builder builder{ClusterImage()};
  BrokerImage broker;
  broker.id = BrokerId(1);
  broker.endpoints = {{"PLAINTEXT", "h", 9092}};
  builder.set_brokers({{BrokerId(1), broker}});
  builder.set_controller(BrokerId(1), ControllerEpoch(4));
  builder.set_cluster_id("id");
  const auto image = builder.build();
  EXPECT_EQ(image->broker(BrokerId(1))->endpoint("PLAINTEXT")->port, 9092);
  EXPECT_EQ(image->broker(BrokerId(1))->endpoint("SSL"), nullptr);
  EXPECT_EQ(image->broker(BrokerId(2)), nullptr);
  EXPECT_EQ(image->controller(), BrokerId(1));
  EXPECT_EQ(image->cluster_id(), "id");
}

}  // namespace
}  // namespace gregor::model
