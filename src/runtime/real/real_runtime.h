// RealRuntime: the runtime on the operating system: threads, epoll, sockets, files. Made once, by
// main().
//
//   RealRuntime runtime({.shard_count = 2});
//   runtime.start();
//   runtime.run([&runtime] { return serve(runtime.shard(ShardId(0))); });   // blocks until that
//   task has ended runtime.stop();
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/unique_function.h"
#include "runtime/real/process.h"
#include "runtime/shard.h"

namespace gregor::runtime::real {

struct RuntimeOptions {
  std::uint32_t shard_count = 1;  ///< threads named shard-N; >= 1
  std::uint32_t io_threads = 4;   ///< threads named io-N, for what may block; >= 1
};

/// Owns shards, I/O pool and file system. Ignores SIGPIPE for the whole process.
///
/// Thread: one (main's), which is not one of the shards.
/// Order:  start(), run() any number of times, stop(); what lives on shards (connections, logs) is
/// destroyed before the
///         runtime, either by tasks on its shard or, after stop(), by the caller's thread.
class RealRuntime {
 public:
  /// @throws std::exception if the system has no descriptors or memory left; only at start
  explicit RealRuntime(const RuntimeOptions& options);
  /// stop(), then destroys tasks that have not ended.
  ~RealRuntime();
  RealRuntime(const RealRuntime&) = delete;
  RealRuntime& operator=(const RealRuntime&) = delete;

  [[nodiscard]] Shard& shard(ShardId id);
  [[nodiscard]] std::uint32_t shard_count() const;
  [[nodiscard]] FileSystem& file_system();
  [[nodiscard]] Clock& clock();

  /// SIGTERM, SIGINT and SIGHUP no longer end the process; `callback` runs on shard 0 for each that
  /// comes (a second one too). Once, before start().
  [[nodiscard]] Result<void> on_signal(UniqueFunction<void(int)> callback);

  void start();

  /// Calls `make` on shard 0 and waits, on the calling thread, until the task that it returned has
  /// ended.
  void run(UniqueFunction<Task<void>()> make);

  /// Lets the I/O pool finish what was submitted, then ends all threads. Tasks that still wait are
  /// not resumed any more. May be called again.
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace gregor::runtime::real
