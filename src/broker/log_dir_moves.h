// Moves of partitions between log dirs: which of them run, how fast, and what becomes of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/local_partitions.h"
#include "broker/turns.h"
#include "model/uuid.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"
#include "storage/log_dirs.h"
#include "storage/wait_list.h"

namespace gregor::broker {

/// The copy of a move that is under way.
struct FutureReplica {
  model::TopicPartition partition;
  std::uint32_t log_dir = 0;
  std::uint64_t size_bytes = 0;
  model::Offset end{0};  ///< copied up to here
};

/// A move copies the log in the background, on the shard that owns it with the work in the I/O
/// pool, while it is written and read; when little is missing the log stands still for the rest,
/// and goes on in the other log dir. A few moves run at a time, the others wait.
///
/// A move that is interrupted by the end of the process is begun anew by the next one: the folder
/// of its copy says where it was to go.
///
/// Thread: shard 0.
class LogDirMoves {
 public:
  LogDirMoves(runtime::Shard& shard, BrokerShared& shared, storage::LogDirs& dirs,
              LocalPartitions& partitions);

  /// Once the partitions are open: what was found at start.
  runtime::Task<void> begin_anew();
  /// Ends when nothing runs any more; copies stay.
  runtime::Task<void> stop();

  /// What AlterReplicaLogDirs asks for: has begun, or is done, when it ends. The dir where the
  /// partition is makes a move of it end.
  /// @param path  of a log dir, as DescribeLogDirs gives it
  /// @return log_dir_not_found, unknown_topic_or_partition, replica_not_available (another broker
  ///         has it), kafka_storage_error (a log dir is offline or has no room),
  ///         invalid_topic_exception (the folder's name would be too long)
  runtime::Task<ErrorCode> ask(model::TopicPartition partition, std::string path);

  /// Before a partition is deleted: nothing is left of a move of it.
  runtime::Task<void> drop(model::TopicPartition partition);

  [[nodiscard]] std::vector<FutureReplica> futures() const;

 private:
  /// Shared with the task on the owning shard.
  struct Move {
    storage::FolderMove folder;
    model::Uuid topic_id;
    std::atomic<bool> is_cancelled{false};
    std::atomic<std::uint64_t> size_bytes{0};
    std::atomic<std::int64_t> end{0};
  };
  using MovePointer = std::shared_ptr<Move>;
  /// How a move ended.
  struct Ended {
    Result<void> done;
    bool keeps_copy = false;
    std::string retired;
    std::uint64_t size_bytes = 0;
  };
  /// What the owning shard knows of a partition.
  struct Hosted {
    bool is_known = false;  ///< the cluster has it
    bool is_there = false;
    bool is_offline = false;
    model::Uuid topic_id;
    std::uint64_t size_bytes = 0;
  };

  static runtime::Task<Hosted> look_up(BrokerShard& shard, model::TopicPartition partition);
  [[nodiscard]] BrokerShard& owner(const model::TopicPartition& partition);
  runtime::Task<ErrorCode> ask_in_turn(model::TopicPartition partition, std::uint32_t to);
  runtime::Task<void> cancel(model::TopicPartition partition);
  runtime::Task<ErrorCode> begin(model::TopicPartition partition, std::uint32_t to,
                                 model::Uuid topic_id);
  runtime::Task<void> begin_one_anew(storage::FoundFuture found);
  runtime::Task<void> drop_copy(std::string path);
  runtime::Task<void> run(MovePointer move);
  runtime::Task<Ended> copy_on(BrokerShard& shard, MovePointer move);
  /// How fast a copy is made, by the settings of now and its share of them.
  struct Pace {
    double bytes_per_second = 0;
    std::uint64_t portion = 0;         ///< to be copied at a time
    std::uint64_t missing_to_try = 0;  ///< the log may stand still for the rest
  };
  [[nodiscard]] Pace pace_of(BrokerShard& shard) const;
  runtime::Task<void> throttle(BrokerShard& shard, const Move& move, std::uint64_t bytes);
  [[nodiscard]] bool is_over(const Move& move) const { return move.is_cancelled || is_stopping_; }

  runtime::Shard& shard_;
  BrokerShared& shared_;
  storage::LogDirs& dirs_;
  LocalPartitions& partitions_;
  std::map<model::TopicPartition, MovePointer> moves_;
  std::size_t running_ = 0;
  std::atomic<std::int64_t> running_count_{0};  // the same, for the shards
  std::atomic<bool> is_stopping_{false};
  Turns asks_;
  storage::WaitList changed_;  // a move has ended
  runtime::TaskGroup tasks_;
};

}  // namespace gregor::broker
