// The simulated store: conformance, and the faults that it can make up.
#include "metadata/simulated/simulated_store.h"

#include <gtest/gtest.h>

#include <set>

#include "metadata/conformance.h"
#include "runtime/simulated/world.h"

namespace gregor::metadata {
namespace {

using namespace conformance;
using std::chrono::microseconds;
using znode::SessionEvent;

/// A simulated machine, and a server that is none of its parts.
class SimulatedWorld : public World {
 public:
  explicit SimulatedWorld(SimulatedStoreOptions options = {}) : server_(options) { node_.boot(1); }
  void run(UniqueFunction<Task<void>()> make) override {
    EXPECT_TRUE(world_.run_task(node_.shard(0), make()));
  }
  runtime::Shard& shard() override { return node_.shard(0); }
  Task<std::unique_ptr<Store>> connect() override { co_return server_.connect(shard()); }

  SimulatedStoreServer server_;
  runtime::simulated::World world_;
  runtime::simulated::Node& node_{world_.add_node("node")};
};

SimulatedStoreOptions slow() {
  SimulatedStoreOptions options;
  options.seed = 7;
  options.delay_max = microseconds(200);
  return options;
}

class SlowWorld : public SimulatedWorld {
 public:
  SlowWorld() : SimulatedWorld(slow()) {}
};

INSTANTIATE_TYPED_TEST_SUITE_P(Simulated, StoreConformance, SimulatedWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(SimulatedSlow, StoreConformance, SlowWorld);

SimulatedStoreOptions lossy(std::uint64_t seed) {
  SimulatedStoreOptions options;
  options.seed = seed;
  options.delay_max = microseconds(50);
  options.connection_loss_ppm = 50'000;
  options.reconnect_after = microseconds(100);
  return options;
}

struct Tally {
  int ok = 0;
  int unknown_made = 0;
  int unknown_not_made = 0;
  int disconnected = 0;
  int connected = 0;
};

// What was answered ok is there; unknown is sometimes there and sometimes not; later requests go
// on.
Task<void> change_under_loss(SimulatedStoreServer& server, Store& store, Tally& tally) {
  store.on_session([&tally](SessionEvent event) {
    if (event == SessionEvent::disconnected) ++tally.disconnected;
    if (event == SessionEvent::connected) ++tally.connected;
  });
  std::vector<Task<StoreResult<znode::OperationResult>>> asked;
  for (int i = 0; i < 400; ++i) asked.push_back(create(store, "/n" + std::to_string(i)));
  for (int i = 0; i < 400; ++i) {
    auto made = co_await std::move(asked[static_cast<std::size_t>(i)]);
    const bool there = server.tree().find("/n" + std::to_string(i)) != nullptr;
    if (made) {
      ++tally.ok;
      EXPECT_TRUE(there);
    } else {
      EXPECT_EQ(made.error().error, StoreError::unknown);
      ++(there ? tally.unknown_made : tally.unknown_not_made);
    }
  }
  for (int i = 0; i < 100; ++i) {
    auto made = co_await create(store, "/later" + std::to_string(i));
    if (made) ++tally.ok;
  }
}

TEST(SimulatedStore, LossOfTheConnectionLeavesOutcomesUnknown) {
  Tally total;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SimulatedWorld world(lossy(seed));
    auto store = world.server_.connect(world.shard());
    world.run([&] { return change_under_loss(world.server_, *store, total); });
    world.run([&] { return store->close(); });
  }
  EXPECT_GT(total.ok, 0);
  EXPECT_GT(total.unknown_made, 0);
  EXPECT_GT(total.unknown_not_made, 0);
  EXPECT_GT(total.disconnected, 0);
  EXPECT_EQ(total.disconnected, total.connected);
}

Task<void> watch_across_a_break(SimulatedStoreServer& server, Store& watching, Store& changing,
                                Diary& diary) {
  watching.on_watch([&diary](const znode::WatchEvent& event) { diary.push_back(to_text(event)); });
  watching.on_session([&diary](SessionEvent event) {
    diary.push_back(event == SessionEvent::disconnected ? "disconnected" : "connected");
  });
  EXPECT_EQ(outcome(co_await watching.exists("/a", Watch::yes)), "no_node");
  server.disconnect(watching.session_id());
  EXPECT_EQ(co_await make(changing, "/a"), "/a");
  auto read = co_await watching.get("/a", Watch::no);
  diary.push_back(outcome(read));
}

// Two sessions on one tree: an event that comes while the connection is broken is told after it is
// back, before answers.
TEST(SimulatedStore, EventsSurviveABrokenConnection) {
  SimulatedWorld world(slow());
  Diary diary;
  auto watching = world.server_.connect(world.shard());
  auto changing = world.server_.connect(world.shard());
  world.run([&] { return watch_across_a_break(world.server_, *watching, *changing, diary); });
  EXPECT_EQ(diary, Diary({"disconnected", "connected", "created /a", "ok"}));
}

Task<void> expire_one(SimulatedWorld& world, Store& victim, Store& witness, Diary& diary) {
  victim.on_session([&diary](SessionEvent event) {
    if (event == SessionEvent::expired) diary.push_back("expired");
  });
  witness.on_watch([&diary](const znode::WatchEvent& event) { diary.push_back(to_text(event)); });
  EXPECT_EQ(co_await make(victim, "/e", "", CreateMode::ephemeral), "/e");
  EXPECT_EQ(outcome(co_await witness.exists("/e", Watch::yes)), "ok");
  auto under_way = create(victim, "/x");
  world.server_.expire(victim.session_id());
  auto failed = co_await std::move(under_way);
  EXPECT_EQ(outcome(failed), "session_expired");
  EXPECT_EQ(outcome(co_await victim.get("/", Watch::no)), "session_expired");
  EXPECT_EQ(outcome(co_await witness.exists("/e", Watch::no)), "no_node");
  std::sort(diary.begin(), diary.end());  // two clients: no order between them
  EXPECT_EQ(diary, Diary({"deleted /e", "expired"}));
}

TEST(SimulatedStore, ExpiryEndsTheSessionAndTellsTheOthers) {
  SimulatedWorld world;
  Diary diary;
  auto victim = world.server_.connect(world.shard());
  auto witness = world.server_.connect(world.shard());
  world.run([&] { return expire_one(world, *victim, *witness, diary); });
}

Task<void> leave_behind(SimulatedWorld& world) {
  auto crashed = world.server_.connect(world.shard());
  const auto session = crashed->session_id();
  EXPECT_EQ(co_await make(*crashed, "/e", "", CreateMode::ephemeral), "/e");
  auto lost = create(*crashed, "/lost");
  crashed.reset();  // as in a crash: the request on its way may or may not arrive
  auto next = world.server_.connect(world.shard());
  EXPECT_EQ(outcome(co_await next->exists("/e", Watch::no)), "ok")
      << "the session ended before its time";
  world.server_.expire(session);
  EXPECT_EQ(outcome(co_await next->exists("/e", Watch::no)), "no_node");
  co_await next->close();
}

TEST(SimulatedStore, ACrashedClientLeavesItsSessionBehind) {
  SimulatedWorld world;
  world.run([&] { return leave_behind(world); });
}

Task<void> create_for_ever(Store& store, int& acknowledged) {
  for (int i = 0;; ++i) {
    auto made = co_await create(store, "/n" + std::to_string(i));
    if (!made) co_return;
    acknowledged = i + 1;
  }
}

// The machine stops at any moment: what was acknowledged is there, at most one more.
TEST(SimulatedStore, ACrashOfTheMachineKeepsWhatWasAcknowledged) {
  int unacknowledged = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    auto options = slow();
    options.seed = seed;
    SimulatedWorld world(options);
    int acknowledged = 0;
    auto store = world.server_.connect(world.shard());
    auto* raw = store.get();
    world.shard().post(
        [&] { world.shard().message_tasks().spawn(create_for_ever(*raw, acknowledged)); });
    world.world_.run_for(microseconds(1000 + 37 * seed));
    world.node_.crash(runtime::simulated::CrashKind::power);
    world.node_.drop_work();
    store.reset();
    world.node_.destroy_shards();
    const auto there = static_cast<int>(world.server_.tree().size()) - 1;
    EXPECT_GT(acknowledged, 0);
    EXPECT_GE(there, acknowledged);
    EXPECT_LE(there, acknowledged + 1);
    if (there > acknowledged) ++unacknowledged;
  }
  EXPECT_GT(unacknowledged, 5);
}

std::string run_trace(std::uint64_t seed) {
  SimulatedWorld world(lossy(seed));
  Tally tally;
  auto store = world.server_.connect(world.shard());
  world.run([&] { return change_under_loss(world.server_, *store, tally); });
  return std::to_string(world.world_.trace_hash()) + " " + std::to_string(tally.ok) + " " +
         std::to_string(tally.unknown_made) + " " + std::to_string(world.server_.tree().zxid());
}

TEST(SimulatedStore, TheSameSeedRepeatsTheRun) {
  EXPECT_EQ(run_trace(3), run_trace(3));
  EXPECT_NE(run_trace(3), run_trace(4));
}

}  // namespace
}  // namespace gregor::metadata
