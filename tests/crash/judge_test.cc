// The judge against golden histories: one per promise, each with one planted violation that must be
// named, and their clean twins. A history's first line says what is expected: "# expect: KIND" or
// "# expect: clean".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "crash/history_text.h"

namespace gregor::crash {
namespace {

constexpr std::string_view expectation = "# expect: ";

std::set<std::string> kinds(const Violations& violations) {
  std::set<std::string> names;
  for (const auto& [kind, count] : violations.counts()) names.insert(kind);
  return names;
}

std::set<std::string> judged(const std::string& history) {
  std::istringstream text(history);
  const auto violations = judge_history(text);
  EXPECT_TRUE(violations) << violations.error().detail;
  return violations ? kinds(*violations) : std::set<std::string>{"unreadable"};
}

std::vector<std::filesystem::path> golden_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(CRASH_HISTORIES))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class GoldenHistory : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(GoldenHistory, IsJudgedAsExpected) {
  std::ifstream file(GetParam());
  std::string first;
  ASSERT_TRUE(std::getline(file, first) && first.starts_with(expectation)) << first;
  const std::string expected = first.substr(expectation.size());
  const auto violations = judge_history(file);
  ASSERT_TRUE(violations) << violations.error().detail;
  std::set<std::string> wanted;
  if (expected != "clean") wanted.insert(expected);
  EXPECT_EQ(kinds(*violations), wanted);
}

INSTANTIATE_TEST_SUITE_P(All, GoldenHistory, testing::ValuesIn(golden_files()),
                         [](const auto& param) {
                           std::string name = param.param.stem().string();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(GoldenHistories, EveryPromiseHasOne) {
  std::set<std::string> found;
  for (const auto& path : golden_files()) {
    std::ifstream file(path);
    std::string first;
    std::getline(file, first);
    found.insert(first.substr(expectation.size()));
  }
  EXPECT_THAT(
      found, testing::IsSupersetOf({"clean", "lost", "wrong_offset", "wrong_bytes",
                                    "wrong_partition", "duplicate", "never_sent", "refused_present",
                                    "torn_batch", "offset_gap", "offset_order", "send_order",
                                    "log_end", "topic_lost", "topic_id", "topic_partitions",
                                    "topic_unserved", "topic_undead", "topic_never_made"}));
}

TEST(Judge, TellsALossOnceHoweverOftenItIsAsked) {
  std::istringstream text("send 0 0 1 answered 0\nend 0 0\njudge\njudge\n");
  const auto violations = judge_history(text);
  ASSERT_TRUE(violations);
  EXPECT_EQ(violations->counts().at("lost"), 1);
}

TEST(Judge, AStorageErrorLeavesItOpen) {
  EXPECT_THAT(judged("send 0 0 1 refused 56\nread 0 0 0 0\nend 0 1\n"), testing::IsEmpty());
  EXPECT_THAT(judged("send 0 0 1 refused 7\nend 0 0\n"), testing::IsEmpty());
  EXPECT_THAT(judged("send 0 0 1 refused 87\nread 0 0 0 0\nend 0 1\n"),
              testing::ElementsAre("refused_present"));
}

TEST(Judge, AnUnansweredCreationThatIsSeenHasToStay) {
  EXPECT_THAT(judged("topic a 1 creation-unanswered\nfound a 1 1 5\njudge\nfound a 1 1 6\n"),
              testing::ElementsAre("topic_id"));
  EXPECT_THAT(judged("topic a 1 creation-unanswered\nfound a 1 1 5\njudge\n"),
              testing::ElementsAre("topic_lost"));
}

TEST(Judge, AnUnansweredDeletionThatWasSeenToBeDoneIsDone) {
  EXPECT_THAT(judged("topic a 1 deletion-unanswered 5\njudge\nfound a 1 1 5\n"),
              testing::ElementsAre("topic_undead"));
}

TEST(Judge, KeepsOnlyTheFirstTextsOfAKind) {
  std::string history;
  for (int i = 0; i < 100; ++i)
    history += "send " + std::to_string(i) + " 0 1 answered " + std::to_string(i) + "\n";
  std::istringstream text(history + "end 0 0\n");
  const auto violations = judge_history(text);
  ASSERT_TRUE(violations);
  EXPECT_EQ(violations->counts().at("lost"), 100);
  EXPECT_LT(violations->kept().size(), 20U);
}

TEST(HistoryText, NamesALineThatMakesNoSense) {
  for (const char* line :
       {"send 1 0 1 unanswered", "send 0 0 1 perhaps 3", "fetch 0", "read 0", "topic a 1 gone"}) {
    std::istringstream text(std::string("# first\n") + line + "\n");
    const auto violations = judge_history(text);
    ASSERT_FALSE(violations) << line;
    EXPECT_THAT(violations.error().detail, testing::StartsWith("line 2: "));
  }
}

}  // namespace
}  // namespace gregor::crash
