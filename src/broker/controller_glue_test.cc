// ControllerService over the simulated store with a host that only remembers: start, topics,
// deletion, lost connections.
#include "broker/controller_glue.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "broker/config_nodes.h"
#include "metadata/simulated/simulated_store.h"
#include "runtime/simulated/world.h"
#include "znode/path.h"
#include "znode/topic_node.h"

namespace gregor::broker {
namespace {

using namespace std::chrono_literals;
using metadata::SimulatedStoreOptions;
using metadata::SimulatedStoreServer;
using metadata::Store;
using model::BrokerId;
using model::PartitionIndex;
using model::TopicPartition;
using runtime::Task;

#define GREGOR_REQUIRE(condition)                  \
  do {                                             \
    if (!(condition)) {                            \
      ADD_FAILURE() << "required: " << #condition; \
      co_return;                                   \
    }                                              \
  } while (false)

class AnyConfig : public controller::TopicConfigRules {
 public:
  [[nodiscard]] Result<model::ConfigEntries> check(
      const model::ConfigEntries& configs) const override {
    if (configs.contains("bad"))
      return fail(ErrorCode::invalid_config, "Unknown topic config name: bad");
    return configs;
  }
};

class RememberingHost : public PartitionHost {
 public:
  Task<std::vector<controller::PartitionOutcome>> apply_leader_and_isr(
      controller::LeaderAndIsr request) override {
    std::vector<controller::PartitionOutcome> outcomes;
    ++requests;
    for (auto& partition : request.partitions) {
      const TopicPartition name{partition.topic, partition.partition};
      EXPECT_EQ(request.head.controller_epoch,
                partition.controller_epoch >= request.head.controller_epoch
                    ? partition.controller_epoch
                    : request.head.controller_epoch);
      EXPECT_NE(partition.configs, nullptr);
      outcomes.push_back({name, ErrorCode::none});
      leaders[name] = std::move(partition);
    }
    co_return outcomes;
  }
  Task<std::vector<controller::PartitionOutcome>> stop_replicas(
      controller::StopReplica request) override {
    std::vector<controller::PartitionOutcome> outcomes;
    for (const auto& each : request.partitions) {
      EXPECT_TRUE(each.delete_partition);
      leaders.erase(each.partition);
      outcomes.push_back({each.partition, ErrorCode::none});
    }
    co_return outcomes;
  }
  Task<void> publish_image(std::shared_ptr<const model::ClusterImage> published) override {
    image = std::move(published);
    co_return;
  }
  Task<void> apply_topic_configs(std::string topic,
                                 std::shared_ptr<const model::ConfigEntries> configs) override {
    topic_configs[topic] = *configs;
    co_return;
  }
  Task<void> apply_broker_configs(config::DynamicConfigs configs) override {
    broker_configs = std::move(configs);
    ++broker_reads;
    co_return;
  }

  std::map<TopicPartition, controller::PartitionLeadership> leaders;
  std::shared_ptr<const model::ClusterImage> image;
  int requests = 0;
  std::map<std::string, model::ConfigEntries> topic_configs;
  config::DynamicConfigs broker_configs;
  int broker_reads = 0;
};

/// A broker's worth of controller, on one shard.
class Node {
 public:
  Node(runtime::Shard& shard, SimulatedStoreServer& server)
      : shard_(shard),
        store(server.connect(shard)),
        service(shard, *store, host, rules, settings()) {}

  static ControllerSettings settings() {
    ControllerSettings settings;
    settings.endpoints = {{"PLAINTEXT", "127.0.0.1", 9092}};
    settings.listener_security_protocols = {{"PLAINTEXT", "PLAINTEXT"}};
    return settings;
  }
  [[nodiscard]] runtime::Instant in(runtime::Duration time) { return shard_.clock().now() + time; }
  Task<std::vector<TopicCreated>> create(std::vector<controller::TopicRequest> topics) {
    return service.create_topics(std::move(topics), {in(20s), false});
  }

  runtime::Shard& shard_;
  RememberingHost host;
  AnyConfig rules;
  std::unique_ptr<Store> store;
  ControllerService service;
};

controller::TopicRequest topic(std::string name, std::int32_t partitions = -1) {
  controller::TopicRequest request;
  request.name = std::move(name);
  request.partitions = partitions;
  return request;
}

std::vector<controller::TopicRequest> one(controller::TopicRequest request) {
  std::vector<controller::TopicRequest> requests;
  requests.push_back(std::move(request));
  return requests;
}

class ControllerGlueTest : public ::testing::Test {
 protected:
  ControllerGlueTest() { machine_.boot(1); }
  using Body = Task<void> (*)(ControllerGlueTest&);
  void run(Body body) { EXPECT_TRUE(world_.run_task(shard(), body(*this))); }
  void run_for_an_hour(Body body) { EXPECT_TRUE(world_.run_task(shard(), body(*this), 1h)); }

 public:
  std::unique_ptr<Node> node() { return std::make_unique<Node>(shard(), server_); }
  runtime::Shard& shard() { return machine_.shard(0); }
  SimulatedStoreServer server_{{}};
  runtime::simulated::World world_;
  runtime::simulated::Node& machine_{world_.add_node("broker")};
};

Task<void> start(Node& node, bool crashed = false) {
  auto facts = co_await node.service.prepare("");
  GREGOR_REQUIRE(facts);
  auto started = co_await node.service.start({}, crashed);
  EXPECT_TRUE(started) << started.error().detail;
}

Task<void> stop(Node& node) {
  co_await node.service.stop();
  co_await node.store->close();
}

Task<void> starts_empty(ControllerGlueTest& test) {
  auto node = test.node();
  auto facts = co_await node->service.prepare("the-id");
  GREGOR_REQUIRE(facts);
  EXPECT_EQ(facts->cluster_id, "the-id");
  EXPECT_TRUE(facts->was_empty);
  auto started = co_await node->service.start({}, false);
  GREGOR_REQUIRE(started);
  GREGOR_REQUIRE(node->host.image);
  EXPECT_EQ(node->host.image->controller(), BrokerId(1));
  EXPECT_EQ(node->host.image->cluster_id(), "the-id");
  GREGOR_REQUIRE(node->host.image->broker(BrokerId(1)));
  EXPECT_EQ(node->host.image->broker(BrokerId(1))->endpoint("PLAINTEXT")->port, 9092);
  const auto* registration = test.server_.tree().find("/brokers/ids/1");
  GREGOR_REQUIRE(registration);
  EXPECT_EQ(registration->version, 1);
  EXPECT_EQ(registration->czxid, node->service.broker_epoch());
  const auto* epoch = test.server_.tree().find("/controller_epoch");
  GREGOR_REQUIRE(epoch);
  EXPECT_EQ(epoch->data, "1");
  EXPECT_EQ(epoch->version, 1);
  co_await stop(*node);
  node.reset();
  auto again = test.node();
  facts = co_await again->service.prepare("another");
  GREGOR_REQUIRE(facts);
  EXPECT_EQ(facts->cluster_id, "the-id");
  EXPECT_FALSE(facts->was_empty);
  co_await stop(*again);
}
TEST_F(ControllerGlueTest, StartsOnAnEmptyStore) { run(starts_empty); }

Task<void> creates(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  auto request = topic("a", 3);
  request.configs.emplace_back("retention.ms", "5");
  auto made = co_await node->create(one(std::move(request)));
  GREGOR_REQUIRE(made.size() == 1);
  EXPECT_EQ(made[0].error, ErrorCode::none) << made[0].message;
  EXPECT_EQ(made[0].partitions, 3);
  EXPECT_EQ(made[0].replication_factor, 1);
  EXPECT_FALSE(made[0].id.is_zero());
  const auto* image = node->host.image->find("a");
  GREGOR_REQUIRE(image);
  EXPECT_EQ(image->id, made[0].id);
  EXPECT_EQ(image->partitions.size(), 3u);
  EXPECT_EQ(image->partitions[2].leader, BrokerId(1));
  EXPECT_EQ(image->partitions[2].leader_epoch, model::LeaderEpoch(0));
  EXPECT_EQ(image->configs->at("retention.ms"), "5");
  EXPECT_EQ(node->host.leaders.size(), 3u);
  const auto& told = node->host.leaders[TopicPartition{"a", PartitionIndex(0)}];
  EXPECT_TRUE(told.is_new);
  EXPECT_EQ(told.configs->at("retention.ms"), "5");
  const auto* state = test.server_.tree().find("/brokers/topics/a/partitions/2/state");
  GREGOR_REQUIRE(state);
  EXPECT_EQ(state->data,
            R"({"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1]})");
  EXPECT_EQ(test.server_.tree().find("/config/topics/a")->data,
            R"({"version":1,"config":{"retention.ms":"5"}})");

  auto again = co_await node->create(one(topic("a")));
  EXPECT_EQ(again[0].error, ErrorCode::topic_already_exists);
  auto collides = co_await node->create(one(topic("a_b")));
  EXPECT_EQ(collides[0].error, ErrorCode::none);
  collides = co_await node->create(one(topic("a.b")));
  EXPECT_EQ(collides[0].error, ErrorCode::invalid_topic_exception);
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, CreatesTopics) { run(creates); }

Task<void> validates(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  auto requests = one(topic("a", 2));
  requests.push_back(topic("twice"));
  requests.push_back(topic("twice"));
  requests.push_back(topic("no/name"));
  auto checked = co_await node->service.create_topics(requests, {node->in(5s), true});
  GREGOR_REQUIRE(checked.size() == 3);
  EXPECT_EQ(checked[0].error, ErrorCode::none);
  EXPECT_FALSE(checked[0].id.is_zero());
  EXPECT_EQ(checked[1].error, ErrorCode::invalid_topic_exception);
  EXPECT_EQ(checked[2].name, "twice");
  EXPECT_EQ(checked[2].error, ErrorCode::invalid_request);
  auto late = co_await node->service.create_topics(requests, {node->in(0s), false});
  GREGOR_REQUIRE(late.size() == 4);  // nothing is looked at any more
  for (const auto& answer : late) EXPECT_EQ(answer.error, ErrorCode::request_timed_out);
  EXPECT_EQ(node->service.image()->topic_count(), 0u);
  EXPECT_EQ(test.server_.tree().find("/brokers/topics")->children.size(), 0u);
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, ValidateOnlyAndPastDeadlinesMakeNothing) { run(validates); }

controller::PartitionsRequest grow(std::string name, std::int32_t count) {
  return {std::move(name), count, std::nullopt};
}

Task<void> adds_partitions(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  auto made = co_await node->create(one(topic("a", 2)));
  std::vector<controller::PartitionsRequest> asked{grow("a", 4), grow("none", 2)};
  auto checked = co_await node->service.create_partitions(asked, {node->in(5s), true});
  GREGOR_REQUIRE(checked.size() == 2);
  EXPECT_EQ(checked[0].error, ErrorCode::none);
  auto late = co_await node->service.create_partitions(asked, {node->in(0s), false});
  EXPECT_EQ(late[0].error, ErrorCode::request_timed_out);
  EXPECT_EQ(node->host.image->find("a")->partitions.size(), 2u) << "nothing was made";
  auto grown = co_await node->service.create_partitions(asked, {node->in(5s), false});
  GREGOR_REQUIRE(grown.size() == 2);
  EXPECT_EQ(grown[0].error, ErrorCode::none) << grown[0].message;
  EXPECT_EQ(grown[1].error, ErrorCode::unknown_topic_or_partition);
  const auto* image = node->host.image->find("a");
  GREGOR_REQUIRE(image->partitions.size() == 4);
  EXPECT_EQ(image->id, made[0].id);
  EXPECT_EQ(image->partitions[3].leader, BrokerId(1));
  EXPECT_TRUE(node->host.leaders[(TopicPartition{"a", PartitionIndex(3)})].is_new);
  const auto* old = test.server_.tree().find("/brokers/topics/a/partitions/0/state");
  EXPECT_EQ(old->version, 0) << "the others are left alone";
  const auto* path = test.server_.tree().find("/brokers/topics/a");
  const auto node_data = znode::decode_topic("", path->data);
  EXPECT_EQ(node_data->partitions.size(), 4u);
  EXPECT_EQ(node_data->topic_id, made[0].id);
  auto again = co_await node->service.create_partitions(asked, {node->in(5s), false});
  EXPECT_EQ(again[0].error, ErrorCode::invalid_partitions);
  co_await stop(*node);
  node = test.node();
  co_await start(*node);
  EXPECT_EQ(node->host.leaders.size(), 4u) << "after a restart";
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, AddsPartitions) { run(adds_partitions); }

// The node is ahead of what the controller has read.
Task<void> adds_behind_others(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  co_await node->create(one(topic("a", 1)));
  auto other = test.server_.connect(test.shard());
  auto there = co_await other->get("/brokers/topics/a", metadata::Watch::no);
  GREGOR_REQUIRE(there);
  auto assignment = znode::decode_topic("", there->data);
  GREGOR_REQUIRE(assignment);
  assignment->partitions[PartitionIndex(1)] = {BrokerId(1)};
  znode::op::Set set{"/brokers/topics/a", znode::encode(*assignment), there->stat.version};
  auto written = co_await other->set(std::move(set));
  EXPECT_TRUE(written);
  std::vector<controller::PartitionsRequest> same{grow("a", 2)};
  auto refused = co_await node->service.create_partitions(same, {node->in(5s), false});
  EXPECT_EQ(refused[0].error, ErrorCode::invalid_partitions) << "it has two already";
  std::vector<controller::PartitionsRequest> more{grow("a", 3)};
  auto grown = co_await node->service.create_partitions(more, {node->in(5s), false});
  EXPECT_EQ(grown[0].error, ErrorCode::none) << grown[0].message;
  EXPECT_EQ(node->host.leaders.size(), 3u);
  co_await stop(*node);
  co_await other->close();
}
TEST_F(ControllerGlueTest, AddsPartitionsToWhatTheNodeSays) { run(adds_behind_others); }

Task<void> creates_many(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  std::vector<controller::TopicRequest> requests;
  for (int i = 0; i < 1000; ++i) requests.push_back(topic("t" + std::to_string(i), 2));
  const int before = node->host.requests;
  auto made = co_await node->create(std::move(requests));
  EXPECT_EQ(made.size(), 1000u);
  for (const auto& each : made) EXPECT_EQ(each.error, ErrorCode::none) << each.message;
  EXPECT_EQ(node->host.leaders.size(), 2000u);
  EXPECT_LE(node->host.requests - before, 1000);
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, CreatesAThousandTopicsInOneRequest) { run(creates_many); }

Task<void> deletes(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  auto requests = one(topic("a", 2));
  requests.push_back(topic("b"));
  requests.push_back(topic("c"));
  auto made = co_await node->create(std::move(requests));
  std::vector<controller::DeletionRequest> ask(4);
  ask[0].name = "a";
  ask[1].id = made[1].id;
  ask[2].name = "unknown";
  ask[3].id = model::Uuid::from_bits(1, 2);
  auto gone = co_await node->service.delete_topics(ask, node->in(10s));
  GREGOR_REQUIRE(gone.size() == 4);
  EXPECT_EQ(gone[0].error, ErrorCode::none);
  EXPECT_EQ(gone[0].id, made[0].id);
  EXPECT_EQ(gone[1].error, ErrorCode::none);
  EXPECT_EQ(gone[1].name, "b");
  EXPECT_EQ(gone[2].error, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(gone[3].error, ErrorCode::unknown_topic_id);
  const auto& tree = test.server_.tree();
  for (const char* path :
       {"/brokers/topics/a", "/config/topics/a", "/admin/delete_topics/a", "/brokers/topics/b"}) {
    EXPECT_EQ(tree.find(path), nullptr) << path;
  }
  EXPECT_NE(tree.find("/brokers/topics/c"), nullptr);
  EXPECT_EQ(node->host.leaders.size(), 1u);
  EXPECT_EQ(node->host.image->find("a"), nullptr);
  ask.resize(1);
  ask[0].name = "c";
  gone = co_await node->service.delete_topics(ask, node->in(0s));
  EXPECT_EQ(gone[0].error, ErrorCode::request_timed_out);
  EXPECT_NE(tree.find("/brokers/topics/c"), nullptr);
  auto again = co_await node->create(one(topic("a")));
  EXPECT_EQ(again[0].error, ErrorCode::none) << again[0].message;
  EXPECT_NE(again[0].id, made[0].id);
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, DeletesByNameAndById) { run(deletes); }

Task<void> restarts(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  co_await node->create(one(topic("a")));
  const TopicPartition a0{"a", PartitionIndex(0)};
  co_await stop(*node);
  node.reset();

  node = test.node();  // in order: the leader epoch stays
  co_await start(*node);
  EXPECT_EQ(node->host.leaders[a0].leader_epoch, model::LeaderEpoch(0));
  EXPECT_FALSE(node->host.leaders[a0].is_new);
  co_await node->service.stop();
  const auto crashed_session = node->store->session_id();
  node.reset();  // as in a crash: the session is still there
  test.server_.expire(crashed_session);

  node = test.node();
  co_await start(*node, true);
  EXPECT_EQ(node->host.leaders[a0].leader_epoch, model::LeaderEpoch(1));
  EXPECT_EQ(node->host.leaders[a0].partition_epoch, 1);
  EXPECT_FALSE(node->host.leaders[a0].is_new);
  EXPECT_EQ(node->host.image->find("a", PartitionIndex(0))->leader_epoch, model::LeaderEpoch(1));
  EXPECT_EQ(node->host.image->controller_epoch(), model::ControllerEpoch(3));
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, ACrashMovesTheLeaderEpochAndAStopDoesNot) { run(restarts); }

Task<void> replaces_old_nodes(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  co_await node->service.stop();
  const auto old_epoch = node->service.broker_epoch();
  node.reset();  // its ephemeral nodes are still there
  node = test.node();
  co_await start(*node, true);
  EXPECT_GT(node->service.broker_epoch(), old_epoch);
  EXPECT_EQ(test.server_.tree().find("/controller")->ephemeral_owner, node->store->session_id());
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, NodesOfAnEarlierRunAreReplaced) { run(replaces_old_nodes); }

Task<void> refuses_other_brokers(ControllerGlueTest& test) {
  auto other = test.server_.connect(test.shard());
  for (const char* path : {"/brokers", "/brokers/ids"}) {
    znode::op::Create create{path, "", znode::CreateMode::persistent};
    auto made = co_await other->create(std::move(create));
    EXPECT_TRUE(made);
  }
  znode::op::Create create{"/brokers/ids/1", R"({"version":1,"host":"other","port":1})",
                           znode::CreateMode::ephemeral};
  auto made = co_await other->create(std::move(create));
  EXPECT_TRUE(made);
  auto node = test.node();
  auto facts = co_await node->service.prepare("");
  EXPECT_TRUE(facts);
  auto started = co_await node->service.start({}, false);
  GREGOR_REQUIRE(!started);
  EXPECT_EQ(started.error().code, ErrorCode::duplicate_broker_registration);
  co_await stop(*node);
  co_await other->close();
}
TEST_F(ControllerGlueTest, AnotherBrokersIdIsRefused) { run(refuses_other_brokers); }

Task<void> adopts(ControllerGlueTest& test) {
  auto node = test.node();
  auto facts = co_await node->service.prepare("");
  GREGOR_REQUIRE(facts);
  const auto id = model::Uuid::from_bits(3, 4);
  std::vector<AdoptedPartition> found;
  found.push_back({{"old", PartitionIndex(1)}, id, model::LeaderEpoch(7)});
  found.push_back({{"old", PartitionIndex(0)}, std::nullopt, model::LeaderEpoch(2)});
  found.push_back({{"older", PartitionIndex(0)}, std::nullopt, model::LeaderEpoch(-1)});
  for (int i = 0; i < 2; ++i) {  // may be repeated
    auto adopted = co_await node->service.adopt_partitions(found);
    EXPECT_TRUE(adopted) << adopted.error().detail;
  }
  auto started = co_await node->service.start({}, false);
  GREGOR_REQUIRE(started);
  EXPECT_EQ(node->host.leaders.size(), 3u);
  const auto& told = node->host.leaders[TopicPartition{"old", PartitionIndex(1)}];
  EXPECT_EQ(told.leader_epoch, model::LeaderEpoch(8));
  EXPECT_EQ(told.topic_id, id);
  EXPECT_FALSE(told.is_new);
  EXPECT_EQ((node->host.leaders[TopicPartition{"older", PartitionIndex(0)}].leader_epoch),
            model::LeaderEpoch(0));
  found.push_back({{"gap", PartitionIndex(1)}, std::nullopt, model::LeaderEpoch(0)});
  auto refused = co_await node->service.adopt_partitions(found);
  GREGOR_REQUIRE(!refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_partitions);
  EXPECT_NE(refused.error().detail.find("gap"), std::string::npos);
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, AdoptsFolders) { run(adopts); }

// Connections that break at random: what is answered ok is there, nothing is half made for good.
Task<void> under_loss(ControllerGlueTest& test, std::uint64_t seed, int& created) {
  SimulatedStoreOptions options;
  options.seed = seed;
  options.delay_max = 20us;
  options.connection_loss_ppm = 20'000;
  options.reconnect_after = 50us;
  test.server_.set_options(options);
  auto node = test.node();
  co_await start(*node);
  for (int round = 0; round < 4; ++round) {
    std::vector<controller::TopicRequest> requests;
    for (int i = 0; i < 3; ++i) requests.push_back(topic("t" + std::to_string(round * 3 + i), 2));
    auto made = co_await node->create(std::move(requests));
    for (const auto& each : made) {
      EXPECT_EQ(each.error, ErrorCode::none) << each.name << " " << each.message;
      if (each.error == ErrorCode::none) ++created;
      EXPECT_NE(node->host.image->find(each.name), nullptr);
    }
  }
  for (const auto& [partition, told] : node->host.leaders) {
    EXPECT_TRUE(told.leader_epoch == model::LeaderEpoch(0)) << "elected anew without need";
  }
  for (std::int32_t count = 3; count < 6; ++count) {
    std::vector<controller::PartitionsRequest> more{grow("t0", count), grow("t1", count)};
    auto grown = co_await node->service.create_partitions(more, {node->in(20s), false});
    for (const auto& each : grown) EXPECT_EQ(each.error, ErrorCode::none) << each.message;
    EXPECT_EQ(node->host.image->find("t1")->partitions.size(), static_cast<std::size_t>(count));
  }
  std::vector<controller::DeletionRequest> ask(1);
  ask[0].name = "t0";
  auto gone = co_await node->service.delete_topics(ask, node->in(20s));
  EXPECT_EQ(gone[0].error, ErrorCode::none) << gone[0].message;
  test.server_.set_options({});
  co_await stop(*node);
}

Task<void> delete_all(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  std::vector<controller::DeletionRequest> all;
  node->service.image()->for_each_topic([&](const model::TopicImage& t) {
    all.push_back({t.name, {}});
  });
  auto gone = co_await node->service.delete_topics(all, node->in(20s));
  for (const auto& each : gone) EXPECT_EQ(each.error, ErrorCode::none);
  EXPECT_TRUE(test.server_.tree().find("/brokers/topics")->children.empty());
  EXPECT_TRUE(test.server_.tree().find("/config/topics")->children.empty());
  EXPECT_TRUE(test.server_.tree().find("/admin/delete_topics")->children.empty());
  co_await stop(*node);
}

TEST_F(ControllerGlueTest, WorksOverAConnectionThatBreaks) {
  int created = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    EXPECT_TRUE(
        world_.run_task(shard(), under_loss(*this, seed, created), std::chrono::minutes(10)));
    EXPECT_TRUE(world_.run_task(shard(), delete_all(*this)));
  }
  EXPECT_EQ(created, 12 * 30);
}

/// What the client of a node that crashes was told.
struct Told {
  std::set<std::string> made;
  std::set<std::string> asked_to_delete;
  int started = 0;
};

Task<void> make_and_delete(Node& node, bool crashed, int generation, Told& told) {
  co_await start(node, crashed);
  ++told.started;
  for (int i = 0;; ++i) {
    const std::string name = "t" + std::to_string(generation) + "-" + std::to_string(i);
    auto made = co_await node.create(one(topic(name, 2)));
    if (made[0].error != ErrorCode::none) continue;
    told.made.insert(name);
    if (i % 3 != 2) continue;
    std::vector<controller::DeletionRequest> ask(1);
    ask[0].name = name;
    told.asked_to_delete.insert(name);
    co_await node.service.delete_topics(ask, node.in(20s));
  }
}

Task<void> check_after_crash(ControllerGlueTest& test, const Told& told) {
  auto node = test.node();
  co_await start(*node, true);
  for (const auto& name : told.made) {
    const auto* image = node->service.image()->find(name);
    if (told.asked_to_delete.contains(name)) {
      EXPECT_TRUE(image == nullptr || node->host.leaders.contains({name, PartitionIndex(0)}));
      continue;
    }
    EXPECT_NE(image, nullptr) << name << " was acknowledged";
  }
  node->service.image()->for_each_topic([&](const model::TopicImage& t) {
    EXPECT_EQ(t.partitions.size(), 2u);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(t.partitions[static_cast<std::size_t>(i)].leader, BrokerId(1)) << t.name;
      EXPECT_TRUE(node->host.leaders.contains({t.name, PartitionIndex(i)})) << t.name;
    }
  });
  EXPECT_TRUE(test.server_.tree().find("/admin/delete_topics")->children.empty())
      << "a deletion was forgotten";
  co_await stop(*node);
}

// The broker crashes at any moment: during its start, a creation, a deletion. The next one carries
// on.
TEST_F(ControllerGlueTest, ACrashAtAnyMomentLeavesNothingHalfMade) {
  SimulatedStoreOptions slow;
  slow.delay_min = 1us;
  slow.delay_max = 30us;
  Told told;
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    slow.seed = static_cast<std::uint64_t>(round) + 1;
    server_.set_options(slow);
    auto node = this->node();
    Node& running = *node;
    shard().post(
        [&] { shard().message_tasks().spawn(make_and_delete(running, round > 0, round, told)); });
    world_.run_for(std::chrono::microseconds(20 + round * 17 % 2500));
    machine_.crash(runtime::simulated::CrashKind::kill);
    machine_.drop_work();
    const auto session = node->store->session_id();
    node.reset();
    machine_.destroy_shards();
    server_.expire(session);
    machine_.boot(1);
    if (round % 10 == 9) {
      EXPECT_TRUE(world_.run_task(shard(), check_after_crash(*this, told)));
    }
  }
  EXPECT_GT(told.started, 100);
  EXPECT_GT(told.made.size(), 200u);
  EXPECT_GT(told.asked_to_delete.size(), 20u);
}

// As another broker or tool changes configs.
Task<void> change_configs(runtime::Shard& shard, Store& store, ConfigEntity entity,
                          model::ConfigEntries configs) {
  auto stored = co_await read_configs(shard, store, entity);
  GREGOR_REQUIRE(stored);
  auto written = co_await write_configs(store, entity, std::move(configs), stored->version);
  GREGOR_REQUIRE(written);
  EXPECT_EQ(*written, ConfigsWritten::yes);
}

Task<void> follows_configs(ControllerGlueTest& test) {
  auto node = test.node();
  auto other = test.server_.connect(test.shard());
  co_await start(*node);
  EXPECT_EQ(node->host.broker_reads, 1);
  auto made = co_await node->create(one(topic("a", 2)));
  GREGOR_REQUIRE(made[0].error == ErrorCode::none);
  const model::ConfigEntries five{{"retention.ms", "5"}};
  co_await change_configs(test.shard(), *other, topic_entity("a"), five);
  EXPECT_EQ(test.server_.tree().find("/config/changes/config_change_0000000000")->data,
            R"({"version":2,"entity_path":"topics/a"})");
  co_await runtime::sleep_until(test.shard(), node->in(1s));
  EXPECT_EQ(node->host.topic_configs["a"], five);
  EXPECT_EQ(*node->host.image->find("a")->configs, five);
  const model::ConfigEntries roll{{"log.roll.ms", "7"}};
  co_await change_configs(test.shard(), *other, all_brokers_entity(), roll);
  co_await runtime::sleep_until(test.shard(), node->in(1s));
  EXPECT_EQ(node->host.broker_configs.of_all, roll);
  EXPECT_EQ(node->host.broker_reads, 2);
  co_await change_configs(test.shard(), *other, broker_entity(BrokerId(1)), five);
  co_await node->service.apply_config_changes();
  EXPECT_EQ(node->host.broker_configs.own, five);
  co_await stop(*node);
  co_await other->close();
}
TEST_F(ControllerGlueTest, FollowsChangesOfConfigs) { run(follows_configs); }

Task<void> keeps_configs(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  co_await node->create(one(topic("a", 1)));
  const model::ConfigEntries five{{"retention.ms", "5"}};
  co_await change_configs(test.shard(), *node->store, topic_entity("a"), five);
  co_await change_configs(test.shard(), *node->store, all_brokers_entity(), five);
  co_await stop(*node);
  node.reset();
  node = test.node();
  co_await start(*node);
  EXPECT_EQ(*node->host.image->find("a")->configs, five);
  EXPECT_EQ(node->host.broker_configs.of_all, five);
  // What is told anew does not bring old configs back.
  co_await change_configs(test.shard(), *node->store, topic_entity("a"), {});
  co_await node->service.apply_config_changes();
  co_await node->create(one(topic("b", 1)));
  EXPECT_TRUE(node->host.image->find("a")->configs->empty());
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, ReadsStoredConfigsAtTheStart) { run(keeps_configs); }

Task<void> removes_notices(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  co_await node->create(one(topic("a", 1)));
  for (int i = 0; i < 3; ++i) {
    const model::ConfigEntries configs{{"retention.ms", std::to_string(i)}};
    co_await change_configs(test.shard(), *node->store, topic_entity("a"), configs);
    co_await node->service.apply_config_changes();
    co_await runtime::sleep_until(test.shard(), node->in(std::chrono::minutes(8)));
  }
  const auto* notices = test.server_.tree().find("/config/changes");
  GREGOR_REQUIRE(notices);
  EXPECT_EQ(test.server_.tree().find("/config/changes/config_change_0000000000"), nullptr);
  EXPECT_NE(test.server_.tree().find("/config/changes/config_change_0000000001"), nullptr);
  EXPECT_NE(test.server_.tree().find("/config/changes/config_change_0000000002"), nullptr);
  EXPECT_EQ(node->host.topic_configs["a"].at("retention.ms"), "2");
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, RemovesNoticesOlderThanFifteenMinutes) {
  run_for_an_hour(removes_notices);
}

Task<void> writes_on_condition(ControllerGlueTest& test) {
  auto node = test.node();
  co_await start(*node);
  auto gone = topic_entity("nobody");
  auto written = co_await write_configs(*node->store, gone, {}, std::nullopt);
  GREGOR_REQUIRE(written);
  EXPECT_EQ(*written, ConfigsWritten::entity_gone);
  co_await node->create(one(topic("a", 1)));
  auto entity = topic_entity("a");
  for (const auto version : {std::optional<std::int32_t>(7), std::optional<std::int32_t>()}) {
    written = co_await write_configs(*node->store, entity, {}, version);
    GREGOR_REQUIRE(written);
    EXPECT_EQ(*written, ConfigsWritten::changed_meanwhile);
  }
  model::ConfigEntries large{{"leader.replication.throttled.replicas", std::string(1 << 20, 'x')}};
  written = co_await write_configs(*node->store, entity, std::move(large), 0);
  GREGOR_REQUIRE(!written);
  EXPECT_EQ(written.error().code, ErrorCode::invalid_request);
  EXPECT_EQ(test.server_.tree().find("/config/changes/config_change_0000000000"), nullptr);
  co_await stop(*node);
}
TEST_F(ControllerGlueTest, ConfigsAreWrittenOnlyOverWhatWasRead) { run(writes_on_condition); }

}  // namespace
}  // namespace gregor::broker
