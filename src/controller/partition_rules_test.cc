// CreatePartitions: which error wins, in the order of Apache Kafka 4.1.1; where new replicas go.
#include "controller/partition_rules.h"

#include <gtest/gtest.h>

namespace gregor::controller {
namespace {

using model::BrokerId;
using model::PartitionIndex;
using Ids = std::vector<std::int32_t>;

std::vector<BrokerPlace> brokers(int count) {
  std::vector<BrokerPlace> places;
  for (int i = 1; i <= count; ++i) places.push_back({BrokerId(i), std::nullopt});
  return places;
}

std::vector<BrokerId> ids(const Ids& numbers) {
  std::vector<BrokerId> result;
  for (const auto number : numbers) result.emplace_back(number);
  return result;
}

znode::TopicAssignment topic(const std::vector<Ids>& replicas) {
  znode::TopicAssignment assignment;
  std::int32_t index = 0;
  for (const auto& each : replicas) assignment.partitions[PartitionIndex(index++)] = ids(each);
  return assignment;
}

PartitionsRequest ask(std::int32_t count, std::optional<std::vector<Ids>> assignments = {}) {
  return {"t", count, std::move(assignments)};
}

int code(const PartitionsRequest& request, const znode::TopicAssignment& assignment,
         int broker_count = 3) {
  const auto plan = plan_partitions(request, &assignment, brokers(broker_count));
  EXPECT_EQ(plan.message.empty(), plan.ok() || plan.error == ErrorCode::unknown_topic_or_partition);
  return static_cast<int>(plan.error);
}

TEST(PartitionRules, CountsMustGrow) {
  const auto two = topic({{1}, {2}});
  for (const std::int32_t count : {2, 1, 0, -1, INT32_MIN}) EXPECT_EQ(code(ask(count), two), 37);
  EXPECT_EQ(code(ask(3), two), 0);
  EXPECT_EQ(code(ask(10'002), two), 0);
  for (const std::int32_t count : {10'003, INT32_MAX}) EXPECT_EQ(code(ask(count), two), 44);
}

TEST(PartitionRules, UnknownTopics) {
  const auto plan = plan_partitions(ask(3), nullptr, brokers(1));
  EXPECT_EQ(plan.error, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(code(ask(3), znode::TopicAssignment{}), 3);
}

TEST(PartitionRules, NothingIsAddedDuringAReassignment) {
  auto moving = topic({{1}});
  moving.adding_replicas[PartitionIndex(0)] = ids({2});
  EXPECT_EQ(code(ask(2), moving), 60);
  moving = topic({{1}});
  moving.removing_replicas[PartitionIndex(0)] = ids({1});
  EXPECT_EQ(code(ask(2), moving), 60);
}

TEST(PartitionRules, ChosenReplicas) {
  const auto one = topic({{1, 2}});
  EXPECT_EQ(code(ask(3, std::vector<Ids>{{1, 2}, {3, 1}}), one), 0);
  EXPECT_EQ(code(ask(3, std::vector<Ids>{}), one), 39);
  EXPECT_EQ(code(ask(3, std::vector<Ids>{{1, 2}}), one), 39);
  EXPECT_EQ(code(ask(2, std::vector<Ids>{{1, 2}, {1, 2}}), one), 39);
  EXPECT_EQ(code(ask(2, std::vector<Ids>{{}}), one), 39);
  EXPECT_EQ(code(ask(2, std::vector<Ids>{{1, 1}}), one), 39);
  EXPECT_EQ(code(ask(2, std::vector<Ids>{{1, 9}}), one), 39);
  EXPECT_EQ(code(ask(2, std::vector<Ids>{{1, -1}}), one), 39);
  EXPECT_EQ(code(ask(2, std::vector<Ids>{{1}}), one), 39) << "another replication factor";
  EXPECT_EQ(code(ask(1, std::vector<Ids>{{9}}), one), 37) << "the count is looked at first";
}

TEST(PartitionRules, NewPartitionsGoOnWhereTheOthersEnd) {
  const auto three = topic({{2, 3}, {3, 1}, {1, 2}});
  const auto plan = plan_partitions(ask(6), &three, brokers(3));
  ASSERT_TRUE(plan.ok()) << plan.message;
  EXPECT_EQ(plan.first, 3);
  EXPECT_EQ(plan.count(), 6);
  const std::vector<std::vector<BrokerId>> expected{ids({2, 3}), ids({3, 1}), ids({1, 2})};
  std::vector<BrokerId> leaders;
  for (const auto& replicas : plan.added) {
    EXPECT_EQ(replicas.size(), 2u);
    leaders.push_back(replicas.front());
  }
  EXPECT_EQ(leaders, ids({2, 3, 1}));
}

TEST(PartitionRules, TooFewBrokers) {
  EXPECT_EQ(code(ask(2), topic({{1, 2, 3}}), 2), 38);
  EXPECT_EQ(code(ask(2), topic({{9}}), 2), 0) << "its broker has gone, others have not";
}

TEST(PartitionRules, OnePlanPerName) {
  const auto one = topic({{1}});
  const FindAssignment find = [&one](const std::string& name) {
    return name == "a" || name == "b" ? &one : nullptr;
  };
  const std::vector<PartitionsRequest> requests{
      {"b", 2, {}}, {"a", 2, {}}, {"x", 2, {}}, {"b", 3, {}}};
  const auto plans = plan_all_partitions(requests, find, brokers(1));
  ASSERT_EQ(plans.size(), 3u);
  EXPECT_EQ(plans[0].name, "a");
  EXPECT_TRUE(plans[0].ok());
  EXPECT_EQ(plans[1].error, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(plans[2].name, "b");
  EXPECT_EQ(plans[2].error, ErrorCode::invalid_request);
}

}  // namespace
}  // namespace gregor::controller
