// ProducerIds over the simulated store: each id once, whatever happens to brokers and connections.
#include "broker/producer_ids.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "metadata/simulated/simulated_store.h"
#include "runtime/simulated/world.h"
#include "znode/path.h"
#include "znode/producer_id_node.h"

namespace gregor::broker {
namespace {

using namespace std::chrono_literals;
using metadata::SimulatedStoreServer;
using metadata::Store;
using metadata::Watch;
using runtime::Task;

const std::string path(znode::path::latest_producer_id_block);

/// One broker's session with the store.
struct Broker {
  Broker(runtime::Shard& shard, SimulatedStoreServer& server, std::int32_t id)
      : store(server.connect(shard)), ids(shard, *store, model::BrokerId(id)) {}
  std::unique_ptr<Store> store;
  ProducerIds ids;
};

class ProducerIdsTest : public ::testing::Test {
 protected:
  ProducerIdsTest() { machine_.boot(1); }
  using Body = Task<void> (*)(ProducerIdsTest&);
  void run(Body body) { EXPECT_TRUE(world_.run_task(shard(), body(*this), 3600s)); }

 public:
  runtime::Shard& shard() { return machine_.shard(0); }
  std::unique_ptr<Broker> broker(std::int32_t id = 1) {
    return std::make_unique<Broker>(shard(), server_, id);
  }
  SimulatedStoreServer server_{{}};
  runtime::simulated::World world_;
  runtime::simulated::Node& machine_{world_.add_node("broker")};
};

Task<std::int64_t> take(Broker& broker) {
  auto id = co_await broker.ids.next();
  EXPECT_TRUE(id) << id.error().detail;
  co_return id ? id->value() : -1;
}

// As every broker makes it at its start: without data.
Task<void> make_empty_node(Broker& broker) {
  znode::op::Create node{path, "", znode::CreateMode::persistent};
  auto made = co_await broker.store->create(std::move(node));
  EXPECT_TRUE(made);
}

Task<std::string> data_of(Broker& broker) {
  auto node = co_await broker.store->get(path, Watch::no);
  co_return node ? node->data : "none";
}

TEST_F(ProducerIdsTest, FirstBlockStartsAtZeroAndIsWrittenAsKafkaDoes) {
  run([](ProducerIdsTest& test) -> Task<void> {
    const auto broker = test.broker(7);
    co_await make_empty_node(*broker);
    for (std::int64_t expected = 0; expected < 3; ++expected) {
      const std::int64_t id = co_await take(*broker);
      EXPECT_EQ(id, expected);
    }
    const std::string data = co_await data_of(*broker);
    EXPECT_EQ(data, R"({"version":1,"broker":7,"block_start":"0","block_end":"999"})");
  });
}

TEST_F(ProducerIdsTest, BlocksFollowEachOther) {
  run([](ProducerIdsTest& test) -> Task<void> {
    const auto broker = test.broker();
    for (std::int64_t expected = 0; expected < 2 * producer_ids_per_block + 1; ++expected) {
      const std::int64_t id = co_await take(*broker);
      EXPECT_EQ(id, expected);
    }
    const std::string data = co_await data_of(*broker);
    EXPECT_EQ(znode::decode_producer_id_block(path, data)->last, 3 * producer_ids_per_block - 1);
  });
}

TEST_F(ProducerIdsTest, ARestartedBrokerStartsBehindItsOldBlock) {
  run([](ProducerIdsTest& test) -> Task<void> {
    const auto before = test.broker();
    co_await take(*before);
    const auto after = test.broker();
    const std::int64_t id = co_await take(*after);
    EXPECT_EQ(id, producer_ids_per_block);
  });
}

Task<void> take_into(Broker& broker, std::vector<std::int64_t>& ids) {
  const std::int64_t id = co_await take(broker);
  ids.push_back(id);
}

TEST_F(ProducerIdsTest, CallersShareAClaimAndBrokersDoNotShareBlocks) {
  run([](ProducerIdsTest& test) -> Task<void> {
    const auto one = test.broker(1);
    const auto other = test.broker(2);
    std::vector<std::int64_t> ids;
    runtime::TaskGroup group;
    for (int i = 0; i < 2500; ++i) {
      group.spawn(take_into(*one, ids));
      group.spawn(take_into(*other, ids));
    }
    co_await group.join();
    EXPECT_EQ(std::set<std::int64_t>(ids.begin(), ids.end()).size(), 5000U);
    const std::string data = co_await data_of(*one);
    EXPECT_EQ(znode::decode_producer_id_block(path, data)->last, 6 * producer_ids_per_block - 1);
  });
}

TEST_F(ProducerIdsTest, NoIdTwiceWhenConnectionsBreak) {
  run([](ProducerIdsTest& test) -> Task<void> {
    test.server_.set_options({.connection_loss_ppm = 300'000, .reconnect_after = 10ms});
    std::set<std::int64_t> ids;
    std::size_t given = 0;
    for (int life = 0; life < 40; ++life) {
      const auto broker = test.broker();
      for (int i = 0; i < 3; ++i) {
        auto id = co_await broker->ids.next();
        if (!id) {
          EXPECT_EQ(id.error().code, ErrorCode::coordinator_load_in_progress);
          continue;
        }
        ++given;
        EXPECT_TRUE(ids.insert(id->value()).second) << id->value();
      }
    }
    EXPECT_GT(given, 60U);
  });
}

TEST_F(ProducerIdsTest, AStoreThatDoesNotAnswerIsToldAndTriedAgain) {
  run([](ProducerIdsTest& test) -> Task<void> {
    const auto broker = test.broker();
    test.server_.set_options({.connection_loss_ppm = 1'000'000});
    auto id = co_await broker->ids.next();
    EXPECT_FALSE(id);
    if (!id) {
      EXPECT_EQ(id.error().code, ErrorCode::coordinator_load_in_progress);
    }
    test.server_.set_options({});
    co_await take(*broker);
  });
}

TEST_F(ProducerIdsTest, ANodeThatMakesNoSenseIsLeftAlone) {
  run([](ProducerIdsTest& test) -> Task<void> {
    const auto broker = test.broker();
    co_await make_empty_node(*broker);
    std::vector<std::string> texts{"x", "{}"};
    texts.emplace_back(R"({"version":1,"broker":1,"block_start":"0","block_end":"-1"})");
    for (const std::string& bad : texts) {
      znode::op::Set set{path, bad};
      auto written = co_await broker->store->set(std::move(set));
      EXPECT_TRUE(written);
      auto id = co_await broker->ids.next();
      EXPECT_FALSE(id);
      if (!id) {
        EXPECT_EQ(id.error().code, ErrorCode::unknown_server_error);
      }
      const std::string data = co_await data_of(*broker);
      EXPECT_EQ(data, bad);
    }
  });
}

}  // namespace
}  // namespace gregor::broker
