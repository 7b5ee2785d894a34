// WaitSlot: the place where at most one suspended operation waits for an event of the simulated
// network.
#pragma once

#include <coroutine>
#include <utility>

#include "base/assert.h"

namespace gregor::runtime::simulated {

struct WaitSlot {
  std::coroutine_handle<> waiting;

  void resume() {
    if (waiting) std::exchange(waiting, {}).resume();
  }
};

/// Waits in a slot until somebody resumes it. If the waiting frame is destroyed instead, the slot
/// is empty again.
class SlotWait {
 public:
  explicit SlotWait(WaitSlot& slot) : slot_(slot) {}
  SlotWait(const SlotWait&) = delete;
  SlotWait& operator=(const SlotWait&) = delete;
  ~SlotWait() {
    if (suspended_) slot_.waiting = {};
  }
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    GREGOR_ASSERT(!slot_.waiting);
    slot_.waiting = waiting;
    suspended_ = true;
  }
  void await_resume() { suspended_ = false; }

 private:
  WaitSlot& slot_;
  bool suspended_ = false;
};

}  // namespace gregor::runtime::simulated
