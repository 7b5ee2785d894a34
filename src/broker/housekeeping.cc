#include "broker/housekeeping.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "housekeeping";
constexpr int collect_tries_max = 20;

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
                           LocalPartitions& partitions)
    : shard_(shard),
      shared_(shared),
      dirs_(dirs),
      partitions_(partitions),
      checkpoint_turns_(shard),
      stopping_(shard) {}

void Housekeeping::start() {
  // Folders that an earlier run left are past their delay.
  for (std::string& path : dirs_.deleted_folders())
    doomed_.push_back({std::move(path), shard_.clock().now()});
  tasks_.spawn(run());
}

runtime::Task<void> Housekeeping::stop() {
  stopping_.set();
  co_await tasks_.join();
}

runtime::Task<void> Housekeeping::run() {
  const config::BrokerConfig& config = shared_.config;
  const std::int64_t interval_ms =
      std::min({config.replica_high_watermark_checkpoint_interval_ms,
                std::int64_t{config.log_flush_offset_checkpoint_interval_ms},
                std::int64_t{config.log_flush_start_offset_checkpoint_interval_ms}});
  for (;;) {
    co_await remove_deleted();
    const runtime::Instant next = shard_.clock().now() + std::chrono::milliseconds(interval_ms);
    const bool stopped = co_await stopping_.wait_until(next);
    if (stopped) co_return;
    const bool written = co_await write_checkpoints();
    if (!written)
      log::warn(component,
                "checkpoints are older than they should be; the next start may take longer");
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

runtime::Task<bool> Housekeeping::write_checkpoints() {
  const std::uint64_t wanted = rounds_begun_ + 1;
  co_await checkpoint_turns_.take();
  bool written = round_written_ >= wanted;
  if (!written) {
    const std::uint64_t round = ++rounds_begun_;
    written = co_await write_checkpoints_once();
    if (written) round_written_ = round;
  }
  checkpoint_turns_.pass();
  co_return written;
}

runtime::Task<bool> Housekeeping::write_checkpoints_once() {
  for (int tries = 0; tries < collect_tries_max; ++tries) {
    const std::vector<storage::DirCheckpoints> checkpoints = co_await collect();
    auto write = [&]() -> Result<void> {
      for (std::uint32_t dir = 0; dir < checkpoints.size(); ++dir) {
        if (auto done = dirs_.write_checkpoints(dir, checkpoints[dir]); !done) return done;
      }
      return {};
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
