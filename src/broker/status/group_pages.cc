#include "broker/status/group_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

namespace gregor::broker {
namespace {

using http::MetricKind;
using protocol::JsonWriter;

constexpr std::array states{group::GroupState::empty, group::GroupState::preparing_rebalance,
                            group::GroupState::completing_rebalance, group::GroupState::stable};

std::size_t unlisted(const BrokerReport& report) {
  std::size_t all = 0;
  std::size_t listed = 0;
  for (const auto& [state, count] : report.groups().states) all += count;
  for (const auto& shard : report.shards) listed += shard ? shard->listed_groups.size() : 0;
  return all - listed;
}

void write_rebalance(JsonWriter& json, const RebalanceReport& rebalance) {
  json.begin_object();
  json.field("began_ms", rebalance.began_ms);
  json.field("reason", std::string_view(rebalance.reason));
  const bool has_ended = rebalance.took_ms >= 0;
  json.field("has_ended", has_ended);
  if (has_ended) {
    json.field("took_ms", rebalance.took_ms);
    json.field("generation", rebalance.generation);
    json.field("members", static_cast<std::int64_t>(rebalance.members));
  }
  json.end_object();
}

void write_group(JsonWriter& json, const GroupReport& group) {
  json.begin_object();
  json.field("group", std::string_view(group.id));
  json.field("state", group::state_name(group.state));
  json.field("protocol_type", std::string_view(group.protocol_type));
  json.field("generation", group.generation);
  json.field("members", static_cast<std::int64_t>(group.members));
  json.field("rebalances_begun", static_cast<std::int64_t>(group.rebalances_begun));
  json.begin_array("rebalances");
  for (const RebalanceReport& rebalance : group.rebalances) write_rebalance(json, rebalance);
  json.end_array();
  json.end_object();
}

struct TopicLag {
  std::int64_t records = 0;
  std::optional<std::int64_t> age_ms;  // the greatest that is known
};

// One group reads one topic: all its partitions in one.
std::map<std::pair<std::string_view, std::string_view>, TopicLag> sum_lags(const GroupLags& lags) {
  std::map<std::pair<std::string_view, std::string_view>, TopicLag> sums;
  for (const GroupLag& row : lags.rows) {
    TopicLag& sum = sums[{row.group, row.partition.topic}];
    sum.records += row.records;
    if (row.age_ms) sum.age_ms = std::max(sum.age_ms.value_or(0), *row.age_ms);
  }
  return sums;
}

double seconds(std::int64_t ms) { return static_cast<double>(ms) / 1000; }

}  // namespace

void write_groups(JsonWriter& json, const BrokerReport& report) {
  json.begin_array("groups");
  for (const auto& shard : report.shards) {
    if (!shard) continue;
    for (const GroupReport& group : shard->listed_groups) write_group(json, group);
  }
  json.end_array();
  json.field("groups_left_out", static_cast<std::int64_t>(unlisted(report)));
}

std::string group_json(const GroupReport& group) {
  JsonWriter json;
  write_group(json, group);
  return json.take() + "\n";
}

void write_group_figures(http::MetricsWriter& out, const GroupFigures& figures) {
  out.family(MetricKind::gauge, "gregor_groups", "Consumer groups, by state.");
  for (const group::GroupState state : states) {
    const auto found = figures.states.find(group::state_name(state));
    const std::size_t count = found == figures.states.end() ? 0 : found->second;
    out.sample({{"state", group::state_name(state)}}, static_cast<double>(count));
  }
  out.single(MetricKind::gauge, "gregor_members", "Members of all groups.",
             static_cast<double>(figures.members));
  out.single(MetricKind::counter, "gregor_rebalances_total", "Rebalances begun, of all groups.",
             static_cast<double>(figures.rebalances));
  out.family(MetricKind::histogram, "gregor_rebalance_duration_seconds",
             "Rebalances, from their reason until all members had joined.");
  out.sample({}, figures.durations);
}

void write_groups(http::MetricsWriter& out, const BrokerReport& report) {
  struct Figure {
    MetricKind kind;
    std::string_view name;
    std::string_view help;
    std::uint64_t (*value)(const GroupReport& group);
  };
  constexpr std::array figures{
      Figure{MetricKind::gauge, "gregor_group_members", "Members of a group.",
             [](const GroupReport& group) -> std::uint64_t { return group.members; }},
      Figure{MetricKind::counter, "gregor_group_rebalances_total", "Rebalances begun of a group.",
             [](const GroupReport& group) { return group.rebalances_begun; }}};
  for (const Figure& figure : figures) {
    out.family(figure.kind, figure.name, figure.help);
    for (const auto& shard : report.shards) {
      if (!shard) continue;
      for (const GroupReport& group : shard->listed_groups)
        out.sample({{"group", group.id}}, static_cast<double>(figure.value(group)));
    }
  }
  out.single(MetricKind::gauge, "gregor_unlisted_groups",
             "Groups that this page leaves out, to stay bounded.",
             static_cast<double>(unlisted(report)));
}

void write_lags(http::MetricsWriter& out, const GroupLags& lags) {
  const auto sums = sum_lags(lags);
  out.family(MetricKind::gauge, "gregor_group_lag_records",
             "Records behind a group's committed offsets, by group and topic.");
  for (const auto& [key, sum] : sums)
    out.sample({{"group", key.first}, {"topic", key.second}}, static_cast<double>(sum.records));
  out.family(MetricKind::gauge, "gregor_group_lag_seconds",
             "How long the oldest of these records has been there.");
  for (const auto& [key, sum] : sums) {
    if (sum.age_ms) out.sample({{"group", key.first}, {"topic", key.second}}, seconds(*sum.age_ms));
  }
  out.single(MetricKind::gauge, "gregor_unlisted_group_offsets",
             "Committed offsets that this page leaves out, to stay bounded.",
             static_cast<double>(lags.unlisted));
}

void write_partition_lags(http::MetricsWriter& out, const GroupLags& lags) {
  out.family(MetricKind::gauge, "gregor_group_partition_lag_records",
             "Records behind a group's committed offset of a partition.");
  for (const GroupLag& row : lags.rows) {
    const std::string index = fmt::format("{}", row.partition.partition.value());
    out.sample({{"group", row.group}, {"topic", row.partition.topic}, {"partition", index}},
               static_cast<double>(row.records));
  }
  out.family(MetricKind::gauge, "gregor_group_partition_lag_seconds",
             "How long the oldest of these records has been there.");
  for (const GroupLag& row : lags.rows) {
    if (!row.age_ms) continue;
    const std::string index = fmt::format("{}", row.partition.partition.value());
    out.sample({{"group", row.group}, {"topic", row.partition.topic}, {"partition", index}},
               seconds(*row.age_ms));
  }
}

}  // namespace gregor::broker
