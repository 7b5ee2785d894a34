// Rules for topic names.
#include "model/topic_name.h"

#include <gtest/gtest.h>

#include <string>

namespace gregor::model {
namespace {

using namespace std::string_literals;

TEST(TopicNameTest, GoodNames) {
  for (const auto& name : {"a"s, "..."s, "a.b_c-D9"s, "-"s, "_"s, ".a"s, std::string(249, 'x')}) {
    EXPECT_TRUE(check_topic_name(name)) << name;
  }
}

TEST(TopicNameTest, BadNames) {
  for (const auto& name : {""s, "."s, ".."s, std::string(250, 'x'), "a b"s, "a/b"s, "../x"s,
                           "a\0b"s, "\xc3\xa4"s, "a\n"s, "a:b"s, "a,b"s, "a\""s}) {
    const auto checked = check_topic_name(name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_topic_exception);
    EXPECT_FALSE(checked.error().detail.empty());
  }
}

TEST(TopicNameTest, EachByteIsJudged) {
  int good = 0;
  for (int c = 0; c < 256; ++c) {
    if (check_topic_name("x"s + static_cast<char>(c))) ++good;
  }
  EXPECT_EQ(good, 26 + 26 + 10 + 3);
}

TEST(TopicNameTest, DotAndUnderscoreCollide) {
  EXPECT_TRUE(topic_names_collide("a.b", "a_b"));
  EXPECT_TRUE(topic_names_collide("a.b_c", "a_b.c"));
  EXPECT_TRUE(topic_names_collide("a", "a"));
  EXPECT_FALSE(topic_names_collide("a.b", "a-b"));
  EXPECT_FALSE(topic_names_collide("a.b", "a.bc"));
  EXPECT_FALSE(topic_names_collide("a.b", "A.b"));
}

TEST(TopicNameTest, InternalTopics) {
  EXPECT_TRUE(is_internal_topic("__consumer_offsets"));
  EXPECT_TRUE(is_internal_topic("__transaction_state"));
  EXPECT_TRUE(is_internal_topic("__share_group_state"));
  EXPECT_FALSE(is_internal_topic("__consumer_offsets2"));
  EXPECT_FALSE(is_internal_topic("__cluster_metadata"));
  EXPECT_FALSE(is_internal_topic(""));
}

// An answer's text has 32767 bytes at most.
TEST(TopicName, ALongNameIsNotQuotedWhole) {
  EXPECT_LT(check_topic_name(std::string(32767, 'x')).error().detail.size(), 1000U);
}

}  // namespace
}  // namespace gregor::model
