// IoPool: the threads for work that may block: fsync, cold reads, directories, recovery, the
// metadata database.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/unique_function.h"

namespace gregor::runtime::real {

/// A fixed number of threads that take jobs in the order of submission.
///
/// Thread: any, except stop(). The mutex guards the queue only and is never held while a job runs.
/// Limit:  the queue has none of its own: each job belongs to a task that waits for it.
class IoPool {
 public:
  explicit IoPool(std::uint32_t thread_count) : thread_count_(thread_count) {}
  ~IoPool() { stop(); }
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  void start();
  /// Runs what is queued, then ends the threads.
  void stop();
  void submit(UniqueFunction<void()> job);

 private:
  void work();

  const std::uint32_t thread_count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<UniqueFunction<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gregor::runtime::real
