// RealShard: a Shard that is a thread with an EventLoop.
#pragma once

#include <atomic>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "runtime/real/event_loop.h"
#include "runtime/real/io_pool.h"
#include "runtime/real/posix_file_system.h"
#include "runtime/real/tcp_network.h"
#include "runtime/real/timer_queue.h"
#include "runtime/shard.h"

namespace gregor::runtime::real {

/// Thread: any.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] std::int64_t wall_ms() const override;
};

/// Seeded by the kernel. Thread: one shard.
class SeededRandom final : public Random {
 public:
  SeededRandom();
  std::uint64_t next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

/// What all shards of a runtime share.
struct SharedParts {
  SystemClock clock;
  PosixFileSystem file_system;
  IoPool io_pool;
  std::vector<Shard*> shards;  // filled before start()
};

/// Thread: as Shard says; asserted. Before start() and after stop() any one thread may call
/// everything.
class RealShard final : public Shard {
 public:
  RealShard(ShardId id, SharedParts& shared);
  ~RealShard() override;

  void start();
  /// Ends the thread; messages that are queued and timers that are set will not run.
  void stop();
  /// Destroys what still runs, without resuming it. Only after stop().
  void abandon_tasks() { message_tasks_.reset(); }
  [[nodiscard]] EventLoop& loop() { return loop_; }

  [[nodiscard]] ShardId id() const override { return id_; }
  [[nodiscard]] std::uint32_t count() const override {
    return static_cast<std::uint32_t>(shared_.shards.size());
  }
  [[nodiscard]] Shard& peer(ShardId id) override;
  void post(UniqueFunction<void()> message) override { loop_.post(std::move(message)); }
  [[nodiscard]] Clock& clock() override { return shared_.clock; }
  [[nodiscard]] Random& random() override { return random_; }
  [[nodiscard]] FileSystem& file_system() override { return shared_.file_system; }
  [[nodiscard]] Network& network() override { return network_; }
  TimerId start_timer(Instant deadline, UniqueFunction<void()> callback) override;
  void cancel_timer(TimerId timer) override;
  void submit_io(UniqueFunction<void()> work, UniqueFunction<void()> done) override;
  [[nodiscard]] TaskGroup& message_tasks() override;

 private:
  void ring();
  void check_thread() const;

  const ShardId id_;
  SharedParts& shared_;
  EventLoop loop_;
  TimerQueue timers_;
  std::optional<Instant> alarm_;  // what the loop's alarm is set to
  SeededRandom random_;
  TcpNetwork network_;
  std::optional<TaskGroup> message_tasks_;
  std::thread thread_;
  std::atomic<bool> running_{false};
};

}  // namespace gregor::runtime::real
