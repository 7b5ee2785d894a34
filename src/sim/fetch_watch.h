// FetchWatch: the fetches under way, and whether each one ends when it should: a parked fetch is
// woken soon after an append that it waits for, and none is kept beyond its wait.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "runtime/clock.h"
#include "sim/partition_history.h"
#include "sim/violations.h"

namespace gregor::sim {

/// One partition of a fetch.
struct FetchInterest {
  PartitionKey where;
  model::Offset from;
};

struct FetchUnderWay {
  std::vector<FetchInterest> interests;
  std::int32_t bytes_min = 1;
  runtime::Duration wait_max{};
  runtime::Instant sent;
  std::optional<runtime::Instant> due{};  ///< since when something that it waits for is there
};

using FetchTicket = std::uint64_t;

/// Thread: one.
class FetchWatch {
 public:
  /// @param slack  the longest time that network, disk and scheduling may take in this run
  FetchWatch(runtime::Duration slack, Violations& violations)
      : slack_(slack), violations_(violations) {}

  /// @param fetch  `due` is set if data was there when it was sent
  FetchTicket start(FetchUnderWay fetch);
  /// Records up to `end` were acknowledged by now.
  void appended(const PartitionKey& where, model::Offset end, runtime::Instant now);
  /// The answer has come. [W1: it was due long before; L4: kept beyond its wait]
  void answered(FetchTicket ticket, runtime::Instant now);
  /// The connection has ended.
  void forget(FetchTicket ticket) { fetches_.erase(ticket); }
  [[nodiscard]] std::size_t size() const { return fetches_.size(); }
  [[nodiscard]] runtime::Duration slack() const { return slack_; }

 private:
  const runtime::Duration slack_;
  Violations& violations_;
  std::map<FetchTicket, FetchUnderWay> fetches_;
  FetchTicket next_ = 1;
};

}  // namespace gregor::sim
