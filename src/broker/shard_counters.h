// What one shard has done, for metrics: plain numbers that are added to on the data path, copied
// and summed when somebody asks.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/duration_histogram.h"
#include "base/error_code.h"
#include "storage/log_counters.h"

namespace gregor::broker {

/// Requests of one api.
struct ApiCounters {
  /// From the whole frame to the answer's bytes; the time that a fetch waits for data is part of
  /// it.
  DurationHistogram durations;
  std::map<ErrorCode, std::uint64_t> errors;  ///< error codes in answers, none excluded
};

/// Client connections.
struct TrafficCounters {
  std::uint64_t connections = 0;  ///< taken so far
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
};

/// Thread: its shard.
struct ShardCounters {
  std::vector<ApiCounters> apis;       ///< in the order of served_apis()
  std::uint64_t refused_requests = 0;  ///< their connections were closed
  TrafficCounters traffic;
  storage::LogCounters logs;
};

}  // namespace gregor::broker
