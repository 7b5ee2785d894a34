#include "runtime/task_group.h"

#include <utility>

namespace gregor::runtime {

// A root's frame holds the task; it is unlinked and freed when the task ends.
struct TaskGroup::RootPromise : detail::FrameMemory {
  TaskGroup* group;
  std::list<std::coroutine_handle<>>::iterator position;

  RootPromise(TaskGroup* owner, Task<void>& /*task*/) : group(owner) {}
  Root get_return_object() noexcept;
  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  void return_void() const noexcept {}

  struct Final {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<RootPromise> self) const noexcept {
      TaskGroup* owner = self.promise().group;
      auto position = self.promise().position;
      self.destroy();
      owner->ended(position);
    }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] Final final_suspend() const noexcept { return {}; }
};

struct TaskGroup::Root {
  using promise_type = RootPromise;
  std::coroutine_handle<RootPromise> handle;
};

TaskGroup::Root TaskGroup::RootPromise::get_return_object() noexcept {
  return Root{std::coroutine_handle<RootPromise>::from_promise(*this)};
}

struct TaskGroup::JoinAwaiter {
  TaskGroup& group;
  [[nodiscard]] bool await_ready() const noexcept { return group.roots_.empty(); }
  void await_suspend(std::coroutine_handle<> waiting) const noexcept {
    GREGOR_ASSERT(!group.joiner_);
    group.joiner_ = waiting;
  }
  void await_resume() const noexcept {}
};

TaskGroup::Root TaskGroup::run(TaskGroup* /*group*/, Task<void> task) { co_await std::move(task); }

TaskGroup::~TaskGroup() {
  while (!roots_.empty()) {
    auto handle = roots_.front();
    roots_.pop_front();
    handle.destroy();
  }
}

void TaskGroup::spawn(Task<void> task) {
  Root root = run(this, std::move(task));
  root.handle.promise().position = roots_.insert(roots_.end(), root.handle);
  root.handle.resume();
}

void TaskGroup::ended(std::list<std::coroutine_handle<>>::iterator position) {
  roots_.erase(position);
  if (roots_.empty() && joiner_) std::exchange(joiner_, {}).resume();
}

Task<void> TaskGroup::join() { co_await JoinAwaiter{*this}; }

}  // namespace gregor::runtime
