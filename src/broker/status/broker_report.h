// BrokerReport: what the HTTP pages show of a broker, gathered from its shards by messages.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/connection_set.h"
#include "broker/groups/group_lag.h"
#include "broker/groups/group_shard.h"
#include "broker/shard_counters.h"
#include "runtime/shard.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Where a broker is between its start and its end.
enum class Phase { opening_log_dirs, opening_metadata, recovering, ready, stopping };

[[nodiscard]] std::string_view phase_name(Phase phase);

/// One partition as its shard sees it.
struct PartitionReport {
  model::TopicPartition name;
  model::LeaderEpoch leader_epoch{-1};
  bool is_leader = false;
  model::Offset log_start;
  model::Offset high_watermark;
  model::Offset log_end;
  model::Offset recovery_point;
  std::uint64_t size_bytes = 0;
  std::uint64_t segments = 0;
  std::string log_dir;
  std::string failure;  ///< why nothing is appended any more; "" = nothing
};

/// Sums over partitions: of a shard, of a topic, or of a log dir.
struct LogSums {
  std::uint64_t partitions = 0;
  std::uint64_t failed = 0;  ///< whose log takes nothing any more
  std::uint64_t size_bytes = 0;
  void add(const PartitionReport& partition);
  void merge(const LogSums& other);
};

/// How much a page wants to know: each level costs more to make and to send.
enum class Detail { basic, topic, partition };

struct ShardReport {
  ShardCounters counters;
  std::size_t connections = 0;
  std::size_t parked_fetches = 0;
  std::uint64_t frame_budget_bytes = 0;
  std::uint64_t frame_budget_used_bytes = 0;
  std::size_t frames_waiting = 0;
  LogSums logs;
  std::map<std::string, LogSums> dirs;
  std::map<std::string, LogSums> topics;    ///< from Detail::topic on
  std::vector<PartitionReport> partitions;  ///< Detail::partition; by name, the first ones
  GroupFigures groups;
  std::vector<GroupReport> listed_groups;  ///< from Detail::topic on; the first ones
};

/// What is the same for all shards is only in shard 0's image and is counted when asked for.
struct ImageSums {
  std::uint64_t topics = 0;
  std::uint64_t partitions = 0;
  std::uint64_t leaderless = 0;
  std::uint64_t led_here = 0;
};

struct BrokerReport {
  std::vector<std::optional<ShardReport>> shards;  ///< nothing = it has not answered in time
  ImageSums image;
  GroupLags lags;  ///< from Detail::topic on

  [[nodiscard]] LogSums logs() const;
  [[nodiscard]] GroupFigures groups() const;
  /// Partitions that nobody can write to, as far as this broker knows.
  [[nodiscard]] std::uint64_t offline() const;
};

/// So many topics and partitions are listed by one shard at most; pages say what they leave out.
inline constexpr std::size_t listed_per_shard_max = 5000;
/// And so many groups.
inline constexpr std::size_t listed_groups_max = 1000;

/// A group with all rebalances that are remembered. @return nullopt: there is none, or its shard
/// has not answered in time. Thread: shard 0.
runtime::Task<std::optional<GroupReport>> gather_group(BrokerShared& shared, std::string id,
                                                       runtime::Instant deadline);

/// Thread: shard 0. The sets are those of `shared.shards`, in order; both must outlive the shards'
/// work.
runtime::Task<BrokerReport> gather_report(
    BrokerShared& shared, const std::vector<std::unique_ptr<ConnectionSet>>& connections,
    Detail detail, runtime::Instant deadline);

}  // namespace gregor::broker
