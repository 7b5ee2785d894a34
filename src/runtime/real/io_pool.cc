#include "runtime/real/io_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "runtime/real/process.h"

namespace gregor::runtime::real {
namespace {

// How often a thread looks whether one of those that run has run out of its patience, while
// something is queued and as many as may run do.
constexpr std::chrono::milliseconds look_again{10};

}  // namespace

void IoPool::start() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (std::uint32_t i = 0; i < thread_count_; ++i) add_thread();
}

void IoPool::add_thread() {
  const std::size_t number = threads_.size();
  threads_.emplace_back([this, number] {
    block_signals_of_this_thread();
    name_this_thread(fmt::format("io-{}", number));
    work();
  });
  ++idle_;
}

void IoPool::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void IoPool::submit(UniqueFunction<void()> job) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(job));
  }
  changed_.notify_one();
}

bool IoPool::may_run_one_more() const {
  if (running_.size() < thread_count_) return true;
  const auto oldest = std::chrono::steady_clock::now() - patience_;
  const auto counts = std::count_if(running_.begin(), running_.end(),
                                    [oldest](const auto& began) { return began > oldest; });
  return static_cast<std::size_t>(counts) < thread_count_;
}

void IoPool::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    if (!may_run_one_more()) {
      changed_.wait_for(lock, look_again);
      continue;
    }
    UniqueFunction<void()> job = std::move(queue_.front());
    queue_.pop_front();
    const auto own = running_.insert(running_.end(), std::chrono::steady_clock::now());
    // One is left that looks after the queue.
    if (--idle_ == 0 && !stopping_ && threads_.size() < thread_count_ + extra_max) {
      try {
        add_thread();
      } catch (const std::system_error& refused) {
        log::warn("runtime", "no further thread for files: {}", refused.what());
      }
    }
    lock.unlock();
    job();
    job = {};
    lock.lock();
    running_.erase(own);
    ++idle_;
  }
}

}  // namespace gregor::runtime::real
