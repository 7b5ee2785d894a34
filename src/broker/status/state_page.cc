#include "broker/status/state_page.h"

#include <map>
#include <utility>

#include "broker/status/group_pages.h"
#include "config/key_names.h"
#include "protocol/json_writer.h"

namespace gregor::broker {
namespace {

using protocol::JsonWriter;

std::int64_t signed_of(std::uint64_t value) { return static_cast<std::int64_t>(value); }

using Hosted = std::map<std::pair<std::string_view, std::int32_t>, const PartitionReport*>;

Hosted hosted_partitions(const BrokerReport& report) {
  Hosted hosted;
  for (const auto& shard : report.shards) {
    if (!shard) continue;
    for (const PartitionReport& partition : shard->partitions)
      hosted[{partition.name.topic, partition.name.partition.value()}] = &partition;
  }
  return hosted;
}

void write_config(JsonWriter& json, const config::BrokerConfig& config) {
  json.key("config");
  json.begin_object();
  for (const auto& [name, value] : config.given) {
    json.field(
        name, config::is_secret_key(name) ? std::string_view("[hidden]") : std::string_view(value));
  }
  json.end_object();
}

void write_listeners(JsonWriter& json, const std::vector<config::Listener>& listeners) {
  std::vector<std::string> texts;
  for (const config::Listener& listener : listeners)
    texts.push_back(config::format_listener(listener));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  json.items("listeners", views);
}

void write_shards(JsonWriter& json, const BrokerReport& report) {
  json.begin_array("shards");
  for (std::size_t i = 0; i < report.shards.size(); ++i) {
    const auto& shard = report.shards[i];
    json.begin_object();
    json.field("shard", signed_of(i));
    json.field("answers", shard.has_value());
    if (shard) {
      json.field("connections", signed_of(shard->connections));
      json.field("parked_fetches", signed_of(shard->parked_fetches));
      json.field("frame_budget_used_bytes", signed_of(shard->frame_budget_used_bytes));
      json.field("frames_waiting", signed_of(shard->frames_waiting));
      json.field("partitions", signed_of(shard->logs.partitions));
      json.field("failed_partitions", signed_of(shard->logs.failed));
      json.field("size_bytes", signed_of(shard->logs.size_bytes));
    }
    json.end_object();
  }
  json.end_array();
}

void write_log(JsonWriter& json, const PartitionReport& log) {
  json.field("log_start_offset", log.log_start.value());
  json.field("high_watermark", log.high_watermark.value());
  json.field("log_end_offset", log.log_end.value());
  json.field("recovery_point", log.recovery_point.value());
  json.field("size_bytes", signed_of(log.size_bytes));
  json.field("segments", signed_of(log.segments));
  json.field("log_dir", std::string_view(log.log_dir));
  if (!log.failure.empty()) json.field("failure", std::string_view(log.failure));
}

void write_partition(JsonWriter& json, std::size_t index, const model::PartitionImage& partition,
                     const PartitionReport* log) {
  json.begin_object();
  json.field("partition", signed_of(index));
  json.field("leader", partition.leader.value());
  json.field("leader_epoch", partition.leader_epoch.value());
  std::vector<std::int32_t> isr;
  for (const model::BrokerId id : partition.isr) isr.push_back(id.value());
  json.items("isr", isr);
  json.field("hosted", log != nullptr);
  if (log != nullptr) write_log(json, *log);
  json.end_object();
}

void write_topics(JsonWriter& json, const BrokerReport& report, const model::ClusterImage& image) {
  std::map<std::string_view, const model::TopicImage*> topics;
  image.for_each_topic([&](const model::TopicImage& topic) { topics[topic.name] = &topic; });
  const Hosted hosted = hosted_partitions(report);
  std::size_t listed = 0;
  std::size_t topics_left_out = 0;
  json.begin_array("topics");
  for (const auto& [name, topic] : topics) {
    if (listed + topic->partitions.size() > 2 * listed_per_shard_max) {
      ++topics_left_out;
      continue;
    }
    listed += topic->partitions.size();
    json.begin_object();
    json.field("name", name);
    json.field("id", topic->id);
    json.begin_array("partitions");
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const auto found = hosted.find({name, static_cast<std::int32_t>(i)});
      write_partition(json, i, topic->partitions[i],
                      found == hosted.end() ? nullptr : found->second);
    }
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.field("topics_left_out", signed_of(topics_left_out));
}

void write_offset(JsonWriter& json, const GroupLag& row) {
  json.begin_object();
  json.field("topic", std::string_view(row.partition.topic));
  json.field("partition", row.partition.partition.value());
  json.field("committed_offset", row.committed.value());
  json.field("high_watermark", row.end.value());
  json.field("lag_records", row.records);
  if (row.age_ms) json.field("lag_ms", *row.age_ms);
  json.end_object();
}

// Rows are in the order of the groups.
void write_offsets(JsonWriter& json, const GroupLags& lags) {
  json.begin_array("group_offsets");
  for (std::size_t i = 0; i < lags.rows.size();) {
    const std::string& group = lags.rows[i].group;
    json.begin_object();
    json.field("group", std::string_view(group));
    json.begin_array("offsets");
    for (; i < lags.rows.size() && lags.rows[i].group == group; ++i)
      write_offset(json, lags.rows[i]);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.field("group_offsets_left_out", signed_of(lags.unlisted));
}

}  // namespace

std::string state_json(const BrokerReport& report, const StateFacts& facts, BrokerShard& shard) {
  const auto image = shard.image();
  JsonWriter json;
  json.begin_object();
  json.field("version", std::string_view(facts.version));
  json.field("broker_id", shard.broker_id().value());
  json.field("cluster_id", std::string_view(image->cluster_id()));
  json.field("controller_id", image->controller().value());
  json.field("phase", phase_name(facts.phase));
  json.field("started_ms", facts.started_ms);
  json.field("up_ms", facts.now_ms - facts.started_ms);
  json.field("partitions_found", signed_of(facts.loading.found));
  json.field("partitions_loaded", signed_of(facts.loading.loaded));
  json.field("recovered_bytes", signed_of(facts.loading.recovered_bytes));
  write_config(json, shard.config());
  write_listeners(json, facts.listeners);
  write_shards(json, report);
  json.field("offline_partitions", signed_of(report.offline()));
  write_topics(json, report, *image);
  write_groups(json, report);
  write_offsets(json, report.lags);
  json.end_object();
  return json.take() + "\n";
}

}  // namespace gregor::broker
