// Shard: one core's loop with everything that code above runtime/ may ask of the machine.
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "base/strong.h"
#include "base/unique_function.h"
#include "runtime/clock.h"
#include "runtime/file_system.h"
#include "runtime/network.h"
#include "runtime/random.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

namespace gregor::runtime {

using ShardId = Strong<struct ShardIdTag, std::uint32_t>;
using TimerId = std::uint64_t;  // 0 = none

/// One thread, one event loop. State lives on exactly one shard; other shards send it messages.
///
/// Thread: everything here only from the shard's own thread, except post(), id(), clock() and
/// file_system().
class Shard {
 public:
  virtual ~Shard() = default;

  [[nodiscard]] virtual ShardId id() const = 0;
  /// The number of shards of this broker; ids are [0, count).
  [[nodiscard]] virtual std::uint32_t count() const = 0;
  /// Another shard of the same broker.
  [[nodiscard]] virtual Shard& peer(ShardId id) = 0;

  /// The mailbox: runs `message` on this shard, in the order of posting per sender. Thread: any.
  virtual void post(UniqueFunction<void()> message) = 0;

  [[nodiscard]] virtual Clock& clock() = 0;
  [[nodiscard]] virtual Random& random() = 0;
  [[nodiscard]] virtual FileSystem& file_system() = 0;
  [[nodiscard]] virtual Network& network() = 0;

  /// Runs `callback` on this shard once `deadline` has passed. @return for cancel_timer, never 0.
  virtual TimerId start_timer(Instant deadline, UniqueFunction<void()> callback) = 0;
  /// After it returns the callback will not run. Ids that are 0, fired or unknown are ignored.
  virtual void cancel_timer(TimerId timer) = 0;

  /// Runs `work` on a thread of the I/O pool, then `done` on this shard. `work` may block and
  /// touches nothing of a shard.
  virtual void submit_io(UniqueFunction<void()> work, UniqueFunction<void()> done) = 0;

  /// Owner of tasks that were started on behalf of other shards (call_on).
  [[nodiscard]] virtual TaskGroup& message_tasks() = 0;
};

namespace detail {

struct TimerAwaiter {
  Shard& shard;
  Instant deadline;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) const {
    shard.start_timer(deadline, [waiting] { waiting.resume(); });
  }
  void await_resume() const noexcept {}
};

template <class F>
struct OffloadAwaiter {
  using R = std::invoke_result_t<F&>;
  Shard& shard;
  F function;
  std::optional<R> result{};
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    shard.submit_io([this] { result.emplace(function()); }, [waiting] { waiting.resume(); });
  }
  R await_resume() { return std::move(*result); }
};

template <class T>
struct TaskValue;
template <class T>
struct TaskValue<Task<T>> {
  using type = T;
};

template <class F>
struct CallOnAwaiter {
  using R = typename TaskValue<std::invoke_result_t<F&>>::type;
  using Kept = std::conditional_t<std::is_void_v<R>, std::monostate, R>;
  Shard& from;
  Shard& to;
  F function;  // lives in the caller's frame until the answer is back
  std::optional<Kept> result{};

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    to.post([this, waiting] { to.message_tasks().spawn(run(this, waiting)); });
  }
  static Task<void> run(CallOnAwaiter* self, std::coroutine_handle<> waiting) {
    if constexpr (std::is_void_v<R>) {
      co_await self->function();
    } else {
      self->result.emplace(co_await self->function());
    }
    // A shard that calls itself goes on at once; the mailbox is only for crossing over.
    self->from.post([waiting] { waiting.resume(); });
  }
  R await_resume() {
    if constexpr (!std::is_void_v<R>) return std::move(*result);
  }
};

}  // namespace detail

/// Suspends until `deadline`; there is no early wake-up (see OneShot for that).
inline Task<void> sleep_until(Shard& shard, Instant deadline) {
  co_await detail::TimerAwaiter{shard, deadline};
}

/// Runs `function` (which may block, and returns a value) on the I/O pool and gives its value.
/// `function` is kept in the caller's frame: what it refers to must outlive the await.
template <class F>
Task<std::invoke_result_t<F&>> offload(Shard& shard, F function) {
  detail::OffloadAwaiter<F> awaiter{shard, std::move(function)};
  co_return co_await awaiter;
}

/// Runs `function` on shard `to` and gives the value, if any, of the task that it returns, back on
/// shard `from`. `function` is not a coroutine itself: it returns a Task whose arguments it passes
/// by value or that live in the caller's frame.
template <class F>
Task<typename detail::TaskValue<std::invoke_result_t<F&>>::type> call_on(Shard& from, ShardId to,
                                                                         F function) {
  if (from.id() == to) co_return co_await function();
  detail::CallOnAwaiter<F> awaiter{from, from.peer(to), std::move(function)};
  co_return co_await awaiter;
}

/// A one-shot signal between tasks of one shard: one waiter, set at most once.
///
/// Thread: one shard.
class OneShot {
 public:
  explicit OneShot(Shard& shard) : shard_(shard) {}
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;
  ~OneShot() { shard_.cancel_timer(timer_); }

  /// Wakes the waiter (through the mailbox, so never from within this call), or lets the next wait
  /// end at once.
  void set() {
    if (set_) return;
    set_ = true;
    wake();
  }
  [[nodiscard]] bool is_set() const { return set_; }

  /// Waits for set() or the deadline. @return true if it was set.
  Task<bool> wait_until(Instant deadline) {
    co_await Awaiter{*this, deadline};
    co_return set_;
  }
  /// Waits for set().
  Task<void> wait() { co_await Awaiter{*this, std::nullopt}; }

 private:
  struct Awaiter {
    OneShot& signal;
    std::optional<Instant> deadline;
    [[nodiscard]] bool await_ready() const noexcept { return signal.set_; }
    void await_suspend(std::coroutine_handle<> waiting) const {
      GREGOR_ASSERT(!signal.waiter_);
      signal.waiter_ = waiting;
      if (deadline)
        signal.timer_ = signal.shard_.start_timer(*deadline, [&s = signal] {
          s.timer_ = 0;
          s.resume();
        });
    }
    void await_resume() const noexcept {}
  };
  void wake() {
    if (!waiter_) return;
    shard_.cancel_timer(std::exchange(timer_, 0));
    shard_.post([waiter = std::exchange(waiter_, {})] { waiter.resume(); });
  }
  void resume() {
    if (waiter_) std::exchange(waiter_, {}).resume();
  }

  Shard& shard_;
  std::coroutine_handle<> waiter_;
  TimerId timer_ = 0;
  bool set_ = false;
};

}  // namespace gregor::runtime
