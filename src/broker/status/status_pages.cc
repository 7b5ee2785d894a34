#include "broker/status/status_pages.h"

#include <fmt/format.h>

#include <utility>

#include "broker/status/group_pages.h"
#include "broker/status/metrics_page.h"
#include "broker/status/shard_round.h"
#include "broker/status/state_page.h"
#include "protocol/json_writer.h"

namespace gregor::broker {
namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

constexpr std::string_view index_text =
    "Gregor, the HTTP port of a broker. Read only.\n\n"
    "/livez                      200 while every shard's loop turns\n"
    "/readyz                     200 once clients are served, else 503 and why; ?verbose\n"
    "/metrics                    Prometheus; ?level=basic (default), topic or partition\n"
    "/version                    version of the program\n"
    "/debug/state                shards, topics, partitions and groups as JSON; ?group=NAME\n\n"
    "Kafka clients connect elsewhere: see listeners.\n";

http::Response respond(unsigned status, std::string_view type, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = type;
  response.body = std::move(body);
  return response;
}

http::Response plain(unsigned status, std::string_view text) {
  http::Response response;
  response.status = status;
  response.body = std::string(text) + "\n";
  return response;
}

runtime::Task<bool> beat(runtime::ShardId) { co_return true; }

std::vector<storage::LogDirState> states_of(const storage::LogDirs* dirs) {
  return dirs == nullptr ? std::vector<storage::LogDirState>() : dirs->states();
}

std::vector<std::string> silent_shards(const BrokerReport& report) {
  std::vector<std::string> reasons;
  for (std::size_t i = 0; i < report.shards.size(); ++i) {
    if (!report.shards[i]) reasons.push_back(fmt::format("shard {} does not answer", i));
  }
  return reasons;
}

void write_texts(protocol::JsonWriter& json, std::string_view name,
                 const std::vector<std::string>& texts) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  json.items(name, views);
}

void write_progress(protocol::JsonWriter& json, const LoadProgress& progress) {
  json.key("recovery");
  json.begin_object();
  json.field("partitions_found", static_cast<std::int64_t>(progress.found));
  json.field("partitions_loaded", static_cast<std::int64_t>(progress.loaded));
  json.field("recovered_bytes", static_cast<std::int64_t>(progress.recovered_bytes));
  json.end_object();
}

/// What keeps a broker from being ready, besides its phase.
std::vector<std::string> reasons_of(const BrokerReport& report, const storage::LogDirs* dirs) {
  auto reasons = silent_shards(report);
  for (const auto& state : states_of(dirs)) {
    if (state.failure) reasons.push_back(state.failure->detail);
    if (!state.has_room) reasons.push_back(fmt::format("the disk of {} is full", state.path));
  }
  for (const auto& shard : report.shards) {
    if (!shard) continue;
    for (const auto& [dir, sums] : shard->dirs) {
      if (sums.failed > 0) {
        reasons.push_back(fmt::format(
            "log dir {}: {} partitions of a shard take no writes any more", dir, sums.failed));
      }
    }
  }
  if (reasons.empty() && report.offline() > 0)
    reasons.push_back(fmt::format("{} partitions are offline", report.offline()));
  return reasons;
}

std::optional<Detail> detail_of(const http::Request& request) {
  const auto level = request.parameter("level").value_or("basic");
  if (level == "basic") return Detail::basic;
  if (level == "topic") return Detail::topic;
  if (level == "partition") return Detail::partition;
  return std::nullopt;
}

/// True while a page with details is being made.
class Busy {
 public:
  explicit Busy(bool& flag) : flag_(flag) { flag_ = true; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() { flag_ = false; }

 private:
  bool& flag_;
};

}  // namespace

StatusPages::StatusPages(StatusSources sources)
    : sources_(std::move(sources)), started_ms_(sources_.shard.clock().wall_ms()) {}

runtime::Instant StatusPages::deadline() const {
  return sources_.shard.clock().now() + answer_time_max;
}

runtime::Task<http::Response> StatusPages::answer(const http::Request& request) {
  if (request.path == "/")
    co_return respond(200, "text/plain; charset=utf-8", std::string(index_text));
  if (request.path == "/version") co_return version();
  if (request.path == "/livez") co_return co_await live();
  if (request.path == "/readyz") co_return co_await ready(request);
  if (request.path == "/metrics") co_return co_await metrics(request);
  if (request.path == "/debug/state") co_return co_await state(request);
  co_return plain(404, "no such page; / lists them");
}

// A message to each shard and back: a loop that does not turn does not answer. Nothing is watched
// while nobody asks.
runtime::Task<http::Response> StatusPages::live() {
  const runtime::Instant limit = deadline();
  auto beats = co_await ask_shards<bool>(sources_.shard, limit, beat);
  std::vector<std::string> reasons;
  for (std::size_t i = 0; i < beats.size(); ++i) {
    if (!beats[i]) reasons.push_back(fmt::format("the loop of shard {} does not turn", i));
  }
  protocol::JsonWriter json;
  json.begin_object();
  json.field("live", reasons.empty());
  write_texts(json, "reasons", reasons);
  json.end_object();
  co_return respond(reasons.empty() ? 200 : 503, json_type, json.take() + "\n");
}

runtime::Task<http::Response> StatusPages::ready(const http::Request& request) {
  const runtime::Instant limit = deadline();
  const BrokerReport report =
      co_await gather_report(sources_.shared, sources_.connections, Detail::basic, limit);
  // After the round, so that a broker that stops meanwhile is not called ready.
  auto reasons =
      phase_ == Phase::ready ? reasons_of(report, sources_.shared.log_dirs) : silent_shards(report);
  const LoadProgress& progress = sources_.partitions.progress();
  if (phase_ == Phase::recovering) {
    reasons.push_back(fmt::format("recovering logs: {} of {} partitions are loaded",
                                  progress.loaded, progress.found));
  } else if (phase_ != Phase::ready) {
    reasons.emplace_back(phase_name(phase_));
  }
  protocol::JsonWriter json;
  json.begin_object();
  json.field("ready", reasons.empty());
  write_texts(json, "reasons", reasons);
  if (phase_ == Phase::recovering || request.parameter("verbose")) write_progress(json, progress);
  if (request.parameter("verbose")) {
    json.field("phase", phase_name(phase_));
    json.field("shards", static_cast<std::int64_t>(report.shards.size()));
    json.field("partitions", static_cast<std::int64_t>(report.logs().partitions));
    json.field("offline_partitions", static_cast<std::int64_t>(report.offline()));
  }
  json.end_object();
  co_return respond(reasons.empty() ? 200 : 503, json_type, json.take() + "\n");
}

runtime::Task<http::Response> StatusPages::metrics(const http::Request& request) {
  const auto detail = detail_of(request);
  if (!detail) co_return plain(400, "level is basic, topic or partition");
  const bool has_details = *detail != Detail::basic;
  if (has_details && is_making_details_) co_return plain(503, "another such page is being made");
  bool no_flag = false;
  const Busy busy(has_details ? is_making_details_ : no_flag);
  const runtime::Instant limit = deadline();
  BrokerReport report =
      co_await gather_report(sources_.shared, sources_.connections, *detail, limit);
  if (const auto silent = silent_shards(report); !silent.empty())
    co_return plain(503, silent.front());
  if (has_details) report.lags = co_await gather_lags(sources_.shared);
  MetricsFacts facts;
  if (sources_.process_usage) {
    facts.process = co_await runtime::offload(sources_.shard, sources_.process_usage);
  }
  facts.version = sources_.version;
  facts.started_ms = started_ms_;
  facts.is_ready = phase_ == Phase::ready;
  facts.loading = sources_.partitions.progress();
  if (sources_.shared.compaction != nullptr)
    facts.compaction = sources_.shared.compaction->figures();
  if (scrub_ != nullptr) facts.scrub = scrub_->figures();
  facts.active_segments_open = sources_.partitions.open_segments(storage::SegmentHeat::active);
  facts.cold_segments_open = sources_.partitions.open_segments(storage::SegmentHeat::cold);
  facts.segments_beyond_limit = sources_.partitions.opened_beyond_limit();
  facts.log_dirs = states_of(sources_.shared.log_dirs);
  if (server_ != nullptr) {
    facts.http_connections = server_->connections();
    facts.http_answers = server_->answers();
  }
  co_return respond(200, metrics_type, metrics_text(report, facts, *detail));
}

runtime::Task<http::Response> StatusPages::group(std::string id) {
  const runtime::Instant limit = deadline();
  const auto report = co_await gather_group(sources_.shared, std::move(id), limit);
  if (!report) co_return plain(404, "there is no such group");
  co_return respond(200, json_type, group_json(*report));
}

runtime::Task<http::Response> StatusPages::state(const http::Request& request) {
  if (const auto id = request.parameter("group")) co_return co_await group(std::string(*id));
  if (is_making_details_) co_return plain(503, "another such page is being made");
  const Busy busy(is_making_details_);
  const runtime::Instant limit = deadline();
  BrokerReport report =
      co_await gather_report(sources_.shared, sources_.connections, Detail::partition, limit);
  if (silent_shards(report).empty()) report.lags = co_await gather_lags(sources_.shared);
  BrokerShard& shard = *sources_.shared.shards[0];
  StateFacts facts;
  facts.version = sources_.version;
  facts.started_ms = started_ms_;
  facts.now_ms = shard.shard().clock().wall_ms();
  facts.phase = phase_;
  facts.loading = sources_.partitions.progress();
  facts.listeners = sources_.listeners;
  co_return respond(200, json_type, state_json(report, facts, shard));
}

http::Response StatusPages::version() const {
  protocol::JsonWriter json;
  json.begin_object();
  json.field("name", std::string_view("gregor"));
  json.field("version", std::string_view(sources_.version));
  json.end_object();
  return respond(200, json_type, json.take() + "\n");
}

}  // namespace gregor::broker
