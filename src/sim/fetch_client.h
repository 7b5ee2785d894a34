// What model readers share: one fetch, from the request to the checked answer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "protocol/fetch.h"
#include "sim/fleet.h"

namespace gregor::sim {

/// A partition to be read and from where.
struct FetchPosition {
  std::string topic;
  PartitionKey where;
  model::Offset from;
};

struct FetchOrder {
  ClientConnection::Pointer connection;
  std::vector<FetchPosition> positions;
  std::int32_t bytes_min = 1;
  std::int32_t bytes_max = 1 << 20;
  std::int32_t partition_bytes_max = 1 << 20;
  runtime::Duration wait_max{};
  protocol::ApiVersion version = 4;
};

/// What came of it, for the reader to go on.
struct FetchOutcome {
  bool is_good = false;                        ///< false: no answer, or one that is of no use
  std::map<PartitionKey, model::Offset> next;  ///< behind what was read, where something was read
  std::map<PartitionKey, model::Offset> high_watermarks;
  std::vector<std::pair<model::Offset, model::TimestampMs>>
      timestamps;  ///< of the records of the first partition
};

inline constexpr protocol::ApiVersion fetch_version_lowest = 4;
inline constexpr protocol::ApiVersion fetch_version_highest = 18;

/// Fetches once. Tells the history what was read; notes answers that break a promise:
/// errors for partitions that are there [E1], bytes that are no batches [D3], nothing although
/// something is there [O4], an early empty answer [W2].
runtime::Task<FetchOutcome> fetch(Fleet& fleet, FetchOrder order);

}  // namespace gregor::sim
