#include "broker/scrub.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "scrub";

// Read at a time, at most a second's worth.
constexpr std::int64_t step_bytes_max = std::int64_t{1} << 20;
// A step costs at least as much as its window.
constexpr std::uint64_t step_cost_min = std::uint64_t{256} << 10;
constexpr std::chrono::milliseconds pass_pause_min{100};

}  // namespace

Scrub::Scrub(runtime::Shard& shard, BrokerShared& shared)
    : shard_(shard), shared_(shared), stopping_(shard) {}

void Scrub::start() {
  if (shared_.config.gregor_scrub_bytes_per_second > 0) tasks_.spawn(run());
}

runtime::Task<void> Scrub::stop() {
  stopping_.set();
  co_await tasks_.join();
}

runtime::Task<void> Scrub::run() {
  runtime::Instant next = shard_.clock().now() + runtime::milliseconds_within_reach(
                                                     shared_.config.log_initial_task_delay_ms);
  for (;;) {
    const bool stopped = co_await stopping_.wait_until(next);
    if (stopped) co_return;
    const runtime::Instant began = shard_.clock().now();
    const ScrubFigures before = figures_;
    co_await pass();
    if (stopping_.is_set()) co_return;
    ++figures_.passes;
    if (figures_.segments > before.segments) {
      log::info(component, "{} old segments, {} bytes, were checked: {} damaged places",
                figures_.segments - before.segments, figures_.bytes - before.bytes,
                figures_.damaged + figures_.unreadable - before.damaged - before.unreadable);
    }
    next = std::max(
        began + runtime::milliseconds_within_reach(shared_.config.gregor_scrub_interval_ms),
        shard_.clock().now() + pass_pause_min);
  }
}

/// The first one behind `last`.
runtime::Task<Scrub::Target> Scrub::target_after(BrokerShard& shard,
                                                 const model::TopicPartition& last) {
  Target target;
  const auto next = shard.some_after(last, 1);
  target.is_end = next.empty();
  if (target.is_end) co_return target;
  storage::PartitionLog& log = next.front()->log();
  target.partition = log.partition();
  target.directory = log.directory();
  if (!log.is_offline()) target.bases = log.closed_segments();
  co_return target;
}

runtime::Task<void> Scrub::pass() {
  for (const auto& shard : shared_.shards) {
    BrokerShard* from = shard.get();
    model::TopicPartition last;
    for (;;) {
      auto ask = [from, &last] { return target_after(*from, last); };
      const Target target = co_await runtime::call_on(shard_, from->shard().id(), ask);
      if (target.is_end) break;
      for (const model::Offset base : target.bases) {
        if (stopping_.is_set()) co_return;
        co_await scrub_segment(*from, target, base);
      }
      if (stopping_.is_set()) co_return;
      last = target.partition;
    }
  }
}

runtime::Task<void> Scrub::scrub_segment(BrokerShard& shard, const Target& target,
                                         model::Offset base) {
  const std::int64_t rate = shared_.config.gregor_scrub_bytes_per_second;
  const auto step_bytes = static_cast<std::uint64_t>(std::min(rate, step_bytes_max));
  auto open = [this, &target, base] {
    return storage::SegmentScrub::open(shard_.file_system(), {target.directory, base});
  };
  auto scrub = co_await runtime::offload(shard_, open);
  // Compacted, deleted, or moved away meanwhile. What else can't be opened, a reader is told of.
  if (!scrub) co_return;
  ++figures_.segments;
  for (;;) {
    auto look = [&scrub, step_bytes] { return scrub->step(step_bytes); };
    const storage::SegmentScrub::Step step = co_await runtime::offload(shard_, look);
    figures_.bytes += step.bytes;
    for (const auto& finding : step.findings) co_await note(shard, target, base, finding);
    const auto cost = static_cast<double>(
        step.findings.empty() ? step.bytes : std::max(step.bytes, step_cost_min));
    const auto rest = std::chrono::duration_cast<runtime::Duration>(
        std::chrono::duration<double>(cost / static_cast<double>(rate)));
    const bool stopped = co_await stopping_.wait_until(shard_.clock().now() + rest);
    if (stopped || step.is_done) co_return;
  }
}

/// What this process wrote or has checked before is damaged by now: the next reader looks again.
runtime::Task<bool> Scrub::doubt(BrokerShard& shard, const model::TopicPartition& partition,
                                 model::Offset base, std::uint64_t position) {
  const auto found = shard.find(partition.topic, partition.partition.value());
  if (found != nullptr) found->log().forget_verified(base, position);
  co_return found != nullptr;
}

runtime::Task<void> Scrub::note(BrokerShard& shard, const Target& target, model::Offset base,
                                const storage::ScrubFinding& finding) {
  auto tell = [&shard, &target, base, &finding] {
    return doubt(shard, target.partition, base, finding.position);
  };
  const bool is_there = co_await runtime::call_on(shard_, shard.shard().id(), tell);
  if (!is_there) co_return;  // deleted meanwhile
  ++(finding.is_unreadable ? figures_.unreadable : figures_.damaged);
  log::error(component, "damage: {}", finding.text);
}

}  // namespace gregor::broker
