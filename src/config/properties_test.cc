// Java's properties format: escapes, continuations, comments, line ends.
#include "config/properties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gregor::config {
namespace {

using std::string_literals::operator""s;

std::vector<std::pair<std::string, std::string>> parse(std::string_view text) {
  const auto properties = parse_properties(text, "f");
  EXPECT_TRUE(properties.has_value()) << properties.error().detail;
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& property : *properties) pairs.emplace_back(property.key, property.value);
  return pairs;
}

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Properties, SeparatorsAndBlanks) {
  EXPECT_THAT(parse("a=1\nb:2\nc 3\n  d = 4\ne\t:\t5\nf==6\ng= =7\nh\n"),
              ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"), Pair("d", "4"),
                          Pair("e", "5"), Pair("f", "=6"), Pair("g", "=7"), Pair("h", "")));
  EXPECT_THAT(parse("listeners=PLAINTEXT://:9092"),
              ElementsAre(Pair("listeners", "PLAINTEXT://:9092")));
}

TEST(Properties, BlanksAtTheEndOfAValueStay) {
  EXPECT_THAT(parse("a=1  \nb=2"), ElementsAre(Pair("a", "1  "), Pair("b", "2")));
}

TEST(Properties, CommentsAndEmptyLines) {
  EXPECT_THAT(parse("# a=1\n! b=2\n\n   \t\n  # c\\\nd=4\n"), ElementsAre(Pair("d", "4")));
  EXPECT_THAT(parse(""), IsEmpty());
}

TEST(Properties, LineEndsAndByteOrderMark) {
  EXPECT_THAT(parse("\xEF\xBB\xBF"
                    "a=1\r\nb=2\rc=3\n\r\nd=4"),
              ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"), Pair("d", "4")));
}

TEST(Properties, LinesGoOnAfterAnOddNumberOfBackslashes) {
  EXPECT_THAT(parse("a=1,\\\n   2,\\\r\n\t3\nb=x\\\\\nc=4"),
              ElementsAre(Pair("a", "1,2,3"), Pair("b", "x\\"), Pair("c", "4")));
  EXPECT_THAT(parse("a=1\\"), ElementsAre(Pair("a", "1")));
  EXPECT_THAT(parse("a=1\\\n# no comment"), ElementsAre(Pair("a", "1# no comment")));
}

TEST(Properties, Escapes) {
  EXPECT_THAT(parse("a\\=b\\:c\\ d=1\\t2\\n3\\q\nu=\\u00e4\\u20AC\\uD83D\\uDE00"),
              ElementsAre(Pair("a=b:c d", "1\t2\n3q"), Pair("u", "\u00e4\u20ac\U0001F600")));
}

TEST(Properties, Utf8PassesUnchanged) {
  EXPECT_THAT(parse("a=h\u00e4"), ElementsAre(Pair("a", "h\u00e4")));
}

TEST(Properties, LinesAreNumberedWhereAnEntryBegins) {
  const auto properties = parse_properties("# c\na=1\\\n2\n\nb=3\n", "f");
  ASSERT_TRUE(properties.has_value());
  ASSERT_EQ(properties->size(), 2U);
  EXPECT_EQ((*properties)[0].line, 2U);
  EXPECT_EQ((*properties)[1].line, 5U);
}

TEST(Properties, ErrorsNameFileAndLine) {
  for (const auto& text : {"x=1\na=\\u12"s, "x=1\na=\\uD800z"s, "x=1\na=\\uDC00"s,
                           "x=1\na=\\ughij"s, "x=1\na=1\0002"s}) {
    const auto properties = parse_properties(text, "dir/server.properties");
    ASSERT_FALSE(properties.has_value()) << text;
    EXPECT_THAT(properties.error().detail, testing::StartsWith("dir/server.properties:2: "));
  }
}

TEST(Properties, KeyThatEndsWithABackslashIsReadToItsEnd) {
  EXPECT_THAT(parse("a\\\\=1"), ElementsAre(Pair("a\\", "1")));
}

}  // namespace
}  // namespace gregor::config
