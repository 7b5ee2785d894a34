// StatusPages: what the HTTP port shows of a broker: health, metrics, state. Read only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/local_partitions.h"
#include "broker/scrub.h"
#include "broker/status/broker_report.h"
#include "config/listener.h"
#include "http/message.h"
#include "http/server.h"
#include "runtime/process_usage.h"

namespace gregor::broker {

/// What the pages are made of; all of it belongs to shard 0 and outlives the pages.
struct StatusSources {
  runtime::Shard& shard;
  BrokerShared& shared;
  const std::vector<std::unique_ptr<ConnectionSet>>& connections;
  const LocalPartitions& partitions;
  const std::vector<config::Listener>& listeners;  ///< bound ones
  std::string version;
  /// Of the process; empty where there is none. Called in the I/O pool.
  std::function<runtime::ProcessUsage()> process_usage;
};

/// Thread: shard 0.
class StatusPages {
 public:
  explicit StatusPages(StatusSources sources);

  void set_phase(Phase phase) { phase_ = phase; }
  [[nodiscard]] Phase phase() const { return phase_; }
  /// Whose figures are part of the metrics; until then they are left out.
  void set_server(const http::Server& server) { server_ = &server; }
  void set_scrub(const Scrub& scrub) { scrub_ = &scrub; }

  /// Answers one request. Made in turns, so that other work of the shards goes on; waits for a
  /// stuck shard as long as answer_time_max. Only one page with details is made at a time: 503.
  runtime::Task<http::Response> answer(const http::Request& request);

  static constexpr std::chrono::seconds answer_time_max{5};

 private:
  runtime::Task<http::Response> live();
  runtime::Task<http::Response> ready(const http::Request& request);
  runtime::Task<http::Response> metrics(const http::Request& request);
  runtime::Task<http::Response> state(const http::Request& request);
  runtime::Task<http::Response> group(std::string id);
  [[nodiscard]] http::Response version() const;
  [[nodiscard]] runtime::Instant deadline() const;

  StatusSources sources_;
  const http::Server* server_ = nullptr;
  const Scrub* scrub_ = nullptr;
  Phase phase_ = Phase::opening_log_dirs;
  std::int64_t started_ms_;
  bool is_making_details_ = false;
};

}  // namespace gregor::broker
