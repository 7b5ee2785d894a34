// A run with every fault at once is the same run again; and the knobs that the other tests leave at
// 0.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "runtime/shard.h"
#include "runtime/simulated/test_support.h"

namespace gregor::runtime::simulated {
namespace {

// A tiny server: appends what it reads to a file in offloaded work, syncs now and then, and echoes
// it.
class EchoServer {
 public:
  explicit EchoServer(Shard& shard) : shard_(shard) {
    shard.post([this] { tasks_.spawn(serve(this)); });
  }

 private:
  static Task<void> serve(EchoServer* self) {
    const SocketAddress address{"", 9092};
    auto listener = self->shard_.network().listen(address);
    auto file = self->shard_.file_system().open("/log", OpenMode::create);
    if (!listener || !file) co_return;
    self->file_ = *file;
    for (;;) {
      auto socket = co_await (*listener)->accept();
      if (!socket) co_return;
      auto stream = self->shard_.network().adopt(std::move(*socket));
      if (!stream) continue;
      self->tasks_.spawn(echo(self, std::move(*stream)));
    }
  }
  static Task<void> echo(EchoServer* self, std::unique_ptr<Stream> stream) {
    std::vector<std::byte> buffer(512);
    for (;;) {
      const auto got = co_await stream->read_some(buffer);
      if (!got || *got == 0) co_return;
      const ByteView bytes = ByteView(buffer).first(*got);
      auto append = [self, bytes] { return self->append(bytes); };
      const bool appended = co_await offload(self->shard_, std::move(append));
      if (!appended) co_return;
      const std::span<const ByteView> parts(&bytes, 1);
      const auto written = co_await stream->write(parts);
      if (!written) co_return;
    }
  }
  bool append(ByteView bytes) {
    if (!file_->write_at(end_, bytes)) return false;
    end_ += bytes.size();
    return end_ % 3 != 0 || file_->sync_data().has_value();
  }

  Shard& shard_;
  std::shared_ptr<File> file_;
  std::uint64_t end_ = 0;
  TaskGroup tasks_;
};

Task<void> call_for_ever(Shard* shard, std::uint64_t* answers) {
  for (;;) {
    const SocketAddress address{"server", 9092};
    const Instant deadline = shard->clock().now() + 50ms;
    auto stream = co_await shard->network().connect(address, deadline);
    std::string text(1 + shard->random().below(900), 'q');
    const ByteView bytes = as_bytes(text);
    const std::span<const ByteView> parts(&bytes, 1);
    while (stream) {
      const auto written = co_await (*stream)->write(parts);
      if (!written) break;
      std::byte byte{};
      const auto got = co_await (*stream)->read_some({&byte, 1});
      if (!got || *got == 0) break;
      ++*answers;
    }
    const Instant pause = shard->clock().now() + 1ms;
    co_await sleep_until(*shard, pause);
  }
}

struct Outcome {
  std::uint64_t hash = 0;
  std::uint64_t answers = 0;
  std::uint32_t boots = 0;
  std::string log;
  bool operator==(const Outcome&) const = default;
};

Outcome run(std::uint64_t seed, bool with_sink = false) {
  Outcome outcome;
  World world(WorldOptions::swarm(seed));
  std::size_t lines = 0;
  if (with_sink) world.set_trace_sink([&lines](std::string_view) { ++lines; });
  Node& server = world.add_node("server");
  Node& client = world.add_node("client");
  client.boot(1);
  std::unique_ptr<EchoServer> program;
  Prng numbers = world.split("driver");
  for (int life = 0; life < 6; ++life) {
    server.boot(1);
    program = std::make_unique<EchoServer>(server.shard(0));
    if (life == 0) {
      client.shard(0).post([&] {
        client.shard(0).message_tasks().spawn(call_for_ever(&client.shard(0), &outcome.answers));
      });
    }
    const CrashKind kind = numbers.chance(0.5) ? CrashKind::kill : CrashKind::power;
    bool crashed = false;
    server.crash_after_file_operations(numbers.between(1, 20), kind, [&] { crashed = true; });
    world.run_while_not([&] { return crashed; }, world.now() + 1s);
    if (!crashed) server.crash(kind);
    server.drop_work();
    program.reset();
    server.destroy_shards();
  }
  outcome.hash = world.trace_hash();
  outcome.boots = server.boot_count();
  outcome.log = contents(server.outside_files(), "/log");
  return outcome;
}

TEST(RepeatTest, EverythingAtOnceIsTheSameAgain) {
  std::uint64_t answers = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Outcome first = run(seed);
    EXPECT_EQ(first, run(seed, true)) << "seed " << seed;
    EXPECT_NE(first.hash, run(seed + 1000).hash);
    EXPECT_EQ(first.boots, 6U);
    answers += first.answers;
  }
  EXPECT_GT(answers, 200U);
}

TEST(KnobTest, ResidencyAndSlowDisks) {
  WorldOptions options;
  options.not_resident_probability = 0.5;
  options.slow_disk_probability = 0.2;
  World world(options);
  Node& node = world.add_node("a");
  node.boot(1);
  const auto file = open_file(node.file_system(), "/f");
  int resident = 0;
  for (int i = 0; i < 100; ++i) resident += file->is_resident(0, 1) ? 1 : 0;
  EXPECT_GT(resident, 20);
  EXPECT_LT(resident, 80);
  int done = 0;
  for (int i = 0; i < 100; ++i) node.shard(0).submit_io([] {}, [&] { ++done; });
  world.run_for(1ms);
  EXPECT_GT(done, 60);
  EXPECT_LT(done, 95);
  world.run_for(1s);
  EXPECT_EQ(done, 100);
  node.disk().set_extra_delay(1min);
  node.shard(0).submit_io([] {}, [&] { ++done; });
  world.run_for(50s);
  EXPECT_EQ(done, 100);
  world.run_for(11s);
  EXPECT_EQ(done, 101);
}

TEST(KnobTest, RefusalsAndResets) {
  WorldOptions options;
  options.refuse_probability = 0.3;
  options.reset_probability = 0.1;
  World world(options);
  Node& server = world.add_node("server");
  server.boot(1);
  const auto program = std::make_unique<EchoServer>(server.shard(0));
  Node& client = world.add_node("client");
  client.boot(1);
  Shard& shard = client.shard(0);
  world.run_for(1ms);
  int refused = 0;
  int reset = 0;
  const std::string text = "x";
  const ByteView bytes = as_bytes(text);
  const std::span<const ByteView> parts(&bytes, 1);
  for (int i = 0; i < 100; ++i) {
    auto stream =
        world.run_task(shard, shard.network().connect({"server", 9092}, world.now() + 1s));
    ASSERT_TRUE(stream);
    if (!*stream) {
      EXPECT_EQ(stream->error().os_error, ECONNREFUSED);
      ++refused;
      continue;
    }
    const auto written = world.run_task(shard, (**stream)->write(parts));
    ASSERT_TRUE(written);
    if (!*written) {
      EXPECT_EQ(written->error().os_error, ECONNRESET);
      ++reset;
    }
  }
  EXPECT_GT(refused, 10);
  EXPECT_GT(reset, 2);
}

TEST(SwarmTest, EachFaultIsOffInAboutHalfOfTheSeeds) {
  int split = 0;
  int reset = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const WorldOptions options = WorldOptions::swarm(seed);
    EXPECT_EQ(options.seed, seed);
    EXPECT_LE(options.network_delay.min, options.network_delay.max);
    split += options.split_probability > 0 ? 1 : 0;
    reset += options.reset_probability > 0 ? 1 : 0;
  }
  EXPECT_NEAR(split, 100, 30);
  EXPECT_NEAR(reset, 100, 30);
}

}  // namespace
}  // namespace gregor::runtime::simulated
