// IoPool: the threads for work that may block: fsync, cold reads, directories, recovery, the
// metadata database.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "base/unique_function.h"

namespace gregor::runtime::real {

/// Threads that take jobs in the order of submission, `thread_count` at a time. A job that takes
/// longer than `patience` no longer counts, so that a disk that hangs does not keep the jobs of
/// others from running: then up to `extra_max` further threads are made, which stay.
///
/// Thread: any, except stop(). The mutex guards the queue only and is never held while a job runs.
/// Limit:  the queue has none of its own: each job belongs to a task that waits for it.
class IoPool {
 public:
  using Duration = std::chrono::steady_clock::duration;
  static constexpr Duration usual_patience = std::chrono::milliseconds(50);
  static constexpr std::uint32_t extra_max = 32;

  explicit IoPool(std::uint32_t thread_count, Duration patience = usual_patience)
      : thread_count_(thread_count), patience_(patience) {}
  ~IoPool() { stop(); }
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  void start();
  /// Runs what is queued, then ends the threads.
  void stop();
  void submit(UniqueFunction<void()> job);

 private:
  void work();
  void add_thread();
  [[nodiscard]] bool may_run_one_more() const;

  const std::uint32_t thread_count_;
  const Duration patience_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<UniqueFunction<void()>> queue_;
  std::list<std::chrono::steady_clock::time_point> running_;  // when they began, the oldest first
  std::uint32_t idle_ = 0;                                    // threads
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gregor::runtime::real
