#include "broker/log_retention.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "retention";

// So many partitions are asked before the shard's other messages get their turn.
constexpr std::size_t asked_at_once = 64;

runtime::Task<std::vector<storage::DeletedSegments>> check_shard(BrokerShard& shard) {
  std::vector<storage::DeletedSegments> all;
  std::size_t asked = 0;
  for (const auto& partition : shard.all()) {
    if (++asked % asked_at_once == 0)
      co_await runtime::sleep_until(shard.shard(), shard.shard().clock().now());
    if (partition->is_retired() || partition->log().failure()) continue;
    auto deleted = co_await partition->log().apply_retention();
    if (deleted && deleted->count > 0) all.push_back(std::move(*deleted));
    if (!deleted && !partition->is_retired()) {
      log::warn(component, "{}: old segments can't be deleted: {}",
                to_string(partition->log().partition()), deleted.error().detail);
    }
  }
  co_return all;
}

}  // namespace

LogRetention::LogRetention(runtime::Shard& shard, BrokerShared& shared)
    : shard_(shard),
      shared_(shared),
      doomed_(shard, component, "a deleted segment"),
      stopping_(shard) {}

void LogRetention::start() { tasks_.spawn(run()); }

runtime::Task<void> LogRetention::stop() {
  stopping_.set();
  co_await tasks_.join();
}

runtime::Task<void> LogRetention::run() {
  const config::BrokerConfig& config = shared_.config;
  runtime::Instant next_check =
      shard_.clock().now() + runtime::milliseconds_within_reach(config.log_initial_task_delay_ms);
  for (;;) {
    const runtime::Instant next = std::min(next_check, doomed_.next_due().value_or(next_check));
    const bool stopped = co_await stopping_.wait_until(next);
    if (stopped) co_return;
    if (shard_.clock().now() >= next_check) {
      co_await check_all();
      next_check = shard_.clock().now() +
                   runtime::milliseconds_within_reach(config.log_retention_check_interval_ms);
    }
    co_await doomed_.remove_due();
  }
}

runtime::Task<void> LogRetention::check_all() {
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
  for (const auto& shard : shared_.shards) {
    BrokerShard* target = shard.get();
    auto ask = [target] { return check_shard(*target); };
    auto all = co_await runtime::call_on(shard_, target->shard().id(), ask);
    for (storage::DeletedSegments& deleted : all) {
      segments += deleted.count;
      bytes += deleted.size_bytes;
      const auto due = shard_.clock().now() + runtime::milliseconds_within_reach(deleted.delay_ms);
      doomed_.add(std::move(deleted.files), due);
    }
  }
  if (segments > 0) log::info(component, "{} old segments, {} bytes, are deleted", segments, bytes);
}

}  // namespace gregor::broker
