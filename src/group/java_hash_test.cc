// The hash that places groups: vectors computed by Java.
#include "group/java_hash.h"

#include <gtest/gtest.h>

namespace gregor::group {
namespace {

TEST(JavaHash, is_javas) {
  EXPECT_EQ(java_hash(""), 0);
  EXPECT_EQ(java_hash("my-group"), -1906497762);
  EXPECT_EQ(java_hash("test"), 3556498);
  EXPECT_EQ(java_hash("console-consumer-1"), 35782224);
  EXPECT_EQ(java_hash("\u00fcn\u00efcode"), -609351766);
  EXPECT_EQ(java_hash("polygenelubricants"), -2147483647 - 1);
  EXPECT_EQ(java_hash("\U0001F980"), 0xD83E * 31 + 0xDD80);  // two UTF-16 units
}

TEST(JavaHash, places_groups_like_kafka) {
  EXPECT_EQ(partition_of("my-group", 50), 12);
  EXPECT_EQ(partition_of("test", 50), 48);
  EXPECT_EQ(partition_of("console-consumer-1", 50), 24);
  EXPECT_EQ(partition_of("\u00fcn\u00efcode", 50), 16);
  EXPECT_EQ(partition_of("polygenelubricants", 50), 0);
  EXPECT_EQ(partition_of("", 50), 0);
}

TEST(JavaHash, bytes_that_are_no_text_are_replaced) {
  EXPECT_EQ(java_hash("\xff"), 0xFFFD);
  EXPECT_EQ(java_hash("a\x80"), 'a' * 31 + 0xFFFD);
  EXPECT_EQ(java_length("\xe2\x82"), 1U);      // cut short: one replacement
  EXPECT_EQ(java_length("\xc0\x80"), 2U);      // overlong: one per byte
  EXPECT_EQ(java_length("\xed\xa0\x80"), 1U);  // a surrogate: one for all of it
  EXPECT_EQ(java_length("\xe0\x80\x80"), 3U);
  EXPECT_EQ(java_length("\xf0\x9f\xa6"), 1U);
  EXPECT_EQ(java_length("\xf4\x90\x80\x80"), 4U);
}

TEST(JavaHash, length_counts_utf_16_units) {
  EXPECT_EQ(java_length("abc"), 3U);
  EXPECT_EQ(java_length("\u00fc\u65e5"), 2U);
  EXPECT_EQ(java_length("\U0001F980"), 2U);
}

}  // namespace
}  // namespace gregor::group
