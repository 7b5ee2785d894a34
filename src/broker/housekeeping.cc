#include "broker/housekeeping.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.h"
#include "base/log.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "housekeeping";
constexpr int collect_tries_max = 20;
// Intervals may be set to 0.
constexpr std::chrono::milliseconds checkpoint_pause{10};
// How soon a broker notices that a full disk has room again, or that no log dir is left.
constexpr std::chrono::seconds watch_interval{1};

struct Positions {
  model::TopicPartition partition;
  model::Offset recovery_point;
  model::Offset first_base;  // of the oldest segment, below or at the log start
  model::Offset log_start;
  model::Offset high_watermark;
};

runtime::Task<std::vector<Positions>> positions_of(BrokerShard& shard) {
  std::vector<Positions> all;
  for (const auto& partition : shard.all()) {
    partition->log().expire_producers();  // takes no time unless there is one
    const storage::PartitionLog& log = partition->log();
    all.push_back({log.partition(), log.recovery_point(), log.first_base(), log.log_start(),
                   log.high_watermark()});
  }
  co_return all;
}

}  // namespace

Housekeeping::Housekeeping(runtime::Shard& shard, BrokerShared& shared, storage::LogDirs& dirs,
                           LocalPartitions& partitions, std::function<void()> on_dirs_lost)
    : shard_(shard),
      shared_(shared),
      dirs_(dirs),
      partitions_(partitions),
      on_dirs_lost_(std::move(on_dirs_lost)),
      checkpoint_turns_(shard),
      stopping_(shard),
      watch_stopping_(shard) {}

void Housekeeping::start() {
  // Folders that an earlier run left are past their delay.
  for (std::string& path : dirs_.deleted_folders())
    doomed_.push_back({std::move(path), shard_.clock().now()});
  tasks_.spawn(run());
  tasks_.spawn(watch_dirs());
}

runtime::Task<void> Housekeeping::stop() {
  stopping_.set();
  watch_stopping_.set();
  co_await tasks_.join();
}

runtime::Task<void> Housekeeping::run() {
  const config::BrokerConfig& config = shared_.config;
  const std::chrono::milliseconds interval(config.replica_high_watermark_checkpoint_interval_ms);
  // Recovery points and log starts go together, for a start must not lie behind a recovered end.
  const std::chrono::milliseconds rare_interval(
      std::min(config.log_flush_offset_checkpoint_interval_ms,
               config.log_flush_start_offset_checkpoint_interval_ms));
  runtime::Instant next = shard_.clock().now() + std::min(interval, rare_interval);
  runtime::Instant next_rare = shard_.clock().now() + rare_interval;
  for (;;) {
    co_await remove_deleted();
    const bool stopped = co_await stopping_.wait_until(next);
    if (stopped) co_return;
    const runtime::Instant now = shard_.clock().now();
    const bool is_rare = now >= next_rare;
    next = now + std::max(std::min(interval, rare_interval), checkpoint_pause);
    if (is_rare) next_rare = now + rare_interval;
    const bool written = co_await write_checkpoints(is_rare);
    if (!written)
      log::warn(component,
                "checkpoints are older than they should be; the next start may take longer");
  }
}

bool Housekeeping::are_dirs_lost() const {
  return std::ranges::all_of(
      dirs_.states(), [](const storage::LogDirState& state) { return state.failure.has_value(); });
}

runtime::Task<void> Housekeeping::watch_dirs() {
  for (;;) {
    const runtime::Instant next = shard_.clock().now() + watch_interval;
    const bool stopped = co_await watch_stopping_.wait_until(next);
    if (stopped) co_return;
    if (are_dirs_lost()) {
      if (on_dirs_lost_) on_dirs_lost_();
      co_return;
    }
    auto measure = [this] {
      dirs_.measure_room();
      return true;
    };
    const bool measured = co_await runtime::offload(shard_, measure);
    GREGOR_ASSERT(measured);
  }
}

runtime::Task<std::vector<storage::DirCheckpoints>> Housekeeping::collect() {
  std::vector<storage::DirCheckpoints> checkpoints(dirs_.paths().size());
  for (storage::DirCheckpoints& of_dir : checkpoints) of_dir.generation = dirs_.generation();
  for (const auto& shard : shared_.shards) {
    BrokerShard* target = shard.get();
    auto ask = [target] { return positions_of(*target); };
    for (Positions& at : co_await runtime::call_on(shard_, target->shard().id(), ask)) {
      const auto dir = dirs_.find(at.partition);
      if (!dir) continue;
      storage::DirCheckpoints& into = checkpoints[*dir];
      into.recovery_points.emplace(at.partition, at.recovery_point);
      into.high_watermarks.emplace(at.partition, at.high_watermark);
      if (at.log_start > at.first_base) into.log_starts.emplace(at.partition, at.log_start);
    }
  }
  co_return checkpoints;
}

runtime::Task<bool> Housekeeping::write_checkpoints() { return write_checkpoints(true); }

// A round without recovery points is no answer to those who wait for one with them.
runtime::Task<bool> Housekeeping::write_checkpoints(bool with_recovery_points) {
  if (!with_recovery_points) {
    co_await checkpoint_turns_.take();
    const bool done = co_await write_checkpoints_once(false);
    checkpoint_turns_.pass();
    co_return done;
  }
  const std::uint64_t wanted = rounds_begun_ + 1;
  co_await checkpoint_turns_.take();
  bool written = round_written_ >= wanted;
  if (!written) {
    const std::uint64_t round = ++rounds_begun_;
    written = co_await write_checkpoints_once(true);
    if (written) round_written_ = round;
  }
  checkpoint_turns_.pass();
  co_return written;
}

runtime::Task<bool> Housekeeping::write_checkpoints_once(bool with_recovery_points) {
  for (int tries = 0; tries < collect_tries_max; ++tries) {
    std::vector<storage::DirCheckpoints> checkpoints = co_await collect();
    for (auto& of_dir : checkpoints) of_dir.with_recovery_points = with_recovery_points;
    auto write = [&]() -> Result<void> {
      Result<void> outcome;
      for (std::uint32_t dir = 0; dir < checkpoints.size(); ++dir) {
        auto done = dirs_.write_checkpoints(dir, checkpoints[dir]);
        if (!done) outcome = std::move(done);  // the other dirs get theirs
      }
      return outcome;
    };
    auto written = co_await runtime::offload(shard_, write);
    if (written) co_return true;
    if (written.error().code == ErrorCode::operation_not_attempted) continue;
    log::error(component, "checkpoints: {}", written.error().detail);
    co_return false;
  }
  log::warn(component, "checkpoints: topics come and go all the time");
  co_return false;
}

runtime::Task<void> Housekeeping::remove_deleted() {
  const auto delay =
      std::chrono::milliseconds(shared_.shards[0]->config().topic_defaults.file_delete_delay_ms);
  for (std::string& path : partitions_.take_retired())
    doomed_.push_back({std::move(path), shard_.clock().now() + delay});
  while (!doomed_.empty() && doomed_.front().due <= shard_.clock().now()) {
    const std::string path = std::move(doomed_.front().path);
    doomed_.pop_front();
    auto remove = [this, &path] { return dirs_.remove_deleted(path); };
    auto removed = co_await runtime::offload(shard_, remove);
    if (!removed)
      log::error(component, "{} could not be removed: {}", path, removed.error().detail);
  }
}

}  // namespace gregor::broker
