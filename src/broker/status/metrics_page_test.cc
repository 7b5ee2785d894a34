// /metrics from a report: sums over shards, levels, what is left out.
#include "broker/status/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/served_api.h"

namespace gregor::broker {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

std::size_t place_of(protocol::ApiKey key) {
  std::size_t place = 0;
  while (served_apis()[place].key != key) ++place;
  return place;
}

PartitionReport partition(std::string topic, std::int32_t index) {
  PartitionReport report;
  report.name = {std::move(topic), model::PartitionIndex(index)};
  report.log_dir = "/da\"ta";
  report.log_end = report.high_watermark = model::Offset(7);
  report.size_bytes = 100;
  return report;
}

ShardReport shard(std::int32_t index, Detail detail) {
  ShardReport report;
  report.counters.apis.resize(served_apis().size());
  auto& fetch = report.counters.apis[place_of(protocol::ApiKey::fetch)];
  fetch.durations.add(1ms);
  fetch.errors[ErrorCode::offset_out_of_range] = 2;
  report.counters.traffic.received_bytes = 10;
  report.counters.logs.flushes.add(2ms);
  const PartitionReport hosted = partition("orders", index);
  report.logs.add(hosted);
  report.dirs[hosted.log_dir].add(hosted);
  if (detail != Detail::basic) report.topics[hosted.name.topic].add(hosted);
  if (detail == Detail::partition) report.partitions.push_back(hosted);
  return report;
}

BrokerReport broker(Detail detail) {
  BrokerReport report;
  report.shards = {shard(0, detail), shard(1, detail)};
  report.image = {.topics = 1, .partitions = 3, .leaderless = 0, .led_here = 3};
  return report;
}

TEST(MetricsPage, SumsOverShards) {
  const std::string text = metrics_text(broker(Detail::basic), {}, Detail::basic);
  EXPECT_THAT(text, HasSubstr("gregor_requests_total{api=\"Fetch\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("gregor_requests_total{api=\"Produce\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("gregor_request_duration_seconds_count{api=\"Fetch\"} 2\n"));
  EXPECT_THAT(
      text,
      HasSubstr("gregor_request_errors_total{api=\"Fetch\",error=\"OFFSET_OUT_OF_RANGE\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("gregor_received_bytes_total 20\n"));
  EXPECT_THAT(text, HasSubstr("gregor_log_flush_duration_seconds_count 2\n"));
  EXPECT_THAT(text, HasSubstr("gregor_partitions 2\n"));
  EXPECT_THAT(text, HasSubstr("gregor_log_dir_size_bytes{dir=\"/da\\\"ta\"} 200\n"));
}

TEST(MetricsPage, PartitionsThatCannotBeWrittenAreOffline) {
  BrokerReport report = broker(Detail::basic);
  EXPECT_EQ(report.offline(), 1U);  // led here and not hosted
  report.image.led_here = 2;
  EXPECT_EQ(report.offline(), 0U);
  report.image.leaderless = 1;
  report.shards[0]->logs.failed = 1;
  EXPECT_EQ(report.offline(), 2U);
}

TEST(MetricsPage, LevelsAddSeries) {
  const std::string basic = metrics_text(broker(Detail::basic), {}, Detail::basic);
  EXPECT_THAT(basic, Not(HasSubstr("topic=")));
  const std::string topic = metrics_text(broker(Detail::topic), {}, Detail::topic);
  EXPECT_THAT(topic, HasSubstr("gregor_topic_size_bytes{topic=\"orders\"} 200\n"));
  EXPECT_THAT(topic, Not(HasSubstr("partition=")));
  const std::string all = metrics_text(broker(Detail::partition), {}, Detail::partition);
  EXPECT_THAT(all,
              HasSubstr("gregor_partition_high_watermark{topic=\"orders\",partition=\"1\"} 7\n"));
  EXPECT_THAT(all, HasSubstr("gregor_unlisted_partitions 0\n"));
}

TEST(MetricsPage, WhatIsLeftOutIsSaid) {
  BrokerReport report = broker(Detail::partition);
  report.shards[1]->partitions.clear();
  EXPECT_THAT(metrics_text(report, {}, Detail::partition),
              HasSubstr("gregor_unlisted_partitions 1\n"));
}

TEST(MetricsPage, GroupsOfAllShards) {
  BrokerReport report = broker(Detail::topic);
  for (auto& shard : report.shards) {
    shard->groups.states["Stable"] = 2;
    shard->groups.members = 5;
    shard->groups.rebalances = 7;
    shard->groups.durations.add(300ms);
    GroupReport listed;
    listed.id = &shard == &report.shards[0] ? "a" : "b";
    listed.members = 3;
    listed.rebalances_begun = 4;
    shard->listed_groups.push_back(listed);
  }
  const std::string basic = metrics_text(report, {}, Detail::basic);
  EXPECT_THAT(basic, HasSubstr("gregor_groups{state=\"Stable\"} 4\n"));
  EXPECT_THAT(basic, HasSubstr("gregor_groups{state=\"Empty\"} 0\n"));
  EXPECT_THAT(basic, HasSubstr("gregor_members 10\n"));
  EXPECT_THAT(basic, HasSubstr("gregor_rebalances_total 14\n"));
  EXPECT_THAT(basic, HasSubstr("gregor_rebalance_duration_seconds_bucket{le=\"0.5\"} 2\n"));
  EXPECT_THAT(basic, Not(HasSubstr("group=")));
  const std::string topic = metrics_text(report, {}, Detail::topic);
  EXPECT_THAT(topic, HasSubstr("gregor_group_members{group=\"b\"} 3\n"));
  EXPECT_THAT(topic, HasSubstr("gregor_group_rebalances_total{group=\"a\"} 4\n"));
  EXPECT_THAT(topic, HasSubstr("gregor_unlisted_groups 2\n"));
}

GroupLag lag(std::string group, std::int32_t index, std::int64_t records,
             std::optional<std::int64_t> age_ms) {
  GroupLag row;
  row.group = std::move(group);
  row.partition = {"orders", model::PartitionIndex(index)};
  row.records = records;
  row.age_ms = age_ms;
  return row;
}

TEST(MetricsPage, LagOfGroups) {
  BrokerReport report = broker(Detail::partition);
  report.lags.rows = {lag("a", 0, 3, 1500), lag("a", 1, 4, 2500), lag("b", 0, 5, std::nullopt)};
  report.lags.unlisted = 9;
  EXPECT_THAT(metrics_text(report, {}, Detail::basic), Not(HasSubstr("gregor_group_")));
  const std::string topic = metrics_text(report, {}, Detail::topic);
  EXPECT_THAT(topic, HasSubstr("gregor_group_lag_records{group=\"a\",topic=\"orders\"} 7\n"));
  EXPECT_THAT(topic, HasSubstr("gregor_group_lag_seconds{group=\"a\",topic=\"orders\"} 2.5\n"));
  EXPECT_THAT(topic, HasSubstr("gregor_group_lag_records{group=\"b\",topic=\"orders\"} 5\n"));
  EXPECT_THAT(topic, Not(HasSubstr("gregor_group_lag_seconds{group=\"b\"")));
  EXPECT_THAT(topic, HasSubstr("gregor_unlisted_group_offsets 9\n"));
  EXPECT_THAT(topic, Not(HasSubstr("partition=")));
  EXPECT_THAT(metrics_text(report, {}, Detail::partition),
              HasSubstr("gregor_group_partition_lag_seconds{group=\"a\",topic=\"orders\","
                        "partition=\"0\"} 1.5\n"));
}

TEST(MetricsPage, ProcessFiguresOnlyWhereThereAreSome) {
  MetricsFacts facts;
  EXPECT_THAT(metrics_text({}, facts, Detail::basic), Not(HasSubstr("process_open_fds")));
  facts.process = {.resident_bytes = 4096, .descriptors = 3, .descriptors_max = 100};
  const std::string text = metrics_text({}, facts, Detail::basic);
  EXPECT_THAT(text, HasSubstr("process_open_fds 3\n"));
  EXPECT_THAT(text, HasSubstr("process_resident_memory_bytes 4096\n"));
}

}  // namespace
}  // namespace gregor::broker
