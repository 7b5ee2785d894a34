// Crashes: nothing of an ended life has an effect, nothing leaks, and a crash point hits any file
// operation.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/shard.h"
#include "runtime/simulated/test_support.h"

namespace gregor::runtime::simulated {
namespace {

// The part of a broker: tasks of its own that wait in every way there is.
class Program {
 public:
  explicit Program(Shard& shard, int* steps) : shard_(shard), signal_(shard), steps_(steps) {
    shard.post([this] {
      tasks_.spawn(tick(this));
      tasks_.spawn(wait(this));
      tasks_.spawn(ask(this));
      tasks_.spawn(serve(this));
      shard_.submit_io([this] { ++*steps_; }, [this] { ++*steps_; });
    });
  }

 private:
  static Task<void> tick(Program* self) {
    for (;;) {
      const Instant next = self->shard_.clock().now() + 1ms;
      co_await sleep_until(self->shard_, next);
      ++*self->steps_;
      self->shard_.peer(ShardId(1)).post([self, owned = std::make_unique<int>(1)] {
        *self->steps_ += *owned;
      });
    }
  }
  static Task<void> wait(Program* self) { co_await self->signal_.wait_until(Instant::max()); }
  static Task<int> answer(Shard* shard) {
    co_await sleep_until(*shard, Instant::max());
    co_return 1;
  }
  static Task<void> ask(Program* self) {
    Shard* peer = &self->shard_.peer(ShardId(1));
    auto call = [peer] { return answer(peer); };
    *self->steps_ += co_await call_on(self->shard_, ShardId(1), std::move(call));
  }
  static Task<void> serve(Program* self) {
    const SocketAddress address{"", 9092};
    auto listener = self->shard_.network().listen(address);
    EXPECT_TRUE(listener);
    for (;;) {
      auto socket = co_await (*listener)->accept();
      if (!socket) co_return;
      auto stream = self->shard_.network().adopt(std::move(*socket));
      EXPECT_TRUE(stream);
      std::byte byte{};
      auto got = co_await (*stream)->read_some({&byte, 1});
      EXPECT_TRUE(got);
    }
  }
  Shard& shard_;
  OneShot signal_;
  int* steps_;
  TaskGroup tasks_;
};

TEST(CrashTest, AnEndedLifeRunsNoMoreAndLeaksNothing) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(WorldOptions::swarm(seed));
    Node& node = world.add_node("a");
    for (int life = 1; life <= 3; ++life) {
      node.boot(2);
      int steps = 0;
      auto program = std::make_unique<Program>(node.shard(0), &steps);
      world.run_for(50ms);
      EXPECT_GT(steps, 10);
      node.crash(life == 1 ? CrashKind::power : CrashKind::kill);
      EXPECT_FALSE(node.is_up());
      steps = 0;
      world.run_for(50ms);
      EXPECT_EQ(steps, 0);
      if (life != 2) node.drop_work();
      program.reset();
      node.destroy_shards();
      EXPECT_EQ(world.pending_events(), 0U);
    }
  }
}

TEST(CrashTest, AWorldMayEndWhileItsNodesRun) {
  int steps = 0;
  World world;
  Node& node = world.add_node("a");
  node.boot(2);
  const auto program = std::make_unique<Program>(node.shard(0), &steps);
  world.run_for(5ms);
}

TEST(CrashTest, WithinItsOwnEventTheRestHasNoEffect) {
  World world;
  Node& node = world.add_node("a");
  node.boot(1);
  Shard& shard = node.shard(0);
  bool later = false;
  shard.post([&] {
    FileSystem& files = shard.file_system();
    const auto file = open_file(files, "/f");
    EXPECT_EQ(write_text(*file, 0, "before"), 0);
    node.crash(CrashKind::kill);
    EXPECT_EQ(write_text(*file, 0, "after "), EIO);
    EXPECT_EQ(file->sync_data().error().os_error, EIO);
    EXPECT_EQ(file->truncate(0).error().os_error, EIO);
    EXPECT_EQ(file->size().error().os_error, EIO);
    EXPECT_EQ(files.open("/g", OpenMode::create).error().os_error, EIO);
    EXPECT_EQ(files.open("/none/g", OpenMode::create).error().os_error, EIO);
    EXPECT_EQ(files.rename("/f", "/g").error().os_error, EIO);
    EXPECT_EQ(files.remove("/f").error().os_error, EIO);
    EXPECT_EQ(files.create_directory("/d").error().os_error, EIO);
    EXPECT_EQ(files.sync_directory("/").error().os_error, EIO);
    EXPECT_EQ(files.list("/").error().os_error, EIO);
    EXPECT_EQ(files.stat("/f").error().os_error, EIO);
    EXPECT_EQ(files.lock("/l").error().os_error, EIO);
    shard.post([&] { later = true; });
    shard.start_timer(world.now(), [&] { later = true; });
    shard.submit_io([&] { later = true; }, [&] { later = true; });
  });
  world.run_for(1s);
  EXPECT_FALSE(later);
  EXPECT_EQ(contents(node.outside_files(), "/f"), "before");
  EXPECT_EQ(node.outside_files().list("/")->size(), 1U);
}

// Writes a file and puts it in the place of another one, as a checkpoint is written.
bool replace(FileSystem& files, std::string_view text) {
  auto file = files.open("/tmp", OpenMode::create);
  if (!file || !(*file)->truncate(0)) return false;
  if (!(*file)->write_at(0, as_bytes(text)) || !(*file)->sync_data()) return false;
  return files.rename("/tmp", "/file") && files.sync_directory("/");
}

TEST(CrashTest, ACrashPointHitsEachOperationOfACarefulReplacement) {
  std::set<std::string> outcomes;
  int notices = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    for (std::uint64_t n = 1; n <= 6; ++n) {
      World world(WorldOptions{.seed = seed});
      Node& node = world.add_node("a");
      node.boot(1);
      put_durable(node.outside_files(), "/file", "old contents");
      bool told = false;
      node.crash_after_file_operations(n, seed % 2 == 0 ? CrashKind::kill : CrashKind::power, [&] {
        told = true;
        node.destroy_shards();
        node.boot(1);
      });
      node.shard(0).post([&node] { EXPECT_FALSE(replace(node.file_system(), "new contents")); });
      world.run_for(1s);
      EXPECT_TRUE(told);
      EXPECT_EQ(node.boot_count(), 2U);
      notices += told ? 1 : 0;
      outcomes.insert(contents(node.file_system(), "/file"));
    }
  }
  EXPECT_EQ(notices, 300);
  EXPECT_EQ(outcomes, (std::set<std::string>{"new contents", "old contents"}));
}

TEST(CrashTest, ACarelessReplacementIsFound) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    World world(WorldOptions{.seed = seed});
    Node& node = world.add_node("a");
    node.boot(1);
    put_durable(node.outside_files(), "/file", "old");
    const auto file = open_file(node.file_system(), "/tmp");
    EXPECT_EQ(write_text(*file, 0, "new"), 0);
    EXPECT_TRUE(node.file_system().rename("/tmp", "/file"));  // not synced before
    node.crash(CrashKind::power);
    outcomes.insert(contents(node.outside_files(), "/file"));
  }
  EXPECT_TRUE(outcomes.contains("old"));
  EXPECT_TRUE(outcomes.contains(""));
  EXPECT_GT(outcomes.size(), 3U);
}

TEST(CrashTest, ACrashPointInOffloadedWorkAndAWriteInPart) {
  std::set<std::size_t> sizes;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    World world(WorldOptions{.seed = seed});
    Node& node = world.add_node("a");
    node.boot(1);
    const auto file = open_file(node.file_system(), "/f");
    bool done = false;
    bool told = false;
    node.crash_after_file_operations(1, CrashKind::kill, [&] { told = true; });
    node.shard(0).submit_io([&] { EXPECT_EQ(write_text(*file, 0, std::string(1000, 'x')), EIO); },
                            [&] { done = true; });
    world.run_for(1s);
    EXPECT_TRUE(told);
    EXPECT_FALSE(done);
    sizes.insert(contents(node.outside_files(), "/f").size());
  }
  EXPECT_TRUE(sizes.contains(0));
  EXPECT_TRUE(sizes.contains(1000));
  EXPECT_GT(sizes.size(), 5U);
}

TEST(CrashTest, PowerLossIsReported) {
  std::uint64_t lost = 0;
  std::uint64_t entries = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(WorldOptions{.seed = seed});
    Node& node = world.add_node("a");
    node.boot(1);
    put_durable(node.file_system(), "/f", std::string(100, 'd'));
    EXPECT_EQ(write_text(*open_file(node.file_system(), "/f"), 100, std::string(5000, 'n')), 0);
    open_file(node.file_system(), "/g");
    node.crash(CrashKind::power);
    const PowerLoss& loss = node.last_power_loss();
    EXPECT_EQ(loss.sectors_kept + loss.sectors_lost + loss.sectors_torn, 10U);
    EXPECT_EQ(loss.entries_kept + loss.entries_lost, 1U);
    lost += loss.bytes_cut;
    entries += loss.entries_lost;
  }
  EXPECT_GT(lost, 0U);
  EXPECT_GT(entries, 0U);
}

}  // namespace
}  // namespace gregor::runtime::simulated
