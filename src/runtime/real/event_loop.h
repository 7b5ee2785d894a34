// EventLoop: one thread's loop over descriptors, messages, one alarm and signals. Asio (epoll) is
// hidden in event_loop.cc; this is the only place that knows it. Descriptor: one non-blocking
// descriptor that is watched by a loop.
//
// Everything above (timers, sockets) makes its system calls itself and asks the loop only for
// readiness, with one exception: a read that has to wait is made by the loop, which saves an
// epoll_ctl for each wait.
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_function.h"
#include "runtime/clock.h"

namespace gregor::runtime::real {

/// The slot of one waiting operation; lives in the frame of the coroutine that waits.
struct Completion {
  std::coroutine_handle<> waiting;
  std::size_t bytes = 0;
  int os_error = 0;  ///< ECANCELED if the descriptor was closed or the wait cancelled
};

class EventLoop;

/// An open descriptor, registered with one loop; closes it when destroyed.
///
/// Thread:    the loop's, or any when the loop has stopped.
/// Invariant: at most one read (or wait for readability) and one wait for writability at a time. A
/// completion is always
///            resumed by the loop, never from within a call here. Destroyed only when nothing
///            waits, or after the loop has stopped.
class Descriptor {
 public:
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  /// The descriptor itself, -1 once closed.
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_closed() const { return number_ < 0; }

  /// Reads up to out.size() bytes, now or when some are there. bytes = 0 without an error: end of
  /// the stream.
  void start_read(ByteSpan out, Completion& completion);
  void wait_readable(Completion& completion);
  void wait_writable(Completion& completion);
  /// Ends what waits with ECANCELED.
  void cancel();
  /// Closes now; ends what waits with ECANCELED. May be called again.
  void close();

 private:
  friend class EventLoop;
  struct Watched;
  explicit Descriptor(std::unique_ptr<Watched> watched, int number);

  std::unique_ptr<Watched> watched_;
  int number_;
};

/// Thread: that of run(), except post() and stop().
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs the loop on the calling thread until stop().
  void run();
  /// Makes run() return soon; what is queued then is destroyed with the loop, not run. Thread: any.
  void stop();

  /// Runs `message` in the loop, in the order of posting per sender, never inline. Thread: any.
  void post(UniqueFunction<void()> message);
  /// Resumes `waiting`, which gives up its turn, after another look at the descriptors. Only from
  /// the loop's own thread.
  void resume_later(std::coroutine_handle<> waiting);

  /// Who is called when the alarm rings. Set once, before run().
  void on_alarm(UniqueFunction<void()> callback);
  /// Sets the one alarm, or moves it.
  void set_alarm(Instant when);

  /// Takes SIGTERM, SIGINT and SIGHUP (unless it is ignored) from now on and calls `callback` for
  /// each in the loop. Once, before run().
  [[nodiscard]] Result<void> on_signal(UniqueFunction<void(int)> callback);

  /// Watches a non-blocking descriptor and owns it from here on, also on an error.
  [[nodiscard]] Result<std::unique_ptr<Descriptor>> watch(int descriptor);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `co_await ReadOperation{...}` kept in a named local, for g++ 12.
struct ReadOperation {
  Descriptor& descriptor;
  ByteSpan out;
  Completion completion{};
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    completion.waiting = waiting;
    descriptor.start_read(out, completion);
  }
  [[nodiscard]] const Completion& await_resume() const noexcept { return completion; }
};

struct ReadableWait {
  Descriptor& descriptor;
  Completion completion{};
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    completion.waiting = waiting;
    descriptor.wait_readable(completion);
  }
  [[nodiscard]] const Completion& await_resume() const noexcept { return completion; }
};

struct WritableWait {
  Descriptor& descriptor;
  Completion completion{};
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    completion.waiting = waiting;
    descriptor.wait_writable(completion);
  }
  [[nodiscard]] const Completion& await_resume() const noexcept { return completion; }
};

/// Goes once through the loop, so that the others get their turn.
struct NextTurn {
  EventLoop& loop;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) const { loop.resume_later(waiting); }
  void await_resume() const noexcept {}
};

}  // namespace gregor::runtime::real
