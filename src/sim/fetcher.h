// Fetcher: a model client that follows some partitions with long polls.
#pragma once

#include <vector>

#include "sim/fetch_client.h"

namespace gregor::sim {

/// Thread: the clients' shard. Outlives its task.
class Fetcher {
 public:
  /// @param number  unique in the run
  Fetcher(Fleet& fleet, const FetcherPlan& plan, std::uint32_t number,
          std::vector<FetchPosition> positions);
  runtime::Task<void> run();

 private:
  runtime::Task<void> use(ClientConnection::Pointer connection);
  FetchOrder make_order(ClientConnection::Pointer connection);
  void go_on(const FetchOutcome& outcome);
  void step_back();

  Fleet& fleet_;
  const FetcherPlan plan_;
  std::vector<FetchPosition> positions_;
  runtime::simulated::Prng numbers_;
};

}  // namespace gregor::sim
