// The text of /metrics. docs/http.md lists the metrics.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "broker/compaction.h"
#include "broker/local_partitions.h"
#include "broker/scrub.h"
#include "broker/status/broker_report.h"
#include "runtime/process_usage.h"

namespace gregor::broker {

/// What the page shows besides the report.
struct MetricsFacts {
  std::string version;
  std::int64_t started_ms = 0;
  bool is_ready = false;
  LoadProgress loading;
  std::vector<storage::LogDirState> log_dirs;
  runtime::ProcessUsage process;
  CompactionFigures compaction;
  ScrubFigures scrub;
  std::int64_t active_segments_open = 0;
  std::int64_t cold_segments_open = 0;
  std::uint64_t segments_beyond_limit = 0;
  std::size_t http_connections = 0;
  std::map<unsigned, std::uint64_t> http_answers;  ///< by status
};

/// Pure; any thread.
[[nodiscard]] std::string metrics_text(const BrokerReport& report, const MetricsFacts& facts,
                                       Detail detail);

}  // namespace gregor::broker
