#include "runtime/real/io_pool.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/real/process.h"

namespace gregor::runtime::real {

void IoPool::start() {
  for (std::uint32_t i = 0; i < thread_count_; ++i) {
    threads_.emplace_back([this, i] {
      block_signals_of_this_thread();
      name_this_thread(fmt::format("io-{}", i));
      work();
    });
  }
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

void IoPool::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    UniqueFunction<void()> job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    job = {};
    lock.lock();
  }
}

}  // namespace gregor::runtime::real
