#include "sim/topic_history.h"

#include <gtest/gtest.h>

namespace gregor::sim {
namespace {

class TopicHistoryTest : public testing::Test {
 protected:
  void make(const std::string& name) {
    topics.create_sent(name, 2);
    topics.create_answered(name, ErrorCode::none);
  }
  [[nodiscard]] SeenTopic seen(const std::string& name, std::uint64_t id,
                               std::int32_t partitions = 2) const {
    return {name, model::Uuid::from_bits(id, id), partitions};
  }
  void expect_only(std::string_view invariant) {
    EXPECT_TRUE(violations.has(invariant)) << invariant << " is not named";
    EXPECT_EQ(violations.count(), 1U);
  }

  Violations violations;
  TopicHistory topics{violations};
};

TEST_F(TopicHistoryTest, MadeSeenDeletedMadeAgain) {
  make("a");
  topics.see_all({seen("a", 1)});
  topics.delete_sent("a");
  topics.delete_answered("a", ErrorCode::none);
  topics.see_absence("a");
  make("a");
  topics.see_all({seen("a", 2)});
  EXPECT_EQ(topics.id_of("a"), model::Uuid::from_bits(2, 2));
  EXPECT_TRUE(violations.empty());
}

TEST_F(TopicHistoryTest, WithoutAnAnswerBothAreFine) {
  topics.create_sent("a", 2);
  topics.create_answered("a", std::nullopt);
  topics.see_all({});
  EXPECT_FALSE(topics.must_exist("a"));
  topics.see_all({seen("a", 1)});
  EXPECT_TRUE(topics.must_exist("a"));
  topics.delete_sent("a");
  topics.delete_answered("a", std::nullopt);
  topics.see_all({seen("a", 1)});
  topics.see_all({});
  EXPECT_TRUE(topics.is_deleting("a"));
  topics.delete_sent("a");
  topics.delete_answered("a", ErrorCode::unknown_topic_or_partition);
  EXPECT_FALSE(topics.is_deleting("a"));
  EXPECT_TRUE(violations.empty());
}

TEST_F(TopicHistoryTest, C6MadeTopicIsGone) {
  make("a");
  topics.see_all({});
  expect_only("C6");
}

TEST_F(TopicHistoryTest, C6DeletedTopicComesBack) {
  make("a");
  topics.delete_sent("a");
  topics.delete_answered("a", ErrorCode::none);
  topics.see_all({seen("a", 1)});
  expect_only("C6");
}

TEST_F(TopicHistoryTest, C6AnotherNumberOfPartitions) {
  make("a");
  topics.see(seen("a", 1, 3));
  expect_only("C6");
}

TEST_F(TopicHistoryTest, C9AnotherId) {
  make("a");
  topics.see(seen("a", 1));
  topics.see(seen("a", 2));
  expect_only("C9");
}

TEST_F(TopicHistoryTest, C8AnswersThatDoNotFit) {
  make("a");
  topics.create_sent("a", 2);
  topics.create_answered("a", ErrorCode::topic_already_exists);
  EXPECT_TRUE(violations.empty());
  topics.create_sent("b", 2);
  topics.create_answered("b", ErrorCode::topic_already_exists);
  expect_only("C8");
}

TEST_F(TopicHistoryTest, C8DeletionOfWhatIsThere) {
  make("a");
  topics.delete_sent("a");
  topics.delete_answered("a", ErrorCode::unknown_topic_or_partition);
  expect_only("C8");
}

}  // namespace
}  // namespace gregor::sim
