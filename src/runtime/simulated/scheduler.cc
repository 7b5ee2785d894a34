#include "runtime/simulated/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"

namespace gregor::runtime::simulated {
namespace {

constexpr std::array<std::string_view, 7> kind_names = {"scenario", "message", "timer", "io_work",
                                                        "io_done",  "network", "wake"};

// Not zero, so that an Instant{} left by mistake in a deadline shows.
constexpr Instant first_instant{std::chrono::hours(1)};

}  // namespace

Scheduler::Scheduler(const WorldOptions& options)
    : options_(options),
      start_(first_instant),
      now_(first_instant),
      order_(derive_seed(options.seed, "schedule")),
      hash_(mix(options.seed)) {}

EventId Scheduler::push(Instant at, Event event) {
  return push_in_order(at, static_cast<std::uint32_t>(order_.next() >> 32), std::move(event));
}

EventId Scheduler::push_in_order(Instant at, std::uint32_t priority, Event event) {
  if (event.life != nullptr && !event.life->alive) return 0;
  return queue_.push(std::max(at, now_), priority, std::move(event));
}

void Scheduler::clear() {
  queue_.clear();
  notices_.clear();
}

bool Scheduler::run_one(Instant limit) {
  run_notices();
  for (;;) {
    const auto time = queue_.next_time();
    if (!time || *time > limit) return false;
    Event event = queue_.pop();
    if (event.life != nullptr && !event.life->alive) continue;
    count_instant(*time);
    note(event);
    const Context context{event.life, event.shard};
    if (event.receiver != nullptr) {
      run_as(context, [&] { event.receiver->deliver(event.sender); });
    } else {
      run_as(context, [&] { event.action(); });
    }
    break;
  }
  run_notices();
  return true;
}

void Scheduler::advance_to(Instant time) {
  if (time > now_) now_ = time;
}

void Scheduler::after_event(UniqueFunction<void()> notice) {
  notices_.push_back(std::move(notice));
}

void Scheduler::run_notices() {
  while (!notices_.empty()) {
    UniqueFunction<void()> notice = std::move(notices_.front());
    notices_.pop_front();
    notice();
  }
}

void Scheduler::count_instant(Instant time) {
  GREGOR_ASSERT(time >= now_);
  steps_at_instant_ = time == now_ ? steps_at_instant_ + 1 : 0;
  GREGOR_ASSERT(steps_at_instant_ < options_.events_per_instant_max);  // a livelock
  now_ = time;
  ++steps_;
}

void Scheduler::note(const Event& event) {
  const auto place = (static_cast<std::uint64_t>(event.kind) << 56) ^
                     (static_cast<std::uint64_t>(event.node) << 28) ^ event.shard;
  hash_ = mix(mix(hash_ ^ place) ^ static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  if (!sink_) return;
  const auto since_start = std::chrono::duration<double, std::micro>(now_ - start_).count();
  sink_(fmt::format("#{} {:.3f}us {} node={} shard={}", steps_, since_start,
                    kind_names[static_cast<std::size_t>(event.kind)],
                    static_cast<std::int32_t>(event.node), static_cast<std::int32_t>(event.shard)));
}

void Scheduler::trace(std::string_view text) {
  hash_ = mix(hash_ ^ text.size());
  for (const char c : text) hash_ = mix(hash_ ^ static_cast<unsigned char>(c));
  if (sink_) sink_(fmt::format("#{} {}", steps_, text));
}

}  // namespace gregor::runtime::simulated
