#include "broker/status/broker_report.h"

#include <utility>

#include "broker/groups/group_coordinator.h"
#include "broker/status/shard_round.h"

namespace gregor::broker {
namespace {

// Partitions looked at before other work of the shard gets its turn: about 0.1 ms.
constexpr std::size_t looked_at_once = 256;

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

PartitionReport report_of(Partition& partition, model::BrokerId self) {
  storage::PartitionLog& log = partition.log();
  PartitionReport report;
  report.name = log.partition();
  report.leader_epoch = partition.leadership().epoch;
  report.is_leader = partition.leadership().leader == self;
  report.log_start = log.log_start();
  report.high_watermark = log.high_watermark();
  report.log_end = log.log_end();
  report.recovery_point = log.recovery_point();
  report.size_bytes = log.size_bytes();
  report.segments = log.segment_count();
  report.log_dir = parent_of(log.directory());
  if (log.failure()) report.failure = log.failure()->detail;
  return report;
}

void note(ShardReport& report, PartitionReport partition, Detail detail) {
  report.logs.add(partition);
  report.dirs[partition.log_dir].add(partition);
  if (detail == Detail::basic) return;
  const bool is_listed =
      report.topics.size() < listed_per_shard_max || report.topics.contains(partition.name.topic);
  if (is_listed) report.topics[partition.name.topic].add(partition);
  if (detail == Detail::partition && report.partitions.size() < listed_per_shard_max)
    report.partitions.push_back(std::move(partition));
}

runtime::Task<ShardReport> report_shard(BrokerShard& shard, const ConnectionSet& connections,
                                        Detail detail) {
  ShardReport report;
  for (const std::string& dir : shard.config().log_dirs) report.dirs[dir];
  model::TopicPartition last{"", model::PartitionIndex(-1)};
  while (true) {
    const auto some = shard.some_after(last, looked_at_once);
    for (const auto& partition : some)
      note(report, report_of(*partition, shard.broker_id()), detail);
    if (some.size() < looked_at_once) break;
    last = some.back()->log().partition();
    co_await runtime::sleep_until(shard.shard(), shard.shard().clock().now());
  }
  report.groups = shard.group_shard().figures();
  if (detail != Detail::basic)
    report.listed_groups = shard.group_shard().reports(listed_groups_max);
  report.counters = shard.counters();
  report.connections = connections.size();
  report.parked_fetches = shard.parked().size();
  report.frame_budget_bytes = connections.budget().bytes_max();
  report.frame_budget_used_bytes = connections.budget().used();
  report.frames_waiting = connections.budget().waiting();
  co_return report;
}

runtime::Task<std::optional<GroupReport>> report_group(BrokerShard& shard, GroupPlace place,
                                                       std::string id) {
  if (shard.shard().id() != place.shard) co_return std::nullopt;
  co_return shard.group_shard().report(place.partition, id);
}

ImageSums sum_image(const model::ClusterImage& image, model::BrokerId self) {
  ImageSums sums;
  image.for_each_topic([&](const model::TopicImage& topic) {
    ++sums.topics;
    sums.partitions += topic.partitions.size();
    for (const model::PartitionImage& partition : topic.partitions) {
      sums.leaderless += partition.leader == model::BrokerId(-1) ? 1 : 0;
      sums.led_here += partition.leader == self ? 1 : 0;
    }
  });
  return sums;
}

}  // namespace

std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::opening_log_dirs:
      return "opening log dirs";
    case Phase::opening_metadata:
      return "opening the metadata store";
    case Phase::recovering:
      return "recovering logs";
    case Phase::ready:
      return "ready";
    case Phase::stopping:
      return "stopping";
  }
  return "";
}

void LogSums::add(const PartitionReport& partition) {
  ++partitions;
  failed += partition.failure.empty() ? 0 : 1;
  size_bytes += partition.size_bytes;
}

void LogSums::merge(const LogSums& other) {
  partitions += other.partitions;
  failed += other.failed;
  size_bytes += other.size_bytes;
}

LogSums BrokerReport::logs() const {
  LogSums all;
  for (const auto& shard : shards) {
    if (shard) all.merge(shard->logs);
  }
  return all;
}

GroupFigures BrokerReport::groups() const {
  GroupFigures all;
  for (const auto& shard : shards) {
    if (shard) all.merge(shard->groups);
  }
  return all;
}

// A log that is led here and not hosted could not be opened.
std::uint64_t BrokerReport::offline() const {
  const LogSums all = logs();
  const std::uint64_t unopened =
      image.led_here > all.partitions ? image.led_here - all.partitions : 0;
  return image.leaderless + all.failed + unopened;
}

runtime::Task<std::optional<GroupReport>> gather_group(BrokerShared& shared, std::string id,
                                                       runtime::Instant deadline) {
  const GroupPlace place = GroupCoordinator::place_of(*shared.shards[0], id);
  auto work = [&shared, place, id](runtime::ShardId shard) {
    return report_group(*shared.shards[shard.value()], place, id);
  };
  runtime::Shard& home = shared.shards[0]->shard();
  auto reports = co_await ask_shards<std::optional<GroupReport>>(home, deadline, work);
  std::optional<std::optional<GroupReport>>& found = reports[place.shard.value()];
  co_return found ? std::move(*found) : std::nullopt;
}

runtime::Task<BrokerReport> gather_report(
    BrokerShared& shared, const std::vector<std::unique_ptr<ConnectionSet>>& connections,
    Detail detail, runtime::Instant deadline) {
  auto work = [&shared, &connections, detail](runtime::ShardId id) {
    return report_shard(*shared.shards[id.value()], *connections[id.value()], detail);
  };
  runtime::Shard& home = shared.shards[0]->shard();
  BrokerReport report;
  report.shards = co_await ask_shards<ShardReport>(home, deadline, work);
  report.image = sum_image(*shared.shards[0]->image(), shared.broker_id);
  co_return report;
}

}  // namespace gregor::broker
