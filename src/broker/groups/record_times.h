// When the oldest records that groups have not read were written.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "broker/partition.h"
#include "model/ids.h"
#include "runtime/shard.h"
#include "runtime/task.h"

namespace gregor::broker {

/// When the records at some offsets were written. Records do not change, so an offset is looked up
/// once and kept as long as somebody asks for it.
///
/// Thread: the shard that owns the partitions.
class RecordTimes {
 public:
  /// Forgets what was not asked for since the last call.
  void begin_round();
  /// Time of the first record at or behind `offset`, which lies below the high watermark.
  /// @return nullopt: it can't be read, or too many were looked up in this round
  runtime::Task<std::optional<model::TimestampMs>> find(runtime::Shard& shard, Partition& partition,
                                                        model::Offset offset);

 private:
  using Times = std::map<std::pair<model::TopicPartition, model::Offset>, model::TimestampMs>;
  Times known_;
  Times before_;
  std::size_t looked_up_ = 0;
};

}  // namespace gregor::broker
