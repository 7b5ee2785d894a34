// Pages of topics: nothing is left out or told twice, whatever the size of a page.
#include "broker/topic_page.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace gregor::broker {
namespace {

const std::map<std::string, std::size_t, std::less<>> sizes{{"a", 3}, {"b", 1}, {"c", 5}, {"d", 2}};

std::optional<std::size_t> count_of(std::string_view name) {
  const auto found = sizes.find(name);
  return found == sizes.end() ? std::nullopt : std::optional(found->second);
}

std::string text(const TopicPage& page) {
  std::string out;
  for (const auto& row : page.rows) {
    out += std::string(row.topic) + (row.is_known ? ":" : "?") + std::to_string(row.first) + "-" +
           std::to_string(row.end) + " ";
  }
  if (page.next) out += "> " + std::string(page.next->topic) + std::to_string(page.next->partition);
  return out;
}

std::string page(std::vector<std::string_view> topics, std::size_t limit,
                 std::optional<PageCursor> from = std::nullopt) {
  return text(make_topic_page({std::move(topics), from, limit}, count_of));
}

TEST(TopicPage, EachTopicOnceInOrder) {
  EXPECT_EQ(page({"c", "a", "c"}, 100), "a:0-3 c:0-5 ");
  EXPECT_EQ(page({}, 100), "");
}

TEST(TopicPage, APageMayEndWithinATopic) {
  EXPECT_EQ(page({"a", "c"}, 5), "a:0-3 c:0-2 > c2");
  EXPECT_EQ(page({"a", "c"}, 5, PageCursor{"c", 2}), "c:2-5 ");
}

TEST(TopicPage, APageMayEndWithATopic) {
  EXPECT_EQ(page({"a", "b", "c"}, 3), "a:0-3 > b0");
  EXPECT_EQ(page({"a"}, 3), "a:0-3 ");
}

TEST(TopicPage, UnknownTopicsHaveRows) {
  EXPECT_EQ(page({"a", "none"}, 100), "a:0-3 none?0-0 ");
  EXPECT_EQ(page({"a", "none"}, 3), "a:0-3 > none0");
}

TEST(TopicPage, ACursorBehindTheEndOfItsTopic) {
  EXPECT_EQ(page({"a", "b"}, 100, PageCursor{"a", 99}), "a:3-3 b:0-1 ");
}

TEST(TopicPage, AllPagesTogetherAreTheList) {
  for (std::size_t limit = 1; limit < 15; ++limit) {
    std::map<std::string, std::size_t, std::less<>> told;
    std::optional<PageCursor> from;
    do {
      const TopicPage one = make_topic_page({{"a", "b", "c", "d"}, from, limit}, count_of);
      std::size_t partitions = 0;
      for (const auto& row : one.rows) {
        EXPECT_EQ(told[std::string(row.topic)], row.first);
        told[std::string(row.topic)] = row.end;
        partitions += row.end - row.first;
      }
      EXPECT_LE(partitions, limit);
      from = one.next;
    } while (from);
    EXPECT_EQ(told, sizes) << limit;
  }
}

}  // namespace
}  // namespace gregor::broker
