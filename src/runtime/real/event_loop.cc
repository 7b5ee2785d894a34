#include "runtime/real/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace gregor::runtime::real {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// A hint of 1 lets posts from the loop's own thread skip the queue's lock.
constexpr int one_thread = 1;

std::chrono::steady_clock::time_point steady(Instant when) {
  return std::chrono::steady_clock::time_point(when.time_since_epoch());
}

bool is_ignored(int number) {
  struct sigaction now {};
  return ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// How often messages that messages post are run before the loop looks at its descriptors again.
constexpr int message_rounds_max = 4;

using Message = UniqueFunction<void()>;

/// Messages of a loop's own thread, and the events that they come from.
///
/// What an event posts is run as soon as the event is over, not after another look at the
/// descriptors: an epoll_wait for each message would cost more than the message.
class OwnMessages {
 public:
  explicit OwnMessages(asio::io_context& context) : context_(context) {}

  void post(Message message) {
    messages_.push_back(std::move(message));
    if (!in_event_) run_later();
  }

  /// For who gives up its turn: it goes on after another look at the descriptors.
  void resume_later(std::coroutine_handle<> waiting) {
    yielded_.push_back(waiting);
    run_later();
  }

  /// Runs an event (never within another one), then what it has posted.
  template <class Event>
  void run(Event event) {
    GREGOR_ASSERT(!in_event_);
    in_event_ = true;
    event();
    for (int round = 0; round < message_rounds_max && !messages_.empty(); ++round) {
      running_.swap(messages_);
      for (Message& message : running_) message();
      running_.clear();
    }
    in_event_ = false;
    if (!messages_.empty()) run_later();
  }

 private:
  void run_later() {
    if (std::exchange(will_run_, true)) return;
    asio::post(context_, [this] {
      will_run_ = false;
      run([this] {
        for (const auto waiting : std::exchange(yielded_, {})) waiting.resume();
      });
    });
  }

  asio::io_context& context_;
  std::vector<Message> messages_;
  std::vector<Message> running_;  // empty but for its room
  std::vector<std::coroutine_handle<>> yielded_;
  bool in_event_ = false;
  bool will_run_ = false;
};

// Fills the slot and resumes the coroutine that owns it.
struct Resume {
  Completion* completion;
  OwnMessages* own;
  void operator()(const error_code& error, std::size_t bytes = 0) const {
    completion->bytes = bytes;
    completion->os_error = error && error != asio::error::eof ? error.value() : 0;
    own->run([this] { completion->waiting.resume(); });
  }
};

/// How many descriptors Asio has records of.
///
/// Asio keeps its record of a descriptor (some 200 bytes) for ever, for a later one. Made one by
/// one, between a connection's other blocks, the records of a peak of connections would each hold a
/// page back from the system; so they are made many at once, but few enough to stay within the
/// descriptors that are reserved for logs.
class DescriptorRecords {
 public:
  void take(asio::io_context& context, int any_descriptor) {
    if (used_ == made_) make_more(context, any_descriptor);
    ++used_;
  }
  void give_back() { --used_; }

 private:
  static constexpr int many = 32;

  void make_more(asio::io_context& context, int any_descriptor) {
    std::vector<asio::posix::stream_descriptor> brief;
    brief.reserve(many);
    for (int i = 0; i < many; ++i) {
      const int copy = ::dup(any_descriptor);
      if (copy < 0) break;  // then the one that is wanted gets a record of its own
      error_code error;
      brief.emplace_back(context).assign(copy, error);
      if (!error) continue;
      ::close(copy);
      break;
    }
    made_ = std::max(made_ + static_cast<std::int64_t>(brief.size()), used_ + 1);
  }

  std::int64_t made_ = 0;
  std::int64_t used_ = 0;
};

}  // namespace

struct Descriptor::Watched {
  Watched(asio::io_context& context, OwnMessages& messages, DescriptorRecords& descriptor_records)
      : stream(context), own(&messages), records(descriptor_records) {}
  ~Watched() { records.give_back(); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  asio::posix::stream_descriptor stream;
  OwnMessages* own;
  DescriptorRecords& records;
};

struct EventLoop::State {
  asio::io_context context{one_thread};
  asio::steady_timer alarm{context};
  asio::signal_set signals{context};
  asio::executor_work_guard<asio::io_context::executor_type> stay{context.get_executor()};
  UniqueFunction<void()> alarm_callback;
  UniqueFunction<void(int)> signal_callback;

  // Messages from the loop's own thread wait in `own`. Those of others wait in `inbox`; the first
  // one wakes the loop. Asio's post would do both, but it wakes the loop while it holds the lock
  // that the loop then wants: each message between shards cost two futex calls and two switches.
  OwnMessages own{context};
  std::mutex inbox_mutex;
  std::vector<Message> inbox;
  bool is_woken = false;  // guarded by inbox_mutex: a wake-up is on its way
  DescriptorRecords records;
  asio::posix::stream_descriptor wake{context};
  std::uint64_t wake_count = 0;

  State() {
    const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    GREGOR_ASSERT(descriptor >= 0);
    error_code error;
    wake.assign(descriptor, error);
    GREGOR_ASSERT(!error);
    next_wake();
  }

  void post(Message message);
  void next_wake();

  void next_signal() {
    signals.async_wait([this](const error_code& error, int number) {
      if (error) return;
      own.run([this, number] { signal_callback(number); });
      next_signal();
    });
  }
};

namespace {
// The loop that the calling thread runs, if any.
thread_local const void* loop_of_this_thread = nullptr;
}  // namespace

void EventLoop::State::post(Message message) {
  if (loop_of_this_thread == this) {
    own.post(std::move(message));
    return;
  }
  bool is_first = false;
  {
    const std::lock_guard<std::mutex> lock(inbox_mutex);
    inbox.push_back(std::move(message));
    is_first = !std::exchange(is_woken, true);
  }
  const std::uint64_t one = 1;
  if (is_first) GREGOR_ASSERT(::write(wake.native_handle(), &one, sizeof one) == sizeof one);
}

void EventLoop::State::next_wake() {
  const auto buffer = asio::buffer(&wake_count, sizeof wake_count);
  wake.async_read_some(buffer, [this](const error_code& error, std::size_t) {
    if (error) return;
    std::vector<Message> messages;
    {
      const std::lock_guard<std::mutex> lock(inbox_mutex);
      messages.swap(inbox);
      is_woken = false;
    }
    own.run([&messages] {
      for (Message& message : messages) message();
    });
    next_wake();
  });
}

Descriptor::Descriptor(std::unique_ptr<Watched> watched, int number)
    : watched_(std::move(watched)), number_(number) {}
Descriptor::~Descriptor() { close(); }

void Descriptor::start_read(ByteSpan out, Completion& completion) {
  GREGOR_ASSERT(!is_closed());
  watched_->stream.async_read_some(asio::buffer(out.data(), out.size()),
                                   Resume{&completion, watched_->own});
}

void Descriptor::wait_readable(Completion& completion) {
  GREGOR_ASSERT(!is_closed());
  watched_->stream.async_wait(asio::posix::descriptor_base::wait_read,
                              Resume{&completion, watched_->own});
}

void Descriptor::wait_writable(Completion& completion) {
  GREGOR_ASSERT(!is_closed());
  watched_->stream.async_wait(asio::posix::descriptor_base::wait_write,
                              Resume{&completion, watched_->own});
}

void Descriptor::cancel() {
  if (is_closed()) return;
  error_code error;
  watched_->stream.cancel(error);
  GREGOR_ASSERT(!error);
}

void Descriptor::close() {
  if (is_closed()) return;
  number_ = -1;
  error_code ignored;  // The descriptor is gone either way, and a socket's close has nothing left
                       // to report.
  watched_->stream.close(ignored);
}

EventLoop::EventLoop() : state_(std::make_unique<State>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  loop_of_this_thread = state_.get();
  state_->context.run();
  loop_of_this_thread = nullptr;
}
void EventLoop::stop() { state_->context.stop(); }

void EventLoop::post(UniqueFunction<void()> message) { state_->post(std::move(message)); }

void EventLoop::resume_later(std::coroutine_handle<> waiting) {
  GREGOR_ASSERT(loop_of_this_thread == state_.get());
  state_->own.resume_later(waiting);
}

void EventLoop::on_alarm(UniqueFunction<void()> callback) {
  state_->alarm_callback = std::move(callback);
}

void EventLoop::set_alarm(Instant when) {
  state_->alarm.expires_at(steady(when));
  state_->alarm.async_wait([state = state_.get()](const error_code& error) {
    if (!error) state->own.run([state] { state->alarm_callback(); });
  });
}

Result<void> EventLoop::on_signal(UniqueFunction<void(int)> callback) {
  GREGOR_ASSERT(!state_->signal_callback);
  state_->signal_callback = std::move(callback);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    if (number == SIGHUP && is_ignored(number)) continue;  // nohup
    error_code error;
    state_->signals.add(number, error);
    if (error)
      return fail(ErrorCode::unknown_server_error, "signals: " + error.message(), error.value());
  }
  state_->next_signal();
  return {};
}

Result<std::unique_ptr<Descriptor>> EventLoop::watch(int descriptor) {
  // The constructor of Asio's object throws; assign() reports.
  state_->records.take(state_->context, state_->wake.native_handle());
  auto watched =
      std::make_unique<Descriptor::Watched>(state_->context, state_->own, state_->records);
  error_code error;
  watched->stream.assign(descriptor, error);
  if (!error) watched->stream.native_non_blocking(true, error);
  if (error) {
    if (!watched->stream.is_open()) ::close(descriptor);
    return fail(ErrorCode::network_exception, "watching a descriptor: " + error.message(),
                error.value());
  }
  return std::unique_ptr<Descriptor>(new Descriptor(std::move(watched), descriptor));
}

}  // namespace gregor::runtime::real
