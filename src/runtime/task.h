// Task<T>: a lazy coroutine with one awaiter. It starts when it is awaited and resumes its awaiter
// when it ends.
//
// Rules (they keep frames safe): no capturing lambda as a coroutine; parameters by value, or owned
// by the caller until the await has ended; after each co_await look again at shared state; never
// keep a reference into a container across one. A Task that nobody awaits is destroyed without
// having run. Roots are owned by a TaskGroup (task_group.h).
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "runtime/frame_memory.h"

namespace gregor::runtime {

template <class T>
class Task;

namespace detail {

struct FinalAwaiter {
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
    auto next = self.promise().continuation;
    return next && !self.promise().starting ? next : std::noop_coroutine();
  }
  void await_resume() const noexcept {}
};

/// Where the frames of coroutines come from: promises derive from it.
struct FrameMemory {
  static void* operator new(std::size_t size) { return frame_memory::take(size); }
  static void operator delete(void* frame, std::size_t size) {
    frame_memory::give_back(frame, size);
  }
};

struct PromiseBase : FrameMemory {
  std::coroutine_handle<> continuation;
  bool starting = false;  // still in the resume() of its awaiter, which goes on by itself if the
                          // task ends there
  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  [[nodiscard]] FinalAwaiter final_suspend() const noexcept { return {}; }
  // Errors are values here; what throws is a bug or an exhausted memory, and ends the process.
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
};

}  // namespace detail

/// Thread: runs on the thread that resumes it; the runtime sees to it that this is the shard it was
/// started on.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() { reset(); }

  struct Awaiter {
    Handle handle;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    // Runs the task to its first suspension; if it has ended by then, the awaiter does not suspend
    // at all. Compared with a transfer to the task and back, the stack does not grow in a loop over
    // tasks that end at once, whether or not the compiler makes these transfers tail calls (g++ 12
    // does so from -O2 on).
    bool await_suspend(std::coroutine_handle<> awaiting) const noexcept {
      auto& promise = handle.promise();
      promise.continuation = awaiting;
      promise.starting = true;
      handle.resume();
      promise.starting = false;
      return !handle.done();
    }
    T await_resume() const {
      if constexpr (!std::is_void_v<T>) {
        GREGOR_ASSERT(handle.promise().value.has_value());
        return std::move(*handle.promise().value);
      }
    }
  };
  Awaiter operator co_await() const& noexcept = delete;
  Awaiter operator co_await() && noexcept {
    GREGOR_ASSERT(handle_);
    return Awaiter{handle_};
  }

 private:
  void reset() {
    if (handle_) std::exchange(handle_, {}).destroy();
  }
  Handle handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}
}  // namespace detail

}  // namespace gregor::runtime
