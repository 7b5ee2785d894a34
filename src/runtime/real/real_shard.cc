#include "runtime/real/real_shard.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "runtime/real/process.h"

namespace gregor::runtime::real {
namespace {

thread_local const RealShard* shard_of_this_thread = nullptr;

}  // namespace

Instant SystemClock::now() const {
  return Instant(std::chrono::steady_clock::now().time_since_epoch());
}

std::int64_t SystemClock::wall_ms() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

SeededRandom::SeededRandom() : engine_(random_seed()) {}

RealShard::RealShard(ShardId id, SharedParts& shared)
    : id_(id), shared_(shared), network_(*this, loop_) {
  message_tasks_.emplace();
  loop_.on_alarm([this] { ring(); });
}

RealShard::~RealShard() { stop(); }

void RealShard::start() {
  GREGOR_ASSERT(!running_);
  running_ = true;
  thread_ = std::thread([this] {
    block_signals_of_this_thread();
    name_this_thread(fmt::format("shard-{}", id_.value()));
    shard_of_this_thread = this;
    loop_.run();
  });
}

void RealShard::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
  running_ = false;
}

void RealShard::check_thread() const {
  GREGOR_ASSERT(shard_of_this_thread == this || !running_.load(std::memory_order_relaxed));
}

Shard& RealShard::peer(ShardId id) {
  GREGOR_ASSERT(id.value() < count());
  return *shared_.shards[id.value()];
}

TaskGroup& RealShard::message_tasks() {
  check_thread();
  return *message_tasks_;
}

// The alarm is only moved forward in time here: most timers are cancelled long before they fire,
// and an alarm that rings for nothing costs less than a system call for each start and cancel.
TimerId RealShard::start_timer(Instant deadline, UniqueFunction<void()> callback) {
  check_thread();
  const TimerId timer = timers_.start(deadline, std::move(callback));
  if (!alarm_ || deadline < *alarm_) {
    alarm_ = deadline;
    loop_.set_alarm(deadline);
  }
  return timer;
}

void RealShard::cancel_timer(TimerId timer) {
  if (timer == 0) return;
  check_thread();
  timers_.cancel(timer);
}

void RealShard::ring() {
  timers_.run_due(shared_.clock.now());
  alarm_ = timers_.next();
  if (alarm_) loop_.set_alarm(*alarm_);
}

void RealShard::submit_io(UniqueFunction<void()> work, UniqueFunction<void()> done) {
  check_thread();
  shared_.io_pool.submit([this, work = std::move(work), done = std::move(done)]() mutable {
    work();
    work = {};
    post(std::move(done));
  });
}

}  // namespace gregor::runtime::real
