#include "runtime/simulated/node.h"

#include <fmt/format.h>

#include <utility>

#include "base/assert.h"

namespace gregor::runtime::simulated {

std::int64_t Node::NodeClock::wall_ms() const {
  const auto passed =
      std::chrono::duration_cast<std::chrono::milliseconds>(scheduler.now() - scheduler.start());
  return scheduler.options().wall_start_ms + passed.count() + offset_ms;
}

Node::Node(Scheduler& scheduler, Wire& wire, std::uint32_t number, std::string host)
    : scheduler_(scheduler),
      wire_(wire),
      number_(number),
      host_(std::move(host)),
      clock_(scheduler),
      disk_(scheduler, fmt::format("{}", number)),
      outside_{.node = number, .outside = true},
      outside_files_(disk_, outside_, clock_) {
  wire_.add_host(number_, host_);
}

Node::~Node() { destroy_shards(); }

void Node::boot(std::uint32_t shard_count) {
  GREGOR_ASSERT(shard_count > 0 && !is_up());
  GREGOR_ASSERT(shards_.empty());
  lives_.push_back(std::make_unique<Life>());
  life_ = lives_.back().get();
  life_->node = number_;
  life_->number = static_cast<std::uint32_t>(lives_.size());
  file_system_ = std::make_unique<SimulatedFileSystem>(disk_, *life_, clock_);
  const ShardSurroundings surroundings{scheduler_, *life_, disk_, wire_, clock_, *file_system_};
  for (std::uint32_t id = 0; id < shard_count; ++id) {
    shards_.push_back(std::make_unique<SimulatedShard>(surroundings, shards_, ShardId(id)));
  }
  wire_.set_up(number_);
  scheduler_.trace(fmt::format("node {} boots, life {}", number_, life_->number));
}

void Node::crash(CrashKind kind) {
  disk_.clear_crash_point();
  if (is_up()) {
    life_->alive = false;
    wire_.set_down(*life_, kind == CrashKind::power);
    disk_.release_locks();
  }
  if (kind == CrashKind::power) {
    last_power_loss_ = {};
    disk_.lose_power(last_power_loss_);
  }
  scheduler_.trace(fmt::format("node {} crashes, kind {}", number_, static_cast<int>(kind)));
}

void Node::crash_after_file_operations(std::uint64_t n, CrashKind kind,
                                       UniqueFunction<void()> notice) {
  disk_.set_crash_point(n, [this, kind, told = std::move(notice)]() mutable {
    crash(kind);
    if (told) scheduler_.after_event(std::move(told));
  });
}

void Node::drop_work() {
  if (life_ == nullptr) return;
  GREGOR_ASSERT(!life_->alive);
  for (const auto& shard : shards_) shard->drop_work();
  scheduler_.drop(*life_);
}

void Node::destroy_shards() {
  if (is_up()) crash(CrashKind::kill);
  drop_work();
  drop_work();  // what the first one's destructors left behind
  shards_.clear();
}

}  // namespace gregor::runtime::simulated
