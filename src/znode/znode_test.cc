// Paths and JSON of the znodes: round trips, what Kafka writes, and malformed data.
#include <gtest/gtest.h>

#include "znode/broker_node.h"
#include "znode/cluster_node.h"
#include "znode/config_node.h"
#include "znode/operation.h"
#include "znode/path.h"
#include "znode/producer_id_node.h"
#include "znode/topic_node.h"

namespace gregor::znode {
namespace {

using model::BrokerId;
using model::PartitionIndex;

template <class T>
void expect_fault(const Result<T>& result, std::string_view path) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().detail.rfind(path, 0), 0u) << result.error().detail;
}

TEST(Path, NamesEveryNode) {
  EXPECT_EQ(path::broker_id(BrokerId(7)), "/brokers/ids/7");
  EXPECT_EQ(path::topic("t"), "/brokers/topics/t");
  EXPECT_EQ(path::partitions("t"), "/brokers/topics/t/partitions");
  EXPECT_EQ(path::partition("t", PartitionIndex(3)), "/brokers/topics/t/partitions/3");
  EXPECT_EQ(path::partition_state("t", PartitionIndex(3)), "/brokers/topics/t/partitions/3/state");
  EXPECT_EQ(path::topic_config("t"), "/config/topics/t");
  EXPECT_EQ(path::delete_topic("t"), "/admin/delete_topics/t");
}

TEST(Path, ParentsComeBeforeTheirChildrenInTheListOfEveryBroker) {
  std::string seen = "/\n";
  for (const auto p : path::made_by_every_broker) {
    EXPECT_TRUE(path::check(p));
    EXPECT_NE(seen.find(std::string(path::parent(p)) + "\n"), std::string::npos) << p;
    seen.append(p).append("\n");
  }
}

TEST(Path, ParentAndName) {
  EXPECT_EQ(path::parent("/a/b"), "/a");
  EXPECT_EQ(path::parent("/a"), "/");
  EXPECT_EQ(path::parent("/"), "/");
  EXPECT_EQ(path::name("/a/b"), "b");
  EXPECT_EQ(path::name("/"), "");
}

TEST(Path, RulesOfZooKeeper) {
  for (const char* good :
       {"/", "/a", "/a/b", "/a/...", "/a/.b", "/\xc3\xa4", "/\xf0\x9f\x98\x80", "/ "}) {
    EXPECT_TRUE(path::check(good)) << good;
  }
  for (const char* bad : {"",
                          "a",
                          "a/b",
                          "/a/",
                          "//",
                          "//a",
                          "/a//b",
                          "/.",
                          "/..",
                          "/a/./b",
                          "/a/../b",
                          "/a\x01",
                          "/a\x1f",
                          "/a\x7f",
                          "/\xc2\x80",
                          "/\xee\x80\x80",
                          "/\xef\xbf\xb0",
                          "/\xff",
                          "/\xc3",
                          "/\xc0\x80",
                          "/\xed\xa0\x80"}) {
    EXPECT_FALSE(path::check(bad)) << bad;
  }
  EXPECT_FALSE(path::check(std::string_view("/a\0b", 4)));
}

TEST(TopicNode, RoundTrip) {
  TopicAssignment assignment;
  assignment.topic_id = model::Uuid::from_bits(0x1234567890abcdef, 0xfedcba0987654321);
  assignment.partitions[PartitionIndex(0)] = {BrokerId(1), BrokerId(2)};
  assignment.partitions[PartitionIndex(10)] = {BrokerId(2), BrokerId(3)};
  assignment.adding_replicas[PartitionIndex(0)] = {BrokerId(4)};
  const auto back = decode_topic("/p", encode(assignment));
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(*back, assignment);
}

TEST(TopicNode, TextIsKafkas) {
  TopicAssignment assignment;
  assignment.topic_id = *model::Uuid::parse("R9b3D1hmSBKHpXD8JdIgmQ");
  assignment.partitions[PartitionIndex(0)] = {BrokerId(1)};
  EXPECT_EQ(encode(assignment),
            R"({"version":3,"topic_id":"R9b3D1hmSBKHpXD8JdIgmQ","partitions":{"0":[1]},)"
            R"("adding_replicas":{},"removing_replicas":{}})");
}

TEST(TopicNode, OlderVersionsAreRead) {
  const auto one = decode_topic("/p", R"({"version":1,"partitions":{"1":[2],"0":[1]}})");
  ASSERT_TRUE(one);
  EXPECT_FALSE(one->topic_id);
  EXPECT_EQ(one->partitions.size(), 2u);
}

TEST(TopicNode, MalformedDataNamesThePath) {
  for (const char* bad :
       {"", "{", "[]", "null", "{}", R"({"partitions":[]})", R"({"partitions":{"x":[1]}})",
        R"({"partitions":{"-1":[1]}})", R"({"partitions":{"0":1}})",
        R"({"partitions":{"0":["1"]}})", R"({"partitions":{"0":[99999999999]}})",
        R"({"partitions":{"99999999999":[1]}})", R"({"partitions":{"0":[1],"00":[2]}})",
        R"({"topic_id":"x","partitions":{}})", R"({"topic_id":5,"partitions":{}})"}) {
    expect_fault(decode_topic("/brokers/topics/t", bad), "/brokers/topics/t: ");
  }
  const std::string deep(100000, '[');
  expect_fault(decode_topic("/brokers/topics/t", deep), "/brokers/topics/t: ");
}

TEST(PartitionStateNode, RoundTripAndText) {
  PartitionState state{
      model::ControllerEpoch(3), BrokerId(1), model::LeaderEpoch(5), {BrokerId(1)}, false};
  EXPECT_EQ(encode(state),
            R"({"controller_epoch":3,"leader":1,"version":1,"leader_epoch":5,"isr":[1]})");
  EXPECT_EQ(*decode_partition_state("/s", encode(state)), state);
  state.recovering = true;
  state.leader = BrokerId(-1);
  EXPECT_EQ(*decode_partition_state("/s", encode(state)), state);
  for (const char* bad : {"", "5", R"({"leader":1,"leader_epoch":0,"isr":[1]})",
                          R"({"controller_epoch":1,"leader":1,"leader_epoch":0})",
                          R"({"controller_epoch":1,"leader":1.5,"leader_epoch":0,"isr":[]})"}) {
    expect_fault(decode_partition_state("/s/state", bad), "/s/state: ");
  }
}

TEST(ConfigNode, RoundTrip) {
  const model::ConfigEntries configs{{"retention.ms", "1"}, {"x", "\"quoted\" \xc3\xa4\n"}};
  EXPECT_EQ(*decode_configs("/c", encode_configs(configs)), configs);
  EXPECT_EQ(encode_configs({}), R"({"version":1,"config":{}})");
  EXPECT_TRUE(decode_configs("/c", "")->empty());
  expect_fault(decode_configs("/c", R"({"version":1})"), "/c: ");
  expect_fault(decode_configs("/c", R"({"config":{"a":1}})"), "/c: ");
}

TEST(ConfigChangeNode, BothVersionsAndFaults) {
  const auto text = encode_config_change("brokers/<default>");
  EXPECT_EQ(text, R"({"version":2,"entity_path":"brokers/<default>"})");
  EXPECT_EQ(*decode_config_change("/n", text), "brokers/<default>");
  EXPECT_EQ(
      *decode_config_change("/n", R"({"version":1,"entity_type":"topics","entity_name":"words"})"),
      "topics/words");
  expect_fault(decode_config_change("/n", R"({"version":3,"entity_path":"topics/a"})"), "/n: ");
  expect_fault(decode_config_change("/n", R"({"version":2})"), "/n: ");
  expect_fault(decode_config_change("/n", ""), "/n: ");
}

TEST(BrokerNode, RoundTrip) {
  BrokerRegistration registration;
  registration.endpoints = {{"INTERNAL", "::1", 9093}, {"PLAINTEXT", "h", 9092}};
  registration.security_protocols = {{"INTERNAL", "SSL"}, {"PLAINTEXT", "PLAINTEXT"}};
  registration.rack = "r";
  registration.timestamp_ms = 1234;
  registration.features["f"] = {1, 2};
  const auto text = encode(registration);
  EXPECT_EQ(text, R"({"version":5,"host":"h","port":9092,"jmx_port":-1,"timestamp":"1234",)"
                  R"("endpoints":["INTERNAL://[::1]:9093","PLAINTEXT://h:9092"],"rack":"r",)"
                  R"("listener_security_protocol_map":{"INTERNAL":"SSL","PLAINTEXT":"PLAINTEXT"},)"
                  R"("features":{"f":{"min_version":1,"max_version":2}}})");
  EXPECT_EQ(*decode_broker("/b", text), registration);
  registration.endpoints.pop_back();
  registration.rack.reset();
  EXPECT_NE(encode(registration).find(R"("host":null,"port":-1)"), std::string::npos);
  EXPECT_EQ(*decode_broker("/b", encode(registration)), registration);
}

TEST(BrokerNode, OlderVersionsAndFaults) {
  const auto one = decode_broker("/b", R"({"version":1,"host":"h","port":9092,"jmx_port":1})");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->endpoints.front(), (model::BrokerEndpoint{"PLAINTEXT", "h", 9092}));
  EXPECT_EQ(one->security_protocols.at("PLAINTEXT"), "PLAINTEXT");
  for (const char* bad :
       {"", "{]", R"({"endpoints":["h:9092"]})", R"({"endpoints":["A://h:x"]})",
        R"({"endpoints":["A://h:70000"]})", R"({"endpoints":[1]})",
        R"({"endpoints":[],"features":{"f":1}})", R"({"endpoints":[],"timestamp":"zz"})"}) {
    expect_fault(decode_broker("/brokers/ids/1", bad), "/brokers/ids/1: ");
  }
}

TEST(ClusterNodes, RoundTripAndFaults) {
  const ControllerNode node{BrokerId(4), 77};
  EXPECT_EQ(encode(node),
            R"({"version":2,"brokerid":4,"timestamp":"77","kraftControllerEpoch":-1})");
  EXPECT_EQ(*decode_controller("/controller", encode(node)), node);
  expect_fault(decode_controller("/controller", "{}"), "/controller: ");
  EXPECT_EQ(decode_controller_epoch("/e", "12")->value(), 12);
  EXPECT_EQ(encode_controller_epoch(model::ControllerEpoch(12)), "12");
  for (const char* bad : {"", "x", "1x", "-1", "99999999999"}) {
    expect_fault(decode_controller_epoch("/e", bad), "/e: ");
  }
  EXPECT_EQ(encode_cluster_id("abc"), R"({"version":"1","id":"abc"})");
  EXPECT_EQ(*decode_cluster_id("/cluster/id", encode_cluster_id("abc")), "abc");
  expect_fault(decode_cluster_id("/cluster/id", R"({"version":"1"})"), "/cluster/id: ");
  expect_fault(decode_cluster_id("/cluster/id", R"({"id":""})"), "/cluster/id: ");
}

TEST(ProducerIdNode, RoundTripAndFaults) {
  const ProducerIdBlock block{BrokerId(3), 2000, 2999};
  EXPECT_EQ(encode(block), R"({"version":1,"broker":3,"block_start":"2000","block_end":"2999"})");
  EXPECT_EQ(*decode_producer_id_block("/b", encode(block)), block);
  for (const char* bad :
       {"", "{}", R"({"version":1,"broker":3,"block_start":"5"})",
        R"({"version":1,"broker":3,"block_start":"-1","block_end":"5"})",
        R"({"version":1,"broker":3,"block_start":"9","block_end":"5"})",
        R"({"version":1,"broker":3,"block_start":"0","block_end":"9999999999999999999"})"}) {
    expect_fault(decode_producer_id_block("/b", bad), "/b: ");
  }
}

TEST(Errors, HaveNames) {
  EXPECT_STREQ(name(StoreError::bad_version), "bad_version");
  EXPECT_STREQ(name(StoreError::unknown), "unknown");
}

}  // namespace
}  // namespace gregor::znode
