// TaskGroup: owns root tasks, so that each one is waited for or, when the world ends, destroyed.
#pragma once

#include <coroutine>
#include <cstddef>
#include <list>

#include "runtime/task.h"

namespace gregor::runtime {

/// Owner of running root tasks (the role of a gate in other runtimes).
///
/// Thread:    one shard; spawn and join only from it.
/// Invariant: a task spawned here ends before join() does. The destructor destroys tasks that have
/// not ended, without
///            resuming them; that is allowed only when nothing will resume them any more (the loop
///            has stopped).
class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  /// Starts `task` at once on the calling thread; returns at its first suspension.
  void spawn(Task<void> task);

  [[nodiscard]] std::size_t running() const { return roots_.size(); }

  /// Ends when no task runs any more. One waiter at a time.
  Task<void> join();

 private:
  struct Root;
  struct RootPromise;
  struct JoinAwaiter;
  static Root run(TaskGroup* group, Task<void> task);
  void ended(std::list<std::coroutine_handle<>>::iterator position);

  std::list<std::coroutine_handle<>> roots_;
  std::coroutine_handle<> joiner_;
};

}  // namespace gregor::runtime
