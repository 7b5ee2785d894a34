// CreateTopics and DeleteTopics: which error wins, in the order of Apache Kafka 4.1.1; the spread
// of replicas.
#include "controller/topic_rules.h"

#include <gtest/gtest.h>

#include <set>

namespace gregor::controller {
namespace {

using model::BrokerId;

class SmallRules : public TopicConfigRules {
 public:
  [[nodiscard]] Result<model::ConfigEntries> check(
      const model::ConfigEntries& configs) const override {
    for (const auto& [key, value] : configs) {
      if (key != "retention.ms")
        return fail(ErrorCode::invalid_config, "Unknown topic config name: " + key);
    }
    return configs;
  }
};

TopicRulesContext context(int brokers = 1) {
  static const SmallRules rules;
  TopicRulesContext context;
  for (int i = 1; i <= brokers; ++i) context.brokers.push_back({BrokerId(i), std::nullopt});
  context.configs = &rules;
  context.exists = [](const std::string& name) { return name == "there"; };
  context.colliding = [](const std::string& name) -> std::string {
    return name == "a.b" ? "a_b" : "";
  };
  context.draw_below = [](std::uint64_t) { return 0; };
  return context;
}

TopicRequest ask(std::string name, std::int32_t partitions = -1, std::int16_t factor = -1) {
  TopicRequest request;
  request.name = std::move(name);
  request.partitions = partitions;
  request.replication_factor = factor;
  return request;
}

TopicRequest manual(std::vector<TopicRequest::Assignment> assignments) {
  auto request = ask("t");
  request.assignments = std::move(assignments);
  return request;
}

TopicRequest with_config(TopicRequest request, std::string key, std::optional<std::string> value) {
  request.configs.emplace_back(std::move(key), std::move(value));
  return request;
}

int code(const TopicRequest& request, int brokers = 1) {
  const auto plans = plan_topics({request}, context(brokers));
  EXPECT_EQ(plans.size(), 1u);
  EXPECT_EQ(plans[0].message.empty(), plans[0].ok());
  return static_cast<int>(plans[0].error);
}

TEST(TopicRules, FirstFailingCheckWins) {
  for (const char* name : {"", ".", "..", "a/b", "a b", "\xc3\xa4"})
    EXPECT_EQ(code(ask(name)), 17) << name;
  EXPECT_EQ(code(ask(std::string(250, 'x'))), 17);
  EXPECT_EQ(code(ask("a.b")), 17);
  EXPECT_EQ(code(ask("there")), 36);
  EXPECT_EQ(code(with_config(ask("there", 0), "bad", "1")), 36);
  EXPECT_EQ(code(ask("t", 0)), 37);
  EXPECT_EQ(code(ask("t", -2)), 37);
  EXPECT_EQ(code(ask("t", 1, 0)), 38);
  EXPECT_EQ(code(ask("t", 1, -2)), 38);
  EXPECT_EQ(code(ask("t", 1, 2)), 38);
  EXPECT_EQ(code(ask("t", 1, 32767)), 38);
  EXPECT_EQ(code(ask("t", 0, 0)), 38);
  EXPECT_EQ(code(ask("t", 0, 5)), 37);
  EXPECT_EQ(code(ask("t", 1'000'000)), 44);
  EXPECT_EQ(code(with_config(ask("t", 0, 0), "bad", "1")), 40);
  EXPECT_EQ(code(with_config(ask("t"), "retention.ms", std::nullopt)), 40);
  EXPECT_EQ(code(ask("__cluster_metadata")), 42);
  EXPECT_EQ(code(ask("__consumer_offsets")), 0);
  EXPECT_EQ(code(ask("t")), 0);
}

TEST(TopicRules, ManualAssignments) {
  auto both = manual({{0, {1}}});
  both.partitions = 0;
  EXPECT_EQ(code(both), 42);
  both.partitions = -1;
  both.replication_factor = 1;
  EXPECT_EQ(code(both), 42);
  EXPECT_EQ(code(manual({{0, {}}})), 39);
  EXPECT_EQ(code(manual({{0, {1, 1}}})), 39);
  EXPECT_EQ(code(manual({{0, {7}}})), 39);
  EXPECT_EQ(code(manual({{0, {-1}}})), 39);
  EXPECT_EQ(code(manual({{1, {1}}})), 39);
  EXPECT_EQ(code(manual({{0, {1}}, {2, {1}}})), 39);
  EXPECT_EQ(code(manual({{0, {1}}, {0, {1}}})), 39);
  EXPECT_EQ(code(manual({{-1, {1}}})), 39);
  EXPECT_EQ(code(manual({{0, {1}}, {1, {1, 2}}}), 2), 39);
  const auto plans = plan_topics({manual({{1, {2}}, {0, {1}}})}, context(2));
  ASSERT_TRUE(plans[0].ok());
  EXPECT_EQ(plans[0].assignment,
            (std::vector<std::vector<BrokerId>>{{BrokerId(1)}, {BrokerId(2)}}));
}

TEST(TopicRules, DefaultsAndConfigs) {
  auto defaults = context(3);
  defaults.default_partitions = 4;
  defaults.default_replication_factor = 2;
  const auto request = with_config(with_config(ask("t"), "retention.ms", "1"), "retention.ms",
                                   "2");  // the last one wins
  const auto plans = plan_topics({request}, defaults);
  ASSERT_TRUE(plans[0].ok());
  EXPECT_EQ(plans[0].assignment.size(), 4u);
  EXPECT_EQ(plans[0].assignment[0].size(), 2u);
  EXPECT_EQ(plans[0].configs.at("retention.ms"), "2");
}

TEST(TopicRules, DuplicatesAreAnsweredOnceAndLast) {
  const auto plans =
      plan_topics({ask("twice"), ask("a"), ask("twice"), ask("b"), ask("twice")}, context());
  ASSERT_EQ(plans.size(), 3u);
  EXPECT_EQ(plans[0].name, "a");
  EXPECT_EQ(plans[1].name, "b");
  EXPECT_EQ(plans[2].name, "twice");
  EXPECT_EQ(plans[2].error, ErrorCode::invalid_request);
}

TEST(TopicRules, CollidingNamesOfOneRequestAreBothMade) {
  const auto plans = plan_topics({ask("x.y"), ask("x_y")}, context());
  EXPECT_TRUE(plans[0].ok());
  EXPECT_TRUE(plans[1].ok());
}

TEST(TopicRules, TheSumOfPartitionsIsLimited) {
  const auto over = plan_topics({ask("a", 9999), ask("b", 2)}, context());
  EXPECT_EQ(over[0].error, ErrorCode::policy_violation);
  EXPECT_EQ(over[1].error, ErrorCode::policy_violation);
  const auto at = plan_topics({ask("a", 9999), ask("b", 1), ask("c", -5)}, context());
  EXPECT_TRUE(at[0].ok());
  EXPECT_TRUE(at[1].ok());
}

TEST(ReplicaAssignment, IsKafkas) {
  // The example of Kafka's documentation: 5 brokers, 10 partitions, 3 replicas, both random numbers
  // 0 for brokers 0..4.
  std::vector<BrokerPlace> five;
  for (const int id : {3, 0, 4, 1, 2}) five.push_back({BrokerId(id), std::nullopt});
  const auto spread = assign_replicas(five, {.partitions = 10, .replication_factor = 3});
  ASSERT_TRUE(spread);
  const int expected[10][3] = {{0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 0}, {4, 0, 1},
                               {0, 2, 3}, {1, 3, 4}, {2, 4, 0}, {3, 0, 1}, {4, 1, 2}};
  for (std::size_t p = 0; p < 10; ++p) {
    for (std::size_t r = 0; r < 3; ++r)
      EXPECT_EQ((*spread)[p][r], BrokerId(expected[p][r])) << p << " " << r;
  }
}

TEST(ReplicaAssignment, SpreadsOverRacks) {
  std::vector<BrokerPlace> six;
  for (int id = 0; id < 6; ++id) six.push_back({BrokerId(id), "rack" + std::to_string(id % 3)});
  for (std::uint32_t start = 0; start < 6; ++start) {
    const auto spread = assign_replicas(
        six, {.partitions = 12, .replication_factor = 3, .start = start, .shift = start});
    ASSERT_TRUE(spread);
    for (const auto& replicas : *spread) {
      std::set<int> racks;
      for (const auto id : replicas) racks.insert(id.value() % 3);
      EXPECT_EQ(racks.size(), 3u);
    }
  }
  const auto all = assign_replicas(six, {.partitions = 3, .replication_factor = 6});
  ASSERT_TRUE(all);
  EXPECT_EQ(std::set<BrokerId>((*all)[0].begin(), (*all)[0].end()).size(), 6u);
  six[0].rack.reset();
  EXPECT_FALSE(assign_replicas(six, {}));
  EXPECT_FALSE(assign_replicas({}, {}));
  EXPECT_FALSE(assign_replicas(six, {.partitions = 0}));
  EXPECT_FALSE(assign_replicas(six, {.replication_factor = 0}));
}

model::Uuid id_of(int number) {
  return model::Uuid::from_bits(1, static_cast<std::uint64_t>(number));
}

DeletionContext deletion_context() {
  DeletionContext context;
  context.id_of = [](const std::string& name) -> std::optional<model::Uuid> {
    return name == "a"   ? std::optional(id_of(1))
           : name == "b" ? std::optional(id_of(2))
                         : std::nullopt;
  };
  context.name_of = [](const model::Uuid& id) -> std::optional<std::string> {
    return id == id_of(1)   ? std::optional<std::string>("a")
           : id == id_of(2) ? std::optional<std::string>("b")
                            : std::nullopt;
  };
  return context;
}

std::vector<int> codes(const std::vector<DeletionRequest>& requests) {
  std::vector<int> list;
  for (const auto& plan : plan_deletions(requests, deletion_context()))
    list.push_back(static_cast<int>(plan.error));
  return list;
}

TEST(DeletionRules, EachCase) {
  EXPECT_EQ(codes({{"a", {}}}), std::vector<int>({0}));
  EXPECT_EQ(codes({{std::nullopt, id_of(2)}}), std::vector<int>({0}));
  EXPECT_EQ(codes({{"x", {}}, {"", {}}, {"a/b", {}}}), std::vector<int>({3, 3, 3}));
  EXPECT_EQ(codes({{std::nullopt, id_of(9)}}), std::vector<int>({100}));
  EXPECT_EQ(codes({{"a", {}}, {"b", {}}, {"a", {}}}), std::vector<int>({0, 42}));
  EXPECT_EQ(codes({{"x", {}}, {"x", {}}, {"x", {}}}), std::vector<int>({42}));
  EXPECT_EQ(codes({{"a", {}}, {std::nullopt, id_of(1)}, {std::nullopt, id_of(1)}}),
            std::vector<int>({42, 42}));
  EXPECT_EQ(codes({{"a", {}}, {"a", {}}, {std::nullopt, id_of(1)}}), std::vector<int>({0, 42}));
  EXPECT_EQ(codes({{std::nullopt, id_of(1)}, {std::nullopt, id_of(1)}}), std::vector<int>({42}));
  EXPECT_EQ(codes({{"a", id_of(1)}}), std::vector<int>({42}));
  EXPECT_EQ(codes({{std::nullopt, {}}}), std::vector<int>({42}));
  EXPECT_EQ(codes({{"a", {}}, {std::nullopt, id_of(1)}}), std::vector<int>({42}));
  auto disabled = deletion_context();
  disabled.enabled = false;
  EXPECT_EQ(plan_deletions({{"a", {}}}, disabled)[0].error, ErrorCode::topic_deletion_disabled);
  const auto both = plan_deletions({{std::nullopt, id_of(2)}}, deletion_context());
  EXPECT_EQ(both[0].name, "b");
  EXPECT_EQ(both[0].id, id_of(2));
}

}  // namespace
}  // namespace gregor::controller
