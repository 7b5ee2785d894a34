// WaitList: tasks of one shard that wait for the same thing and then look for themselves.
#pragma once

#include <coroutine>
#include <utility>
#include <vector>

#include "runtime/shard.h"

namespace gregor::storage {

/// Thread: one shard. Limit: one entry per waiting task.
class WaitList {
 public:
  explicit WaitList(runtime::Shard& shard) : shard_(shard) {}

  /// `co_await list.wait()`: suspends until wake_all(); the condition may be false again by then.
  struct Awaiter {
    WaitList& list;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) const { list.waiting_.push_back(waiting); }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] Awaiter wait() { return Awaiter{*this}; }

  /// Resumes all that wait now, through the mailbox.
  void wake_all() {
    if (waiting_.empty()) return;
    shard_.post([waiting = std::exchange(waiting_, {})] {
      for (const auto handle : waiting) handle.resume();
    });
  }

 private:
  runtime::Shard& shard_;
  std::vector<std::coroutine_handle<>> waiting_;
};

}  // namespace gregor::storage
