// Turns: tasks that have to run one after the other, in the order in which they asked.
#pragma once

#include <coroutine>
#include <deque>

#include "runtime/shard.h"

namespace gregor::broker {

/// Thread: one shard. Limit: one entry per waiting task.
/// Usage:  `co_await turns.take(); const Turns::Holder turn(turns); ...`, or pass() by hand where
/// the
///         task may outlive the Turns.
class Turns {
 public:
  explicit Turns(runtime::Shard& shard) : shard_(shard) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  struct Awaiter {
    Turns& turns;
    [[nodiscard]] bool await_ready() const noexcept {
      if (turns.is_taken_) return false;
      turns.is_taken_ = true;
      return true;
    }
    void await_suspend(std::coroutine_handle<> waiting) const { turns.waiting_.push_back(waiting); }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] Awaiter take() { return Awaiter{*this}; }

  /// Passes the turn on when it goes.
  class Holder {
   public:
    explicit Holder(Turns& turns) : turns_(turns) {}
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder() { turns_.pass(); }

   private:
    Turns& turns_;
  };

  /// The next one may run.
  void pass() {
    if (waiting_.empty()) {
      is_taken_ = false;
      return;
    }
    const std::coroutine_handle<> next = waiting_.front();
    waiting_.pop_front();
    shard_.post([next] { next.resume(); });
  }

 private:
  runtime::Shard& shard_;
  std::deque<std::coroutine_handle<>> waiting_;
  bool is_taken_ = false;
};

}  // namespace gregor::broker
