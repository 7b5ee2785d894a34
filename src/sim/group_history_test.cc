// One planted violation per invariant of groups, and what must be allowed.
#include "sim/group_history.h"

#include <gtest/gtest.h>

namespace gregor::sim {
namespace {

using std::chrono::milliseconds;

class GroupHistoryTest : public testing::Test {
 protected:
  GroupHistoryTest() { history.begin_life(at(0)); }

  static runtime::Instant at(int ms) { return runtime::Instant(milliseconds(ms)); }
  CommitNumber send(std::int64_t offset, std::int32_t generation = -1) {
    SentCommit commit;
    commit.place = place;
    commit.offset = offset;
    commit.generation = generation;
    return history.send(std::move(commit));
  }
  void commit(std::int64_t offset) { history.acknowledge(send(offset)); }
  void read(std::optional<std::int64_t> offset) { history.read(place, history.mark(), offset); }
  void own(std::int32_t generation, const std::string& member,
           const std::set<std::int32_t>& partitions) {
    history.assign({"g", generation}, {{member, partitions}});
    history.own({"g", generation}, member, partitions);
  }
  void restart(Ending ending, int ended_ms, int began_ms) {
    history.end_life(ending, at(ended_ms));
    history.begin_life(at(began_ms));
    history.resume();
  }
  void expect_only(std::string_view invariant) {
    EXPECT_TRUE(violations.has(invariant)) << invariant << " is not named";
    EXPECT_EQ(violations.count(), 1U);
  }

  const OffsetPlace place{"g", 0};
  Violations violations;
  GroupHistory history{false, violations};
};

TEST_F(GroupHistoryTest, CommitsAreReadInAnyOrderThatMayBe) {
  read(std::nullopt);
  commit(1);
  read(1);
  send(2);  // no answer
  commit(3);
  read(3);
  read(2);  // it may still have come later
  restart(Ending::kill, 10, 20);
  read(2);
  commit(4);
  read(4);
  EXPECT_TRUE(violations.empty());
}

TEST_F(GroupHistoryTest, ReadWhileACommitIsUnderWay) {
  commit(1);
  const std::uint64_t mark = history.mark();
  commit(2);
  history.read(place, mark, 1);
  EXPECT_TRUE(violations.empty());
}

TEST_F(GroupHistoryTest, G2OlderOffset) {
  commit(1);
  commit(2);
  read(1);
  expect_only("G2");
}

TEST_F(GroupHistoryTest, G2UnansweredCommitOfAnEarlierLife) {
  send(1);
  restart(Ending::kill, 10, 20);
  commit(2);
  read(1);
  expect_only("G2");
}

TEST_F(GroupHistoryTest, G2WhatWasReadCounts) {
  send(1);
  restart(Ending::kill, 10, 20);
  send(2);
  read(2);
  read(1);
  expect_only("G2");
}

TEST_F(GroupHistoryTest, G2NothingLeft) {
  commit(1);
  restart(Ending::kill, 10, 20);
  read(std::nullopt);
  expect_only("G2");
}

TEST_F(GroupHistoryTest, PowerLossTakesCommitsUnlessEachIsFlushed) {
  commit(1);
  commit(2);
  const CommitNumber late = send(3);
  history.end_life(Ending::power, at(10));
  history.acknowledge(late);  // on its way when the power went
  history.begin_life(at(20));
  history.resume();
  read(1);
  read(std::nullopt);
  EXPECT_EQ(violations.count(), 1U) << "what was read is there";
}

TEST_F(GroupHistoryTest, WhatIsReadOnItsWayWhenThePowerWent) {
  commit(1);
  const std::uint64_t mark = history.mark();
  history.end_life(Ending::power, at(10));
  history.read(place, mark, 1);
  history.begin_life(at(20));
  history.resume();
  read(std::nullopt);
  EXPECT_TRUE(violations.empty());
}

TEST_F(GroupHistoryTest, G2PowerLossWhereEachIsFlushed) {
  GroupHistory flushed(true, violations);
  flushed.begin_life(at(0));
  SentCommit sent;
  sent.place = place;
  sent.offset = 1;
  flushed.acknowledge(flushed.send(sent));
  flushed.end_life(Ending::power, at(10));
  flushed.begin_life(at(20));
  flushed.resume();
  flushed.read(place, flushed.mark(), std::nullopt);
  expect_only("G2");
}

TEST_F(GroupHistoryTest, WhatIsFlushedHoldsUnlessAKillLeftItInTheCache) {
  GroupHistory flushed(true, violations);
  flushed.begin_life(at(0));
  const auto own_flushed = [&flushed](std::int32_t generation, const std::string& member) {
    flushed.assign({"g", generation}, {{member, {0}}});
    flushed.own({"g", generation}, member, {0});
  };
  own_flushed(1, "a");
  flushed.end_life(Ending::kill, at(10));
  flushed.begin_life(at(20));
  own_flushed(2, "a");
  flushed.end_life(Ending::power, at(30));
  flushed.begin_life(at(40));
  flushed.resume();
  own_flushed(2, "b");
  EXPECT_TRUE(violations.empty());
  flushed.end_life(Ending::power, at(50));
  flushed.begin_life(at(60));
  flushed.resume();
  own_flushed(2, "c");
  expect_only("G1");
}

TEST_F(GroupHistoryTest, WhatWasOnlyReadMayGoWithThePower) {
  GroupHistory flushed(true, violations);
  flushed.begin_life(at(0));
  SentCommit sent;
  sent.place = place;
  sent.offset = 1;
  flushed.send(sent);
  flushed.end_life(Ending::kill, at(10));
  flushed.begin_life(at(20));
  flushed.read(place, flushed.mark(), 1);
  flushed.end_life(Ending::power, at(30));
  flushed.begin_life(at(40));
  flushed.read(place, flushed.mark(), std::nullopt);
  EXPECT_TRUE(violations.empty());
}

TEST_F(GroupHistoryTest, G3NobodyCommittedIt) {
  commit(1);
  read(7);
  expect_only("G3");
}

TEST_F(GroupHistoryTest, G3Refused) {
  history.refuse(send(1));
  read(1);
  expect_only("G3");
}

TEST_F(GroupHistoryTest, G1TwoOwners) {
  own(1, "a", {0, 1});
  own(2, "b", {0, 1});
  own(1, "a", {0, 1});
  EXPECT_TRUE(violations.empty());
  own(2, "c", {1});
  expect_only("G1");
}

TEST_F(GroupHistoryTest, G1AlsoOverAKill) {
  own(1, "a", {0});
  restart(Ending::kill, 10, 20);
  own(1, "b", {0});
  expect_only("G1");
}

TEST_F(GroupHistoryTest, PowerLossBringsGenerationsAgain) {
  own(1, "a", {0});
  restart(Ending::power, 10, 20);
  own(1, "b", {0});
  EXPECT_TRUE(violations.empty());
}

TEST_F(GroupHistoryTest, G4NotWhatTheLeaderSent) {
  history.assign({"g", 1}, {{"a", {0}}, {"b", {1}}});
  history.assign({"g", 1}, {{"a", {1}}, {"b", {0}}});  // sent again, by the same leader
  history.own({"g", 1}, "a", {1});
  history.own({"g", 1}, "c", {});
  EXPECT_TRUE(violations.empty());
  history.own({"g", 1}, "b", {2});
  expect_only("G4");
}

TEST_F(GroupHistoryTest, G5CommitOfAnOldGeneration) {
  own(1, "a", {0});
  const CommitNumber early = send(1, 1);
  own(2, "a", {0});
  history.acknowledge(early);
  history.acknowledge(send(2, 2));
  EXPECT_TRUE(violations.empty());
  history.acknowledge(send(3, 1));
  expect_only("G5");
}

TEST_F(GroupHistoryTest, G6ForgottenBeforeItsTimeOut) {
  history.sign_of_life("a", at(100), milliseconds(50));
  history.sign_of_life("b", at(100), milliseconds(50));
  history.reject("nobody", at(110));
  history.reject("a", at(150));
  EXPECT_TRUE(violations.empty());
  history.reject("b", at(149));
  expect_only("G6");
}

TEST_F(GroupHistoryTest, G6ForgottenByARestart) {
  for (const char* member : {"a", "b", "c"})
    history.sign_of_life(member, at(100), milliseconds(50));
  history.sign_of_life("d", at(50), milliseconds(50));
  restart(Ending::kill, 120, 1000);
  EXPECT_TRUE(history.sign_of_life("c", at(1010), milliseconds(50)));
  EXPECT_FALSE(history.sign_of_life("c", at(1011), milliseconds(50)));
  history.reject("b", at(1050));
  history.reject("d", at(1010));  // its time-out was over before the end
  EXPECT_TRUE(violations.empty());
  history.reject("a", at(1049));
  expect_only("G6");
}

TEST_F(GroupHistoryTest, G8OldProcessIsServed) {
  history.replace("old", "new", at(10));
  EXPECT_TRUE(history.is_replaced("old"));
  EXPECT_FALSE(history.is_replaced("new"));
  history.answer_replaced("old", ErrorCode::fenced_instance_id, at(20));
  history.answer_replaced("old", ErrorCode::unknown_member_id, at(20));  // the new one may be gone
  EXPECT_TRUE(violations.empty());
  history.answer_replaced("old", ErrorCode::none, at(20));
  expect_only("G8");
}

TEST_F(GroupHistoryTest, G8OldProcessIsUnknownBesideTheNewOne) {
  history.replace("old", "newer", at(10));
  history.replace("newer", "newest", at(20));
  history.sign_of_life("newest", at(30), milliseconds(50));
  history.answer_replaced("old", ErrorCode::unknown_member_id, at(80));
  EXPECT_TRUE(violations.empty());
  history.answer_replaced("old", ErrorCode::unknown_member_id, at(79));
  expect_only("G8");
}

TEST_F(GroupHistoryTest, ReplacementThatWasNotStoredEndsWithTheBroker) {
  history.replace("old", "new", at(10));
  history.replace("kept", "alive", at(10));
  history.sign_of_life("alive", at(20), milliseconds(50));
  restart(Ending::kill, 30, 40);
  EXPECT_FALSE(history.is_replaced("old"));
  EXPECT_TRUE(history.is_replaced("kept"));
  history.replace("older", "late", at(25));  // an answer that was still on its way
  EXPECT_FALSE(history.is_replaced("older"));
  restart(Ending::power, 50, 60);
  EXPECT_FALSE(history.is_replaced("kept"));
}

TEST_F(GroupHistoryTest, WhoLeftMayBeForgotten) {
  history.sign_of_life("a", at(100), milliseconds(50));
  history.forget("a");
  history.reject("a", at(101));
  EXPECT_TRUE(violations.empty());
}

}  // namespace
}  // namespace gregor::sim
