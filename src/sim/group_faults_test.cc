// Groups of a broker whose disk is slow: time-outs of commits, answers while offsets are loaded, a
// group that is deleted while a member joins it, or while the broker dies; static members.
#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "base/log.h"
#include "protocol/delete_groups.h"
#include "protocol/offset_fetch.h"
#include "sim/broker_host.h"
#include "sim/group_client.h"
#include "sim/topic_client.h"

namespace gregor::sim {
namespace {

using runtime::simulated::CrashKind;
using std::chrono::milliseconds;

constexpr std::int32_t partitions = 2;

Settings make_settings(milliseconds disk, std::vector<std::string> more) {
  Settings settings;
  settings.world.io_delay = {disk, disk};
  settings.log_dirs = {"/data"};
  settings.broker = {"listeners=PLAINTEXT://0.0.0.0:9092",
                     "advertised.listeners=PLAINTEXT://broker:9092",
                     "http.listeners=",
                     "log.dirs=/data",
                     "log.flush.interval.messages=1",
                     "offsets.topic.num.partitions=1",
                     "group.initial.rebalance.delay.ms=0",
                     "group.min.session.timeout.ms=1"};
  for (std::string& setting : more) settings.broker.push_back(std::move(setting));
  settings.is_flushed_each = true;
  settings.slack = std::chrono::seconds(20);
  GroupPlan plan;
  plan.name = "g";
  plan.topic = "events";
  plan.partitions = partitions;
  plan.session_timeout = plan.rebalance_timeout = std::chrono::seconds(30);
  settings.groups.push_back(std::move(plan));
  return settings;
}

// A broker with a topic and a coordinator, and a client.
class SlowBroker {
 public:
  explicit SlowBroker(Settings settings)
      : settings_(std::move(settings)),
        world_(settings_.world),
        host_(world_, settings_, violations_, [this] { fleet_->is_serving = false; }) {
    log::configure(log::Level::off, log::Format::text);
    auto& node = world_.add_node("clients");
    node.boot(1);
    fleet_ = std::make_unique<Fleet>(world_, node.shard(0), settings_, violations_);
    client_ = std::make_unique<GroupClient>(*fleet_, settings_.groups[0]);
    start();
    EXPECT_TRUE(run(make_topic(*fleet_)));
    connect();
    auto find = [this] { return run(client_->find_coordinator(connection)); };
    for (int tries = 0; tries < 200 && !find(); ++tries) world_.run_for(milliseconds(100));
    EXPECT_EQ(fetch(), ErrorCode::none);
  }
  SlowBroker(const SlowBroker&) = delete;
  SlowBroker& operator=(const SlowBroker&) = delete;
  ~SlowBroker() {
    EXPECT_TRUE(violations_.empty()) << violations_.first()[0].text;
    fleet_->stop();
    connection.reset();
    world_.node(1).crash(CrashKind::kill);
    world_.node(1).drop_work();
  }

  template <class T>
  T run(runtime::Task<T> task) {
    auto value = world_.run_task(fleet_->shard(), std::move(task));
    EXPECT_TRUE(value.has_value()) << "it does not end";
    return value ? std::move(*value) : T();
  }
  void run_for(runtime::Duration length) { world_.run_for(length); }
  void start() {
    fleet_->groups().begin_life(fleet_->now());
    EXPECT_EQ(host_.start(), HostOutcome::done);
    fleet_->groups().resume();
    fleet_->is_serving = true;
  }
  void restart() {
    connection->close();
    host_.crash(CrashKind::kill);
    fleet_->start_life();
    host_.bury();
    fleet_->groups().end_life(Ending::kill, fleet_->now());
    start();
    connect();
  }
  void connect() {
    auto made = run(fleet_->connect());
    EXPECT_TRUE(made.has_value());
    connection = std::move(*made);
  }

  ErrorCode fetch() {
    return run(client_->fetch(connection, std::nullopt, 7)).value_or(ErrorCode::network_exception);
  }
  ErrorCode commit(Claim claim = {}) {
    CommitOrder order;
    order.claim = std::move(claim);
    for (std::int32_t i = 0; i < settings_.groups[0].partitions; ++i) order.partitions.insert(i);
    return run(client_->commit(connection, std::move(order)))
        .value_or(ErrorCode::network_exception);
  }
  Joined join(std::string member, std::optional<std::string> instance = {}) {
    JoinOrder order;
    order.member = std::move(member);
    order.session_timeout_ms = order.rebalance_timeout_ms = 30'000;
    order.version = instance ? 9 : 3;  // an id at once
    order.instance = std::move(instance);
    return run(client_->join(connection, std::move(order))).value_or(Joined());
  }
  /// With an instance: as one that has nothing to assign.
  Synced sync(const Joined& joined, std::optional<std::string> instance = {}) {
    SyncOrder order;
    order.claim = {joined.member, joined.generation, instance};
    if (!instance) order.assignments[{joined.member, joined.member}] = {0, 1};
    for (const GroupPeer& peer : joined.members) order.assignments[peer] = {0, 1};
    return run(client_->sync(connection, std::move(order))).value_or(Synced());
  }
  ErrorCode beat(const Joined& joined, std::optional<std::string> instance = {}) {
    return run(client_->beat(connection, {joined.member, joined.generation, std::move(instance)},
                             4))
        .value_or(ErrorCode::network_exception);
  }
  bool leave(const Joined& joined) {
    return run(client_->leave(connection, {joined.member}, 5)) == ErrorCode::none;
  }
  /// How many offsets are committed, once they are loaded. No history is told.
  std::size_t count_offsets() {
    for (int tries = 0; tries < 1'000; ++tries) {
      if (const auto count = run(count_once(*fleet_, connection))) return *count;
      world_.run_for(milliseconds(50));
    }
    ADD_FAILURE() << "they can't be asked for";
    return 0;
  }
  [[nodiscard]] runtime::Instant now() const { return fleet_->now(); }
  /// Begins DeleteGroups on a connection of its own and does not wait.
  void begin_delete(std::optional<ErrorCode>& answer) {
    fleet_->tasks().spawn(delete_group(*fleet_, answer));
  }

  ClientConnection::Pointer connection;

 private:
  static runtime::Task<bool> make_topic(Fleet& fleet) {
    auto connection = co_await fleet.connect();
    if (!connection) co_return false;
    TopicOrder order{"events", fleet.settings().groups[0].partitions, {}};
    co_await create_topic(fleet, *connection, std::move(order), 4);
    const auto topic = co_await await_topic(fleet, *connection, "events", true);
    (*connection)->close();
    co_return topic.has_value();
  }
  static runtime::Task<std::optional<std::size_t>> count_once(Fleet& fleet,
                                                              ClientConnection::Pointer asked) {
    protocol::OffsetFetchRequest request;
    request.group_id = "g";
    request.topics.reset();
    auto reply = co_await fleet.call<protocol::OffsetFetch>(asked, std::move(request), 7,
                                                            fleet.settings().slack);
    if (!reply || reply->body.error_code != ErrorCode::none) co_return std::nullopt;
    std::size_t count = 0;
    for (const auto& topic : reply->body.topics) count += topic.partitions.size();
    co_return count;
  }
  static runtime::Task<void> delete_group(Fleet& fleet, std::optional<ErrorCode>& answer) {
    auto connection = co_await fleet.connect();
    if (!connection) co_return;
    protocol::DeleteGroupsRequest request;
    request.groups_names.push_back("g");
    auto reply = co_await fleet.call<protocol::DeleteGroups>(*connection, std::move(request), 2,
                                                             fleet.settings().slack);
    if (reply && reply->body.results.size() == 1) answer = reply->body.results[0].error_code;
    (*connection)->close();
  }

  const Settings settings_;
  Violations violations_;
  runtime::simulated::World world_;
  BrokerHost host_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<GroupClient> client_;
};

TEST(GroupFaults, CommitThatTakesLongerThanItsTimeOut) {
  SlowBroker broker(make_settings(milliseconds(300), {"offsets.commit.timeout.ms=100"}));
  const runtime::Instant began = broker.now();
  EXPECT_EQ(broker.commit(), ErrorCode::request_timed_out);
  EXPECT_LT(broker.now() - began, milliseconds(200));
  // It goes on, and is read once it is durable: the history would tell if it were not one of ours.
  broker.run_for(milliseconds(2'000));
  EXPECT_EQ(broker.fetch(), ErrorCode::none);
  // What a group wants stored takes too long as well: its members are to try again.
  const Joined joined = broker.join("");
  ASSERT_EQ(joined.error, ErrorCode::none);
  EXPECT_EQ(broker.sync(joined).error, ErrorCode::rebalance_in_progress);
}

TEST(GroupFaults, CommitWithinTheDefaultTimeOut) {
  SlowBroker broker(make_settings(milliseconds(300), {}));
  EXPECT_EQ(broker.commit(), ErrorCode::none);
  EXPECT_EQ(broker.fetch(), ErrorCode::none);
}

TEST(GroupFaults, AnswersWhileOffsetsAreLoaded) {
  // One batch at a time, each as slow as the disk.
  SlowBroker broker(make_settings(milliseconds(20), {"offsets.load.buffer.size=1"}));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(broker.commit(), ErrorCode::none);
  const Joined joined = broker.join("");
  ASSERT_EQ(broker.sync(joined).error, ErrorCode::none);
  broker.restart();
  EXPECT_EQ(broker.fetch(), ErrorCode::coordinator_load_in_progress);
  EXPECT_EQ(broker.commit({joined.member, joined.generation}),
            ErrorCode::coordinator_load_in_progress);
  EXPECT_EQ(broker.join("").error, ErrorCode::coordinator_load_in_progress);
  // Nobody's session ends meanwhile, and who is in a rebalance has lost it.
  EXPECT_EQ(broker.beat(joined), ErrorCode::none);
  EXPECT_EQ(broker.sync(joined).error, ErrorCode::rebalance_in_progress);
  const runtime::Instant began = broker.now();
  while (broker.fetch() == ErrorCode::coordinator_load_in_progress &&
         broker.now() - began < std::chrono::seconds(60)) {
    broker.run_for(milliseconds(50));
  }
  EXPECT_GT(broker.now() - began, milliseconds(500)) << "it was not read batch by batch";
  EXPECT_EQ(broker.fetch(), ErrorCode::none) << "and what is read is what was committed";
  EXPECT_EQ(broker.beat(joined), ErrorCode::none);
  EXPECT_EQ(broker.commit({joined.member, joined.generation}), ErrorCode::none);
}

TEST(GroupFaults, StaticMemberStartsAnewWhileTheBrokerDoes) {
  SlowBroker broker(make_settings(milliseconds(1), {}));
  const std::string seat = "seat";
  const Joined first = broker.join("", seat);
  ASSERT_EQ(first.error, ErrorCode::none);
  ASSERT_EQ(first.members.size(), 1U);
  ASSERT_EQ(broker.sync(first, seat).error, ErrorCode::none);
  const Joined second = broker.join("", seat);
  ASSERT_EQ(second.error, ErrorCode::none);
  EXPECT_EQ(second.generation, first.generation) << "no rebalance";
  EXPECT_TRUE(second.members.empty()) << "nothing to assign";
  EXPECT_NE(second.member, first.member);
  EXPECT_EQ(broker.sync(second, seat).partitions, (std::set<std::int32_t>{0, 1}));
  EXPECT_EQ(broker.beat(first, seat), ErrorCode::fenced_instance_id);
  EXPECT_EQ(broker.commit({first.member, first.generation, seat}), ErrorCode::fenced_instance_id);
  broker.restart();
  broker.run_for(milliseconds(2'000));
  EXPECT_EQ(broker.beat(first, seat), ErrorCode::fenced_instance_id);
  EXPECT_EQ(broker.beat(second, seat), ErrorCode::none);
  EXPECT_EQ(broker.commit({second.member, second.generation, seat}), ErrorCode::none);
  broker.restart();
  broker.run_for(milliseconds(2'000));
  const Joined third = broker.join("", seat);
  EXPECT_EQ(third.generation, first.generation) << "no rebalance";
  EXPECT_EQ(broker.sync(third, seat).partitions, (std::set<std::int32_t>{0, 1}));
  EXPECT_EQ(broker.beat(second, seat), ErrorCode::fenced_instance_id);
  broker.run_for(milliseconds(31'000));
  EXPECT_EQ(broker.beat(third, seat), ErrorCode::unknown_member_id) << "its session is over";
  EXPECT_GT(broker.join("", seat).generation, first.generation);
}

TEST(GroupFaults, DeletedWholeOrNotAtAll) {
  constexpr std::size_t many = 600;
  Settings settings = make_settings(milliseconds(20), {});
  settings.groups[0].partitions = many;
  SlowBroker broker(std::move(settings));
  std::set<std::size_t> left;
  std::deque<std::optional<ErrorCode>> answers;
  for (int wait_ms = 0; wait_ms <= 100; wait_ms += 10) {
    ASSERT_EQ(broker.commit(), ErrorCode::none);
    ASSERT_EQ(broker.count_offsets(), many);
    broker.begin_delete(answers.emplace_back());
    broker.run_for(milliseconds(wait_ms));
    broker.restart();
    left.insert(broker.count_offsets());
  }
  EXPECT_EQ(left, (std::set<std::size_t>{0, many}));
}

TEST(GroupFaults, JoinedWhileItIsDeleted) {
  SlowBroker broker(make_settings(milliseconds(100), {}));
  const Joined first = broker.join("");
  ASSERT_EQ(first.error, ErrorCode::none);
  // (a group that was never stored is not there after a restart, whatever its deletion wrote)
  ASSERT_EQ(broker.sync(first).error, ErrorCode::none);
  ASSERT_EQ(broker.commit({first.member, first.generation}), ErrorCode::none);
  ASSERT_TRUE(broker.leave(first));
  std::optional<ErrorCode> deleted;
  broker.begin_delete(deleted);
  broker.run_for(milliseconds(20));
  ASSERT_FALSE(deleted);
  const Joined joined = broker.join("");
  ASSERT_EQ(joined.error, ErrorCode::none);
  ASSERT_EQ(broker.sync(joined).error, ErrorCode::none);
  broker.run_for(milliseconds(2'000));
  EXPECT_EQ(deleted, ErrorCode::none);
  broker.restart();
  broker.run_for(milliseconds(5'000));
  EXPECT_EQ(broker.beat(joined), ErrorCode::none);
}

}  // namespace
}  // namespace gregor::sim
