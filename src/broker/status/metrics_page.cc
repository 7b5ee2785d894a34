#include "broker/status/metrics_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/error_code.h"
#include "broker/served_api.h"
#include "broker/status/group_pages.h"
#include "http/metrics_writer.h"
#include "protocol/api_table.h"

namespace gregor::broker {
namespace {

using http::MetricKind;
using http::MetricsWriter;

/// All shards' counters in one.
struct Sums {
  ShardCounters counters;
  std::size_t connections = 0;
  std::size_t parked_fetches = 0;
  std::uint64_t frame_budget_bytes = 0;
  std::uint64_t frame_budget_used_bytes = 0;
  std::size_t frames_waiting = 0;
  std::map<std::string, LogSums> dirs;
  std::map<std::string, LogSums> topics;
};

void add(ShardCounters& to, const ShardCounters& from) {
  to.apis.resize(from.apis.size());
  for (std::size_t i = 0; i < from.apis.size(); ++i) {
    to.apis[i].durations.merge(from.apis[i].durations);
    for (const auto& [code, count] : from.apis[i].errors) to.apis[i].errors[code] += count;
  }
  to.refused_requests += from.refused_requests;
  to.traffic.connections += from.traffic.connections;
  to.traffic.received_bytes += from.traffic.received_bytes;
  to.traffic.sent_bytes += from.traffic.sent_bytes;
  to.logs.appended_batches += from.logs.appended_batches;
  to.logs.appended_bytes += from.logs.appended_bytes;
  to.logs.failed_appends += from.logs.failed_appends;
  to.logs.writes += from.logs.writes;
  to.logs.failed_flushes += from.logs.failed_flushes;
  to.logs.flushes.merge(from.logs.flushes);
  for (std::size_t i = 0; i < to.logs.deleted_segments.size(); ++i)
    to.logs.deleted_segments[i] += from.logs.deleted_segments[i];
  to.logs.deleted_bytes += from.logs.deleted_bytes;
}

Sums sum(const BrokerReport& report) {
  Sums all;
  for (const auto& shard : report.shards) {
    if (!shard) continue;
    add(all.counters, shard->counters);
    all.connections += shard->connections;
    all.parked_fetches += shard->parked_fetches;
    all.frame_budget_bytes += shard->frame_budget_bytes;
    all.frame_budget_used_bytes += shard->frame_budget_used_bytes;
    all.frames_waiting += shard->frames_waiting;
    for (const auto& [dir, logs] : shard->dirs) all.dirs[dir].merge(logs);
    for (const auto& [topic, logs] : shard->topics) all.topics[topic].merge(logs);
  }
  return all;
}

double number(std::uint64_t value) { return static_cast<double>(value); }

void counter(MetricsWriter& out, std::string_view name, std::string_view help,
             std::uint64_t value) {
  out.single(MetricKind::counter, name, help, number(value));
}

void gauge(MetricsWriter& out, std::string_view name, std::string_view help, std::uint64_t value) {
  out.single(MetricKind::gauge, name, help, number(value));
}

std::string_view api_name(std::size_t place) {
  const auto* info = protocol::find_api(served_apis()[place].key);
  return info == nullptr ? "" : info->name;
}

void write_process(MetricsWriter& out, const MetricsFacts& facts) {
  out.family(MetricKind::gauge, "gregor_build_info", "The program that runs; always 1.");
  out.sample({{"version", facts.version}}, 1);
  out.single(MetricKind::gauge, "process_start_time_seconds",
             "When the broker was started, in seconds since 1970.",
             static_cast<double>(facts.started_ms) / 1000);
  if (facts.process.descriptors_max == 0) return;
  out.single(MetricKind::counter, "process_cpu_seconds_total",
             "Processor time of all threads, user and system.", facts.process.processor_seconds);
  gauge(out, "process_resident_memory_bytes", "Memory in use, file mappings included.",
        facts.process.resident_bytes);
  gauge(out, "process_virtual_memory_bytes", "Address space in use.", facts.process.virtual_bytes);
  gauge(out, "process_open_fds", "Open file descriptors.", facts.process.descriptors);
  gauge(out, "process_max_fds", "Limit of open file descriptors.", facts.process.descriptors_max);
}

void write_broker(MetricsWriter& out, const BrokerReport& report, const MetricsFacts& facts) {
  gauge(out, "gregor_ready", "1 once clients are served, 0 before and while stopping.",
        facts.is_ready ? 1 : 0);
  gauge(out, "gregor_shards", "Event loops, one thread each.", report.shards.size());
  gauge(out, "gregor_startup_found_partitions", "Partitions found in the log dirs at start.",
        facts.loading.found);
  gauge(out, "gregor_startup_loaded_partitions", "Those of them that have been opened.",
        facts.loading.loaded);
  gauge(out, "gregor_startup_recovered_bytes", "Log that had to be read again after a crash.",
        facts.loading.recovered_bytes);
  gauge(out, "gregor_topics", "Topics of the cluster.", report.image.topics);
  gauge(out, "gregor_cluster_partitions", "Partitions of the cluster.", report.image.partitions);
  gauge(out, "gregor_partitions", "Partitions hosted here.", report.logs().partitions);
  gauge(out, "gregor_offline_partitions",
        "Partitions without a leader, or whose log here takes no writes.", report.offline());
}

void write_requests(MetricsWriter& out, const Sums& all) {
  out.family(MetricKind::counter, "gregor_requests_total", "Requests worked on, by api.");
  for (std::size_t i = 0; i < all.counters.apis.size(); ++i)
    out.sample({{"api", api_name(i)}}, number(all.counters.apis[i].durations.count()));
  out.family(MetricKind::histogram, "gregor_request_duration_seconds",
             "From the whole request to its answer's bytes; waiting for data included.");
  for (std::size_t i = 0; i < all.counters.apis.size(); ++i) {
    const DurationHistogram& durations = all.counters.apis[i].durations;
    if (durations.count() > 0) out.sample({{"api", api_name(i)}}, durations);
  }
  out.family(MetricKind::counter, "gregor_request_errors_total",
             "Error codes in answers, by api and error; one answer may hold several.");
  for (std::size_t i = 0; i < all.counters.apis.size(); ++i) {
    for (const auto& [code, count] : all.counters.apis[i].errors)
      out.sample({{"api", api_name(i)}, {"error", error_name(code)}}, number(count));
  }
  counter(out, "gregor_refused_requests_total",
          "Requests whose connection was closed: malformed, or of a version that is not served.",
          all.counters.refused_requests);
}

void write_traffic(MetricsWriter& out, const Sums& all, const MetricsFacts& facts) {
  gauge(out, "gregor_connections", "Client connections.", all.connections);
  counter(out, "gregor_connections_opened_total", "Client connections taken so far.",
          all.counters.traffic.connections);
  counter(out, "gregor_received_bytes_total", "Bytes from clients.",
          all.counters.traffic.received_bytes);
  counter(out, "gregor_sent_bytes_total", "Bytes to clients.", all.counters.traffic.sent_bytes);
  gauge(out, "gregor_parked_fetches", "Fetches that wait for data.", all.parked_fetches);
  gauge(out, "gregor_frame_budget_bytes", "Memory that large requests may take.",
        all.frame_budget_bytes);
  gauge(out, "gregor_frame_budget_used_bytes", "Memory that large requests take.",
        all.frame_budget_used_bytes);
  gauge(out, "gregor_frame_budget_waiting_requests", "Large requests that wait for memory.",
        all.frames_waiting);
  gauge(out, "gregor_http_connections", "Connections of the HTTP port.", facts.http_connections);
  out.family(MetricKind::counter, "gregor_http_requests_total", "HTTP answers, by status.");
  for (const auto& [status, count] : facts.http_answers)
    out.sample({{"code", fmt::format("{}", status)}}, number(count));
}

void write_dirs(MetricsWriter& out, const std::vector<storage::LogDirState>& dirs) {
  out.family(MetricKind::gauge, "gregor_log_dir_offline",
             "1 if the log dir has failed: its partitions are not served.");
  for (const auto& dir : dirs) out.sample({{"dir", dir.path}}, dir.failure ? 1 : 0);
  out.family(MetricKind::gauge, "gregor_log_dir_full",
             "1 if nothing is appended, to keep a reserve of room on the disk.");
  for (const auto& dir : dirs) out.sample({{"dir", dir.path}}, dir.has_room ? 0 : 1);
  out.family(MetricKind::gauge, "gregor_log_dir_free_bytes", "Free room on the disk.");
  for (const auto& dir : dirs)
    out.sample({{"dir", dir.path}}, number(dir.failure ? 0 : dir.space.usable_bytes));
}

void write_logs(MetricsWriter& out, const Sums& all) {
  const storage::LogCounters& logs = all.counters.logs;
  counter(out, "gregor_log_appended_batches_total", "Record batches written.",
          logs.appended_batches);
  counter(out, "gregor_log_appended_bytes_total", "Bytes of record batches written.",
          logs.appended_bytes);
  counter(out, "gregor_log_failed_appends_total", "Record batches that could not be written.",
          logs.failed_appends);
  counter(out, "gregor_log_writes_total", "Calls that wrote them; one may take several batches.",
          logs.writes);
  out.family(MetricKind::counter, "gregor_log_deleted_segments_total",
             "Segments deleted by retention or DeleteRecords, by reason.");
  for (std::size_t i = 0; i < logs.deleted_segments.size(); ++i) {
    const auto reason = static_cast<storage::DeletionReason>(i);
    out.sample({{"reason", storage::deletion_reason_name(reason)}},
               number(logs.deleted_segments[i]));
  }
  counter(out, "gregor_log_deleted_bytes_total", "Bytes of those segments.", logs.deleted_bytes);
  counter(out, "gregor_log_failed_flushes_total", "Flushes that failed.", logs.failed_flushes);
  out.family(MetricKind::histogram, "gregor_log_flush_duration_seconds",
             "Flushes to the disk (fsync), waiting for the I/O pool included.");
  out.sample({}, logs.flushes);
  out.family(MetricKind::gauge, "gregor_log_dir_partitions", "Partitions in a log dir.");
  for (const auto& [dir, sums] : all.dirs) out.sample({{"dir", dir}}, number(sums.partitions));
  out.family(MetricKind::gauge, "gregor_log_dir_failed_partitions",
             "Partitions in a log dir whose log takes no writes any more.");
  for (const auto& [dir, sums] : all.dirs) out.sample({{"dir", dir}}, number(sums.failed));
  out.family(MetricKind::gauge, "gregor_log_dir_size_bytes", "Size of the logs in a log dir.");
  for (const auto& [dir, sums] : all.dirs) out.sample({{"dir", dir}}, number(sums.size_bytes));
}

void write_open_segments(MetricsWriter& out, const MetricsFacts& facts) {
  out.family(MetricKind::gauge, "gregor_log_open_segments",
             "Segments whose three files are open, by kind.");
  out.sample({{"kind", "active"}}, static_cast<double>(facts.active_segments_open));
  out.sample({{"kind", "cold"}}, static_cast<double>(facts.cold_segments_open));
  counter(
      out, "gregor_log_segments_opened_beyond_limit_total",
      "Cold segments opened beyond gregor.log.file.descriptors.max, for readers that had waited.",
      facts.segments_beyond_limit);
}

void write_scrub(MetricsWriter& out, const ScrubFigures& figures) {
  counter(out, "gregor_scrub_passes_total", "Passes of the scrub over all old segments.",
          figures.passes);
  counter(out, "gregor_scrub_segments_total", "Segments that the scrub has read.",
          figures.segments);
  counter(out, "gregor_scrub_bytes_total", "Bytes that the scrub has checked.", figures.bytes);
  counter(out, "gregor_scrub_damaged_total",
          "Places where the scrub found no sound batch; in each pass again.", figures.damaged);
  counter(out, "gregor_scrub_unreadable_total",
          "Places that the disk gave an error for; in each pass again.", figures.unreadable);
}

void write_compaction(MetricsWriter& out, const CompactionFigures& figures) {
  counter(out, "gregor_compaction_cleanings_total", "Logs compacted so far.", figures.cleanings);
  counter(out, "gregor_compaction_failed_total", "Cleanings that ended with an error.",
          figures.failed);
  gauge(out, "gregor_compaction_running", "Logs that are being compacted.", figures.running);
  gauge(out, "gregor_compaction_uncleanable_partitions",
        "Partitions whose compaction failed and is not tried again before the next start.",
        figures.uncleanable);
  out.single(MetricKind::gauge, "gregor_compaction_max_dirty_ratio",
             "Share of the dirtiest log that has not been compacted.", figures.max_dirty_ratio);
  counter(out, "gregor_compaction_read_bytes_total", "Bytes read by compaction.",
          figures.read_bytes);
  counter(out, "gregor_compaction_replaced_bytes_total", "Bytes of segments that were replaced.",
          figures.source_bytes);
  counter(out, "gregor_compaction_written_bytes_total", "Bytes of the segments made of them.",
          figures.written_bytes);
  out.family(MetricKind::histogram, "gregor_compaction_duration_seconds",
             "Compacting one log, its throttle included.");
  out.sample({}, figures.durations);
}

void write_topics(MetricsWriter& out, const Sums& all) {
  out.family(MetricKind::gauge, "gregor_topic_partitions", "Partitions of a topic hosted here.");
  for (const auto& [topic, sums] : all.topics)
    out.sample({{"topic", topic}}, number(sums.partitions));
  out.family(MetricKind::gauge, "gregor_topic_size_bytes", "Size of a topic's logs here.");
  for (const auto& [topic, sums] : all.topics)
    out.sample({{"topic", topic}}, number(sums.size_bytes));
}

struct PartitionMetric {
  std::string_view name;
  std::string_view help;
  std::int64_t (*value)(const PartitionReport& partition);
};

constexpr PartitionMetric partition_metrics[] = {
    {"gregor_partition_leader", "1 if this broker leads the partition.",
     [](const PartitionReport& p) -> std::int64_t { return p.is_leader ? 1 : 0; }},
    {"gregor_partition_leader_epoch", "Leader epoch.",
     [](const PartitionReport& p) -> std::int64_t { return p.leader_epoch.value(); }},
    {"gregor_partition_log_start_offset", "First offset.",
     [](const PartitionReport& p) { return p.log_start.value(); }},
    {"gregor_partition_high_watermark", "End of what consumers see.",
     [](const PartitionReport& p) { return p.high_watermark.value(); }},
    {"gregor_partition_log_end_offset", "End of the log.",
     [](const PartitionReport& p) { return p.log_end.value(); }},
    {"gregor_partition_recovery_point", "End of what is known to be on the disk.",
     [](const PartitionReport& p) { return p.recovery_point.value(); }},
    {"gregor_partition_size_bytes", "Size of the log.",
     [](const PartitionReport& p) { return static_cast<std::int64_t>(p.size_bytes); }},
    {"gregor_partition_segments", "Segments of the log.",
     [](const PartitionReport& p) { return static_cast<std::int64_t>(p.segments); }},
    {"gregor_partition_failed", "1 if the log takes no writes any more.",
     [](const PartitionReport& p) -> std::int64_t { return p.failure.empty() ? 0 : 1; }},
};

void write_partitions(MetricsWriter& out, const BrokerReport& report) {
  std::uint64_t listed = 0;
  for (const PartitionMetric& metric : partition_metrics) {
    out.family(MetricKind::gauge, metric.name, metric.help);
    listed = 0;
    for (const auto& shard : report.shards) {
      if (!shard) continue;
      for (const PartitionReport& partition : shard->partitions) {
        const std::string index = fmt::format("{}", partition.name.partition.value());
        out.sample({{"topic", partition.name.topic}, {"partition", index}},
                   static_cast<double>(metric.value(partition)));
        ++listed;
      }
    }
  }
  gauge(out, "gregor_unlisted_partitions",
        "Partitions hosted here that this page leaves out, to stay bounded.",
        report.logs().partitions - listed);
}

}  // namespace

std::string metrics_text(const BrokerReport& report, const MetricsFacts& facts, Detail detail) {
  const Sums all = sum(report);
  MetricsWriter out;
  write_process(out, facts);
  write_broker(out, report, facts);
  write_requests(out, all);
  write_traffic(out, all, facts);
  write_logs(out, all);
  write_open_segments(out, facts);
  write_compaction(out, facts.compaction);
  write_scrub(out, facts.scrub);
  write_dirs(out, facts.log_dirs);
  write_group_figures(out, report.groups());
  if (detail != Detail::basic) {
    write_topics(out, all);
    write_groups(out, report);
    write_lags(out, report.lags);
  }
  if (detail == Detail::partition) {
    write_partitions(out, report);
    write_partition_lags(out, report.lags);
  }
  return out.take();
}

}  // namespace gregor::broker
