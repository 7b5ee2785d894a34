#include "runtime/simulated/simulated_shard.h"

#include <fmt/format.h>

#include <utility>

#include "base/assert.h"

namespace gregor::runtime::simulated {
namespace {

std::string name_of(const char* what, const Life& life, ShardId shard) {
  return fmt::format("{}.{}.{}.{}", what, life.node, life.number, shard.value());
}

}  // namespace

SimulatedShard::SimulatedShard(const ShardSurroundings& surroundings, const Siblings& siblings,
                               ShardId id)
    : surroundings_(surroundings),
      siblings_(siblings),
      id_(id),
      network_(surroundings.wire, Context{&surroundings.life, id.value()}),
      random_(surroundings.scheduler.split(name_of("random", surroundings.life, id))),
      delay_numbers_(surroundings.scheduler.split(name_of("mailbox", surroundings.life, id))),
      timer_salt_(surroundings.scheduler.split(name_of("timer", surroundings.life, id)).next()),
      message_tasks_(std::make_unique<TaskGroup>()) {}

Event SimulatedShard::event(EventKind kind) const {
  return {.kind = kind,
          .node = surroundings_.life.node,
          .shard = id_.value(),
          .life = &surroundings_.life};
}

// Mailbox 0 is for what runs on no shard of this node: the test, the I/O pool.
void SimulatedShard::post(UniqueFunction<void()> message) {
  Scheduler& scheduler = surroundings_.scheduler;
  if (!surroundings_.life.alive) return;
  const Context context = scheduler.context();
  const bool from_shard = context.life == &surroundings_.life && context.shard != no_shard;
  const std::uint32_t sender = from_shard ? context.shard + 1 : 0;
  if (mailboxes_.size() <= sender) mailboxes_.resize(siblings_.size() + 1);
  mailboxes_[sender].push_back(std::move(message));
  const DelayRange& range = scheduler.options().mailbox_delay;
  const auto delay = delay_numbers_.between(static_cast<std::uint64_t>(range.min.count()),
                                            static_cast<std::uint64_t>(range.max.count()));
  Event next = event(EventKind::message);
  next.receiver = this;
  next.sender = sender;
  scheduler.push(scheduler.now() + Duration(delay), std::move(next));
}

void SimulatedShard::deliver(std::uint32_t sender) {
  GREGOR_ASSERT(!mailboxes_[sender].empty());
  UniqueFunction<void()> message = std::move(mailboxes_[sender].front());
  mailboxes_[sender].pop_front();
  message();
}

TimerId SimulatedShard::start_timer(Instant deadline, UniqueFunction<void()> callback) {
  Event next = event(EventKind::timer);
  next.action = std::move(callback);
  // Timers of one shard with one deadline have one priority: they fire in the order of their start.
  const auto time = static_cast<std::uint64_t>(deadline.time_since_epoch().count());
  const auto priority = static_cast<std::uint32_t>(mix(timer_salt_ ^ time) >> 32);
  const TimerId id = surroundings_.scheduler.push_in_order(deadline, priority, std::move(next));
  return id != 0 ? id : UINT64_MAX;  // after the end of the life: an id that is never found
}

void SimulatedShard::submit_io(UniqueFunction<void()> work, UniqueFunction<void()> done) {
  Scheduler& scheduler = surroundings_.scheduler;
  Event start = event(EventKind::io_work);
  start.shard = no_shard;
  start.action = [this, job = std::move(work), after = std::move(done)]() mutable {
    job();
    Event end = event(EventKind::io_done);
    end.action = std::move(after);
    surroundings_.scheduler.push(surroundings_.scheduler.now(), std::move(end));
  };
  scheduler.push(scheduler.now() + surroundings_.disk.draw_io_delay(), std::move(start));
}

void SimulatedShard::drop_work() {
  GREGOR_ASSERT(!surroundings_.life.alive);
  // Destructors may come back here; they find an empty group and, as the life has ended, queue
  // nothing.
  const auto tasks = std::exchange(message_tasks_, std::make_unique<TaskGroup>());
  const auto messages = std::exchange(mailboxes_, {});
}

}  // namespace gregor::runtime::simulated
