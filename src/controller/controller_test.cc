// The controller's decisions: elections, new partitions, brokers that come and go, deletion, lost
// and failed writes.
#include "controller/controller.h"

#include <gtest/gtest.h>

#include "controller/cluster_state.h"

namespace gregor::controller {
namespace {

using model::BrokerId;
using model::ControllerEpoch;
using model::LeaderEpoch;
using model::PartitionIndex;
using model::TopicPartition;

std::vector<BrokerId> ids(std::initializer_list<int> list) {
  std::vector<BrokerId> result;
  for (const int id : list) result.emplace_back(id);
  return result;
}

std::map<BrokerId, model::BrokerImage> brokers(std::initializer_list<int> list,
                                               std::int64_t epoch = 10) {
  std::map<BrokerId, model::BrokerImage> result;
  for (const int id : list)
    result[BrokerId(id)] = {BrokerId(id), epoch, {{"PLAINTEXT", "h", 9092}}, std::nullopt};
  return result;
}

znode::PartitionState state(int leader, int epoch, std::initializer_list<int> isr) {
  return {ControllerEpoch(1), BrokerId(leader), LeaderEpoch(epoch), ids(isr), false};
}

struct ElectCase {
  std::initializer_list<int> live;
  int leader;
  std::initializer_list<int> isr;
  bool leader_is_void;
  bool unclean;
  int expected_leader;  // -9 = no change
  std::initializer_list<int> expected_isr;
};

TEST(Elect, FollowsTheRules) {
  const ElectCase cases[] = {
      {{1, 2, 3}, 1, {1, 2}, false, false, -9, {}},     // all is well
      {{2, 3}, 1, {1, 2, 3}, false, false, 2, {2, 3}},  // the first live member in assignment order
      {{2, 3}, 1, {1, 3}, false, false, 3, {3}},        // not a replica outside of the ISR
      {{1, 3}, 1, {1, 2, 3}, false, false, 1, {1, 3}},  // a follower has gone: the ISR shrinks
      {{2}, 1, {1}, false, false, -1, {1}},             // nobody may lead; the last member stays
      {{2}, -1, {1}, false, false, -9, {}},             // nothing new
      {{2}, 1, {1}, false, true, 2, {2}},               // unclean
      {{1}, -1, {1}, false, false, 1, {1}},             // it is back
      {{1}, 1, {1}, true, false, 1, {1}},               // restarted: a new epoch
      {{1, 2}, 1, {1, 2}, true, false, 1, {1, 2}},
      {{}, 1, {1, 2}, false, false, -1, {1, 2}},
  };
  for (const auto& each : cases) {
    const auto replicas = ids({1, 2, 3});
    const auto live = brokers(each.live);
    const auto current = state(each.leader, 5, each.isr);
    const auto next = elect({replicas, current, live, each.leader_is_void, each.unclean});
    SCOPED_TRACE(&each - cases);
    if (each.expected_leader == -9) {
      EXPECT_FALSE(next);
      continue;
    }
    ASSERT_TRUE(next);
    EXPECT_EQ(next->leader, BrokerId(each.expected_leader));
    EXPECT_EQ(next->isr, ids(each.expected_isr));
    EXPECT_EQ(next->leader_epoch, LeaderEpoch(6));
    EXPECT_EQ(next->recovering, each.unclean);
  }
}

LoadedTopic loaded(std::string name, std::initializer_list<int> replicas,
                   std::optional<znode::PartitionState> s) {
  LoadedTopic topic;
  topic.name = std::move(name);
  topic.id = model::Uuid::from_bits(1, topic.name[0] - 0);
  topic.configs = std::make_shared<const model::ConfigEntries>();
  topic.assignment[PartitionIndex(0)] = ids(replicas);
  if (s) topic.leaderships[PartitionIndex(0)] = {*s, 4};
  return topic;
}

class ControllerTest : public ::testing::Test {
 protected:
  void elected(std::initializer_list<int> live, std::set<BrokerId> restarted = {}) {
    controller_.on_elected(BrokerId(1), ControllerEpoch(2), std::move(restarted), out_);
    ASSERT_EQ(out_.size(), 3u);
    EXPECT_TRUE(std::holds_alternative<effect::ReadBrokers>(out_[0]));
    EXPECT_TRUE(std::holds_alternative<effect::ReadDeletionRequests>(out_[1]));
    EXPECT_TRUE(std::holds_alternative<effect::ReadTopicList>(out_[2]));
    out_.clear();
    controller_.on_brokers(brokers(live), out_);
    for (const auto& each : out_)
      EXPECT_TRUE(std::get<effect::SendUpdateMetadata>(each).request.partitions.empty());
    EXPECT_EQ(out_.size(), live.size());
    out_.clear();
  }
  void read(LoadedTopic topic) {
    controller_.on_topic_list({topic.name}, out_);
    ASSERT_FALSE(out_.empty());
    EXPECT_TRUE(std::holds_alternative<effect::ReadTopics>(out_.back()));
    out_.clear();
    std::vector<LoadedTopic> topics;
    topics.push_back(std::move(topic));
    controller_.on_topics_read(std::move(topics), out_);
  }
  template <class T>
  std::vector<T> take() {
    std::vector<T> found;
    for (auto& each : out_) {
      if (auto* effect = std::get_if<T>(&each)) found.push_back(std::move(*effect));
    }
    return found;
  }
  // Answers the one write that is asked for.
  StateWrite written(WriteOutcome outcome, std::int32_t version = 9) {
    auto writes = take<effect::WriteStates>();
    EXPECT_EQ(writes.size(), 1u);
    EXPECT_EQ(writes.front().writes.size(), 1u);
    auto write = writes.front().writes.front();
    out_.clear();
    controller_.on_states_written({{write, outcome, version}}, out_);
    return write;
  }

  Controller controller_;
  Controller::Effects out_;
};

TEST_F(ControllerTest, NewPartitionGetsItsFirstLeader) {
  elected({1, 2});
  read(loaded("t", {3, 2, 1}, std::nullopt));
  const auto write = written(WriteOutcome::written, 0);
  EXPECT_FALSE(write.expected_version);
  EXPECT_EQ(write.state.leader, BrokerId(2)) << "the first live replica";
  EXPECT_EQ(write.state.isr, ids({2, 1}));
  EXPECT_EQ(write.state.controller_epoch, ControllerEpoch(2));
  EXPECT_EQ(write.state.leader_epoch, LeaderEpoch(0));
  // LeaderAndIsr to both live replicas, then UpdateMetadata to all.
  ASSERT_EQ(out_.size(), 4u);
  for (int i = 0; i < 2; ++i) {
    const auto& request =
        std::get<effect::SendLeaderAndIsr>(out_[static_cast<std::size_t>(i)]).request;
    ASSERT_EQ(request.partitions.size(), 1u);
    EXPECT_TRUE(request.partitions[0].is_new);
    EXPECT_EQ(request.head.broker_epoch, 10);
  }
  EXPECT_EQ(std::get<effect::SendUpdateMetadata>(out_[2]).request.partitions[0].partition_epoch, 0);
}

TEST_F(ControllerTest, ALeaderThatIsThereIsLeftAlone) {
  elected({1});
  read(loaded("t", {1}, state(1, 5, {1})));
  EXPECT_TRUE(take<effect::WriteStates>().empty());
  const auto sent = take<effect::SendLeaderAndIsr>();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].request.partitions[0].leader_epoch, LeaderEpoch(5));
  EXPECT_FALSE(sent[0].request.partitions[0].is_new);
}

TEST_F(ControllerTest, ARestartedLeaderIsElectedAnew) {
  elected({1}, {BrokerId(1)});
  read(loaded("t", {1}, state(1, 5, {1})));
  const auto write = written(WriteOutcome::written);
  EXPECT_EQ(write.state.leader_epoch, LeaderEpoch(6));
  EXPECT_EQ(write.expected_version, 4);
  EXPECT_EQ(controller_.state()
                .topics.at("t")
                .partitions.at(PartitionIndex(0))
                .leadership->partition_epoch,
            9);
}

TEST_F(ControllerTest, UnknownOutcomesAreReadAgain) {
  elected({1});
  read(loaded("t", {1}, std::nullopt));
  auto write = written(WriteOutcome::unknown);
  ASSERT_EQ(take<effect::ReadTopics>().size(), 1u);
  out_.clear();
  // It had been written after all: told as new, not written a second time.
  std::vector<LoadedTopic> topics;
  topics.push_back(loaded("t", {1}, write.state));
  controller_.on_topics_read(topics, out_);
  EXPECT_TRUE(take<effect::WriteStates>().empty());
  const auto sent = take<effect::SendLeaderAndIsr>();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].request.partitions[0].is_new);
}

TEST_F(ControllerTest, UnknownOutcomesThatFailedAreWrittenAgain) {
  elected({1});
  read(loaded("t", {1}, std::nullopt));
  written(WriteOutcome::unknown);
  out_.clear();
  std::vector<LoadedTopic> topics;
  topics.push_back(loaded("t", {1}, std::nullopt));
  controller_.on_topics_read(topics, out_);
  written(WriteOutcome::written);
  EXPECT_EQ(take<effect::SendLeaderAndIsr>().size(), 1u);
}

TEST_F(ControllerTest, ATopicIsNeverToldSmallerThanItIs) {
  elected({1});
  auto topic = loaded("t", {1}, std::nullopt);
  topic.assignment[PartitionIndex(1)] = ids({1});
  topic.assignment[PartitionIndex(2)] = ids({1});
  read(std::move(topic));
  auto writes = take<effect::WriteStates>();
  ASSERT_EQ(writes.size(), 1u);
  ASSERT_EQ(writes.front().writes.size(), 3u);
  out_.clear();
  std::vector<StateWritten> results;
  for (auto& write : writes.front().writes) {
    const bool is_first = write.partition.partition == PartitionIndex(0);
    results.push_back(
        {std::move(write), is_first ? WriteOutcome::written : WriteOutcome::unknown, 0});
  }
  controller_.on_states_written(results, out_);
  const auto metadata = take<effect::SendUpdateMetadata>();
  ASSERT_EQ(metadata.size(), 1u);
  std::map<PartitionIndex, BrokerId> leaders;
  for (const auto& told : metadata.front().request.partitions)
    leaders[told.partition] = told.leader;
  const std::map<PartitionIndex, BrokerId> expected{{PartitionIndex(0), BrokerId(1)},
                                                    {PartitionIndex(1), BrokerId(-1)},
                                                    {PartitionIndex(2), BrokerId(-1)}};
  EXPECT_EQ(leaders, expected);
}

TEST_F(ControllerTest, AMovedControllerResigns) {
  elected({1});
  read(loaded("t", {1}, std::nullopt));
  written(WriteOutcome::controller_moved);
  EXPECT_EQ(take<effect::Resign>().size(), 1u);
  EXPECT_FALSE(controller_.is_active());
  out_.clear();
  controller_.on_topic_list({"x"}, out_);
  EXPECT_TRUE(out_.empty());
}

TEST_F(ControllerTest, AStateOfALaterControllerMakesItResign) {
  elected({1});
  auto later = state(1, 5, {1});
  later.controller_epoch = ControllerEpoch(3);
  read(loaded("t", {1}, later));
  EXPECT_FALSE(controller_.is_active());
}

TEST_F(ControllerTest, BrokersComeAndGo) {
  elected({1, 2});
  read(loaded("t", {2, 1}, state(2, 5, {2, 1})));
  out_.clear();
  controller_.on_brokers(brokers({1}), out_);
  auto write = written(WriteOutcome::written);
  EXPECT_EQ(write.state.leader, BrokerId(1));
  EXPECT_EQ(write.state.isr, ids({1}));
  out_.clear();
  controller_.on_brokers({}, out_);
  write = written(WriteOutcome::written, 10);
  EXPECT_EQ(write.state.leader, BrokerId(-1));
  EXPECT_EQ(write.state.isr, ids({1}));
  out_.clear();
  controller_.on_brokers(brokers({2}, 20), out_);
  EXPECT_TRUE(take<effect::WriteStates>().empty()) << "a broker outside of the ISR must not lead";
  out_.clear();
  controller_.on_brokers(brokers({1, 2}, 20), out_);
  write = written(WriteOutcome::written, 11);
  EXPECT_EQ(write.state.leader, BrokerId(1));
  EXPECT_EQ(write.state.leader_epoch, LeaderEpoch(8));
  out_.clear();
  controller_.on_brokers(brokers({1, 2}, 30), out_);  // both were restarted between two looks
  write = written(WriteOutcome::written, 12);
  EXPECT_EQ(write.state.leader_epoch, LeaderEpoch(9));
}

TEST_F(ControllerTest, DeletionStopsReplicasThenRemovesNodes) {
  elected({1});
  read(loaded("t", {1}, state(1, 5, {1})));
  out_.clear();
  controller_.on_deletion_requests({"t"}, out_);
  ASSERT_EQ(out_.size(), 2u);
  EXPECT_EQ(std::get<effect::SendUpdateMetadata>(out_[0]).request.partitions[0].leader,
            leader_during_delete);
  const auto stop = std::get<effect::SendStopReplica>(out_[1]).request;
  EXPECT_TRUE(stop.partitions[0].delete_partition);
  out_.clear();
  controller_.on_deletion_requests({"t"}, out_);
  EXPECT_TRUE(out_.empty()) << "it is under way already";
  controller_.on_replicas_stopped(stop, {{{"t", PartitionIndex(0)}, ErrorCode::none}}, out_);
  ASSERT_EQ(take<effect::RemoveTopics>().size(), 1u);
  out_.clear();
  controller_.on_topics_removed({"t"}, out_);
  EXPECT_TRUE(out_.empty());
  EXPECT_TRUE(controller_.state().topics.empty());
}

TEST_F(ControllerTest, AFailedDeletionIsTriedAgain) {
  elected({1});
  read(loaded("t", {1}, state(1, 5, {1})));
  controller_.on_deletion_requests({"t"}, out_);
  const auto stop = take<effect::SendStopReplica>().front().request;
  out_.clear();
  controller_.on_replicas_stopped(
      stop, {{{"t", PartitionIndex(0)}, ErrorCode::kafka_storage_error}}, out_);
  EXPECT_TRUE(take<effect::RemoveTopics>().empty());
  controller_.on_deletion_requests({"t"}, out_);
  EXPECT_EQ(take<effect::SendStopReplica>().size(), 1u);
}

TEST_F(ControllerTest, WhatIsToBeDeletedGetsNoLeader) {
  controller_.on_elected(BrokerId(1), ControllerEpoch(2), {}, out_);
  controller_.on_brokers(brokers({1}), out_);
  controller_.on_deletion_requests({"t", "unknown"}, out_);
  out_.clear();
  controller_.on_topic_list({"t"}, out_);
  EXPECT_EQ(take<effect::RemoveDeletionRequests>().front().names,
            std::vector<std::string>({"unknown"}));
  out_.clear();
  std::vector<LoadedTopic> topics;
  topics.push_back(loaded("t", {1}, std::nullopt));
  controller_.on_topics_read(topics, out_);
  EXPECT_TRUE(take<effect::WriteStates>().empty());
  EXPECT_EQ(take<effect::SendStopReplica>().size(), 1u);
}

TEST_F(ControllerTest, DeletionWaitsForADeadReplica) {
  elected({1});
  read(loaded("t", {1, 2}, state(1, 5, {1})));
  out_.clear();
  controller_.on_deletion_requests({"t"}, out_);
  EXPECT_TRUE(out_.empty());
  controller_.on_brokers(brokers({1, 2}), out_);
  EXPECT_EQ(take<effect::SendStopReplica>().size(), 2u);
}

TEST_F(ControllerTest, DisabledDeletionRemovesTheRequests) {
  controller_.set_deletion_enabled(false);
  elected({1});
  read(loaded("t", {1}, state(1, 5, {1})));
  out_.clear();
  controller_.on_deletion_requests({"t"}, out_);
  ASSERT_EQ(out_.size(), 1u);
  EXPECT_EQ(std::get<effect::RemoveDeletionRequests>(out_[0]).names,
            std::vector<std::string>({"t"}));
}

TEST_F(ControllerTest, ATopicWhoseNodeHasGoneIsDropped) {
  elected({1});
  read(loaded("t", {1}, state(1, 5, {1})));
  out_.clear();
  controller_.on_topic_list({}, out_);
  ASSERT_EQ(out_.size(), 1u);
  EXPECT_EQ(std::get<effect::SendUpdateMetadata>(out_[0]).request.partitions[0].leader,
            leader_during_delete);
  EXPECT_TRUE(controller_.state().topics.empty());
}

}  // namespace
}  // namespace gregor::controller
