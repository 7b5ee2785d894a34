// The JSON of /debug/state: what a person who looks for a fault wants to see of a broker.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/local_partitions.h"
#include "broker/status/broker_report.h"
#include "config/listener.h"

namespace gregor::broker {

/// What the page shows besides the report.
struct StateFacts {
  std::string version;
  std::int64_t started_ms = 0;
  std::int64_t now_ms = 0;
  Phase phase = Phase::opening_log_dirs;
  LoadProgress loading;
  std::vector<config::Listener> listeners;
};

/// Settings that were given are shown, secrets as "[hidden]". Topics are listed in the order of
/// their names, a bounded number of partitions in all. Thread: shard 0 (reads its image).
[[nodiscard]] std::string state_json(const BrokerReport& report, const StateFacts& facts,
                                     BrokerShard& shard);

}  // namespace gregor::broker
