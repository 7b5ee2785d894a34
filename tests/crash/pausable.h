// A thread that can be told to stand still, so that what it wrote may be read.
#pragma once

#include <condition_variable>
#include <mutex>

namespace gregor::crash {

/// Between one controlling thread and one worker. The worker starts paused.
class Pausable {
 public:
  /// Controlling side. pause() returns once the worker stands still.
  void pause() {
    std::unique_lock lock(mutex_);
    wanted_ = Wanted::pause;
    changed_.wait(lock, [this] { return standing_ || wanted_ == Wanted::end; });
  }
  void resume() { want(Wanted::run); }
  /// The worker is to leave its loop, from a pause too.
  void end() { want(Wanted::end); }

  /// Worker side.
  [[nodiscard]] bool is_pause_wanted() {
    const std::lock_guard lock(mutex_);
    return wanted_ == Wanted::pause;
  }
  [[nodiscard]] bool is_end_wanted() {
    const std::lock_guard lock(mutex_);
    return wanted_ == Wanted::end;
  }
  /// Stands still until resumed. @return false: leave the loop
  [[nodiscard]] bool stand() {
    std::unique_lock lock(mutex_);
    standing_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return wanted_ != Wanted::pause; });
    standing_ = false;
    return wanted_ == Wanted::run;
  }

 private:
  enum class Wanted { pause, run, end };

  void want(Wanted wanted) {
    const std::lock_guard lock(mutex_);
    wanted_ = wanted;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Wanted wanted_ = Wanted::pause;
  bool standing_ = false;
};

}  // namespace gregor::crash
