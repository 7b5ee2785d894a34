// How far groups are behind: for each committed offset the records behind it and how long the
// oldest of them has been there. Made when a page asks for it; nothing is kept up to date
// meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker_shard.h"
#include "model/ids.h"
#include "runtime/task.h"

namespace gregor::broker {

/// One partition that a group has an offset for.
struct GroupLag {
  std::string group;
  model::TopicPartition partition;
  model::Offset committed;
  model::Offset end;         ///< the high watermark
  std::int64_t records = 0;  ///< from the committed offset, or the log's start, to the end
  std::optional<std::int64_t> age_ms;  ///< of the oldest unread record; 0 if there is none
};

struct GroupLags {
  std::vector<GroupLag> rows;  ///< by group and partition, the first ones of each shard
  std::uint64_t unlisted = 0;  ///< left out, to stay bounded
};

/// Thread: shard 0. `shared` must outlive the shards' work.
runtime::Task<GroupLags> gather_lags(BrokerShared& shared);

}  // namespace gregor::broker
