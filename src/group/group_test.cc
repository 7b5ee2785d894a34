// The rules of a classic group one by one.
#include "group/group.h"

#include <gtest/gtest.h>

namespace gregor::group {
namespace {

using enum GroupState;

OwnedBytes bytes(std::string_view text) {
  OwnedBytes out;
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
  return out;
}

// A group with a clock that the test moves; effects are kept until they are looked for.
struct Bench {
  GroupSettings settings;
  Moment now{1000, 1'700'000'000'000};
  Group group{settings, now};
  Effects effects;
  RequestId last_request = 0;

  Bench() { settings.initial_rebalance_delay_ms = 3000; }

  JoinRequest join_of(const std::string& member, std::vector<std::string> protocols = {"range"}) {
    JoinRequest request;
    request.request = ++last_request;
    request.member_id = member;
    request.new_member_id = "new-" + std::to_string(last_request);
    request.client_id = "client";
    request.client_host = "/127.0.0.1";
    request.protocol_type = "consumer";
    for (const std::string& name : protocols)
      request.protocols.push_back({name, bytes("meta-" + name)});
    request.session_timeout_ms = 10000;
    request.rebalance_timeout_ms = 60000;
    return request;
  }
  RequestId join(JoinRequest request) {
    const RequestId id = request.request;
    group.join(std::move(request), now, effects);
    return id;
  }
  RequestId join(const std::string& member) { return join(join_of(member)); }
  RequestId sync(const std::string& member, std::vector<MemberAssignment> assignments = {},
                 std::optional<std::string> instance = std::nullopt) {
    SyncRequest request;
    request.request = ++last_request;
    request.member = {member, std::move(instance), group.generation()};
    request.assignments = std::move(assignments);
    const RequestId id = request.request;
    group.sync(std::move(request), now, effects);
    return id;
  }
  // The answer, if there is one; takes it out.
  std::optional<JoinAnswer> joined(RequestId request) {
    return take<effect::AnswerJoin, JoinAnswer>(request);
  }
  std::optional<SyncAnswer> synced(RequestId request) {
    return take<effect::AnswerSync, SyncAnswer>(request);
  }
  template <class Wanted, class Answer>
  std::optional<Answer> take(RequestId request) {
    for (auto at = effects.begin(); at != effects.end(); ++at) {
      auto* found = std::get_if<Wanted>(&*at);
      if (found == nullptr || found->request != request) continue;
      Answer answer = std::move(found->answer);
      effects.erase(at);
      return answer;
    }
    return std::nullopt;
  }
  std::optional<effect::Store> store() {
    for (auto at = effects.begin(); at != effects.end(); ++at) {
      if (auto* found = std::get_if<effect::Store>(&*at)) {
        effect::Store store = std::move(*found);
        effects.erase(at);
        return store;
      }
    }
    return std::nullopt;
  }
  void end_store(ErrorCode error = ErrorCode::none) {
    auto found = store();
    ASSERT_TRUE(found);
    group.on_stored(found->id, error, now, effects);
  }
  void pass(std::int64_t ms) {
    const std::int64_t end = now.monotonic_ms + ms;
    while (group.next_deadline_ms() && *group.next_deadline_ms() <= end) {
      const std::int64_t step = std::max<std::int64_t>(*group.next_deadline_ms(), now.monotonic_ms);
      now.wall_ms += step - now.monotonic_ms;
      now.monotonic_ms = step;
      group.on_time(now, effects);
      if (group.next_deadline_ms() && *group.next_deadline_ms() <= now.monotonic_ms)
        now.monotonic_ms += 1;
    }
    now.wall_ms += std::max<std::int64_t>(end - now.monotonic_ms, 0);
    now.monotonic_ms = std::max(end, now.monotonic_ms);
  }
  // One member of its own, Stable.
  std::string stable_with_one() {
    const RequestId request = join("");
    pass(3000);
    const auto answer = joined(request);
    EXPECT_TRUE(answer);
    const RequestId wait = sync(answer->member_id, {{answer->member_id, bytes("all")}});
    end_store();
    EXPECT_EQ(synced(wait)->assignment, bytes("all"));
    EXPECT_EQ(group.state(), stable);
    return answer->member_id;
  }
  ErrorCode beat(const std::string& member, std::optional<std::string> instance = std::nullopt) {
    return group.heartbeat({member, std::move(instance), group.generation()}, now);
  }
};

TEST(Group, OneMember) {
  Bench b;
  EXPECT_EQ(b.group.state(), empty);
  const RequestId request = b.join("");
  EXPECT_EQ(b.group.state(), preparing_rebalance);
  b.pass(2999);
  EXPECT_FALSE(b.joined(request));
  b.pass(1);
  auto answer = b.joined(request);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error, ErrorCode::none);
  EXPECT_EQ(answer->generation, 1);
  EXPECT_EQ(answer->leader, answer->member_id);
  EXPECT_EQ(answer->protocol, "range");
  EXPECT_EQ(answer->protocol_type, "consumer");
  ASSERT_EQ(answer->members.size(), 1U);
  EXPECT_EQ(answer->members[0].metadata, bytes("meta-range"));
  EXPECT_EQ(b.group.state(), completing_rebalance);
  const std::string id = answer->member_id;
  const RequestId wait = b.sync(id, {{id, bytes("a")}});
  EXPECT_FALSE(b.synced(wait)) << "answered before it was stored";
  auto store = b.store();
  ASSERT_TRUE(store);
  EXPECT_EQ(store->content.generation, 1);
  EXPECT_EQ(store->content.leader, id);
  ASSERT_EQ(store->content.members.size(), 1U);
  EXPECT_EQ(store->content.members[0].assignment, bytes("a"));
  EXPECT_EQ(store->content.members[0].subscription, bytes("meta-range"));
  b.group.on_stored(store->id, ErrorCode::none, b.now, b.effects);
  EXPECT_EQ(b.synced(wait)->assignment, bytes("a"));
  EXPECT_EQ(b.group.state(), stable);
}

TEST(Group, InitialDelayGrowsWithNewMembers) {
  Bench b;
  const RequestId first = b.join("");
  b.pass(2900);
  const RequestId second = b.join("");
  b.pass(200);
  EXPECT_FALSE(b.joined(first)) << "a new member extends the delay";
  b.pass(2900);
  ASSERT_TRUE(b.joined(first));
  EXPECT_TRUE(b.joined(second)->members.empty()) << "only the leader gets the members";
}

TEST(Group, InitialDelayEndsWithTheRebalanceTimeout) {
  Bench b;
  auto request = b.join_of("");
  request.rebalance_timeout_ms = 7000;
  const RequestId first = b.join(std::move(request));
  for (int i = 0; i < 3; ++i) {
    b.pass(2300);
    auto more = b.join_of("");
    more.rebalance_timeout_ms = 7000;
    b.join(std::move(more));
  }
  EXPECT_FALSE(b.joined(first));
  b.pass(100);
  EXPECT_TRUE(b.joined(first)) << "3000 + 3000 + 1000 ms";
}

TEST(Group, MemberIdRequired) {
  Bench b;
  auto request = b.join_of("");
  request.requires_known_member_id = true;
  auto answer = b.joined(b.join(std::move(request)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error, ErrorCode::member_id_required);
  EXPECT_EQ(b.group.state(), empty);
  EXPECT_EQ(b.group.pending_count(), 1U);
  const RequestId again = b.join(answer->member_id);
  EXPECT_EQ(b.group.pending_count(), 0U);
  b.pass(3000);
  EXPECT_EQ(b.joined(again)->member_id, answer->member_id);
}

TEST(Group, PendingMemberIsForgottenAfterItsSession) {
  Bench b;
  auto request = b.join_of("");
  request.requires_known_member_id = true;
  auto answer = b.joined(b.join(std::move(request)));
  b.pass(10000);
  EXPECT_EQ(b.group.pending_count(), 0U);
  EXPECT_EQ(b.joined(b.join(answer->member_id))->error, ErrorCode::unknown_member_id);
}

TEST(Group, PendingMemberHoldsTheRebalanceUp) {
  Bench b;
  const std::string one = b.stable_with_one();
  auto request = b.join_of("");
  request.requires_known_member_id = true;
  auto answer = b.joined(b.join(std::move(request)));
  const RequestId leader = b.join(one);  // the leader rebalances
  EXPECT_FALSE(b.joined(leader));
  b.join(answer->member_id);
  EXPECT_EQ(b.joined(leader)->members.size(), 2U);
}

TEST(Group, ErrorsOfJoin) {
  Bench b;
  auto no_type = b.join_of("");
  no_type.protocol_type.clear();
  EXPECT_EQ(b.joined(b.join(std::move(no_type)))->error, ErrorCode::inconsistent_group_protocol);
  EXPECT_EQ(b.joined(b.join(b.join_of("", {})))->error, ErrorCode::inconsistent_group_protocol);
  EXPECT_EQ(b.joined(b.join("nobody"))->error, ErrorCode::unknown_member_id);
  const std::string one = b.stable_with_one();
  auto other_type = b.join_of("");
  other_type.protocol_type = "connect";
  EXPECT_EQ(b.joined(b.join(std::move(other_type)))->error, ErrorCode::inconsistent_group_protocol);
  EXPECT_EQ(b.joined(b.join(b.join_of("", {"sticky"})))->error,
            ErrorCode::inconsistent_group_protocol);
  EXPECT_EQ(b.joined(b.join("nobody"))->error, ErrorCode::unknown_member_id);
  EXPECT_EQ(b.group.state(), stable) << "nothing half done";
  EXPECT_EQ(b.beat(one), ErrorCode::none);
}

TEST(Group, ProtocolByVotes) {
  Bench b;
  const RequestId first = b.join(b.join_of("", {"range", "roundrobin", "sticky"}));
  b.join(b.join_of("", {"roundrobin", "range"}));
  b.join(b.join_of("", {"none-other", "roundrobin", "range"}));
  b.pass(6000);
  EXPECT_EQ(b.joined(first)->protocol, "roundrobin");
}

TEST(Group, RepeatedProtocolNames) {
  Bench b;
  auto request = b.join_of("", {"range"});
  request.protocols.push_back({"range", bytes("second")});
  const RequestId id = b.join(std::move(request));
  b.pass(3000);
  EXPECT_EQ(b.joined(id)->members.at(0).metadata, bytes("meta-range"));
}

TEST(Group, SizeLimit) {
  Bench b;
  b.settings.size_max = 1;
  b.stable_with_one();
  auto answer = b.joined(b.join(""));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error, ErrorCode::group_max_size_reached);
  EXPECT_EQ(answer->member_id, "");
  EXPECT_EQ(b.group.member_count(), 1U);
}

TEST(Group, RejoinInStable) {
  Bench b;
  const std::string leader = b.stable_with_one();
  const RequestId follower_request = b.join("");
  EXPECT_EQ(b.beat(leader), ErrorCode::rebalance_in_progress);
  const RequestId leader_request = b.join(leader);
  auto follower = b.joined(follower_request);
  ASSERT_TRUE(follower) << "all members are there";
  EXPECT_EQ(follower->leader, leader);
  EXPECT_EQ(b.joined(leader_request)->generation, 2);
  const RequestId wait = b.sync(follower->member_id);
  b.sync(leader, {{follower->member_id, bytes("f")}});
  b.end_store();
  EXPECT_EQ(b.synced(wait)->assignment, bytes("f"));
  // A follower that has not changed is told what is; a changed one rebalances.
  EXPECT_EQ(b.joined(b.join(follower->member_id))->generation, 2);
  EXPECT_EQ(b.group.state(), stable);
  b.join(b.join_of(follower->member_id, {"range", "sticky"}));
  EXPECT_EQ(b.group.state(), preparing_rebalance);
}

TEST(Group, RejoinInCompletingRebalance) {
  Bench b;
  const RequestId request = b.join("");
  b.pass(3000);
  const std::string id = b.joined(request)->member_id;
  auto again = b.joined(b.join(id));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->generation, 1);
  EXPECT_EQ(again->members.size(), 1U);
  auto changed = b.joined(b.join(b.join_of(id, {"range", "sticky"})));
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->generation, 2);
}

TEST(Group, NewerRequestReplacesTheOlder) {
  Bench b;
  const std::string one = b.stable_with_one();
  const RequestId first = b.join("");
  const std::string other = "new-" + std::to_string(first);
  const RequestId second = b.join(other);
  EXPECT_EQ(b.joined(first)->error, ErrorCode::rebalance_in_progress);
  EXPECT_FALSE(b.joined(second));
  const RequestId leader = b.join(one);
  EXPECT_TRUE(b.joined(leader));
  EXPECT_TRUE(b.joined(second));
  const RequestId wait = b.sync(other);
  const RequestId again = b.sync(other);
  EXPECT_EQ(b.synced(wait)->error, ErrorCode::rebalance_in_progress);
  EXPECT_FALSE(b.synced(again));
}

TEST(Group, SlowMembersAreLeftBehind) {
  Bench b;
  const std::string one = b.stable_with_one();
  const RequestId other = b.join("");
  for (int i = 0; i < 11; ++i) {
    b.pass(5000);
    EXPECT_EQ(b.beat(one), ErrorCode::rebalance_in_progress);
  }
  EXPECT_FALSE(b.joined(other));
  b.pass(5000);
  auto answer = b.joined(other);
  ASSERT_TRUE(answer) << "the rebalance time-out of 60 s";
  EXPECT_EQ(answer->leader, answer->member_id);
  EXPECT_EQ(b.beat(one), ErrorCode::unknown_member_id);
}

TEST(Group, SessionExpiry) {
  Bench b;
  const std::string one = b.stable_with_one();
  b.pass(9999);
  EXPECT_EQ(b.beat(one), ErrorCode::none);
  b.pass(9999);
  EXPECT_EQ(b.group.state(), stable);
  b.pass(1);
  EXPECT_EQ(b.group.state(), empty);
  EXPECT_EQ(b.group.generation(), 2);
  auto store = b.store();
  ASSERT_TRUE(store);
  EXPECT_TRUE(store->content.members.empty());
  EXPECT_EQ(store->content.protocol_type, "consumer");
  EXPECT_EQ(store->content.protocol, std::nullopt);
  EXPECT_EQ(store->content.leader, std::nullopt);
}

TEST(Group, WaitingMembersNeedNoHeartbeat) {
  Bench b;
  const std::string leader = b.stable_with_one();
  const RequestId other = b.join("");
  const RequestId own = b.join(leader);
  const std::string follower = b.joined(other)->member_id;
  ASSERT_TRUE(b.joined(own));
  const RequestId wait = b.sync(follower);
  for (int i = 0; i < 5; ++i) {
    b.pass(8000);
    EXPECT_EQ(b.beat(leader), ErrorCode::none);
  }
  EXPECT_FALSE(b.synced(wait)) << "still waits";
  b.sync(leader, {});
  b.end_store();
  EXPECT_EQ(b.synced(wait)->error, ErrorCode::none);
  b.pass(9999);
  EXPECT_EQ(b.beat(follower), ErrorCode::none);
}

TEST(Group, NewMembersDoNotWaitForEver) {
  Bench b;
  const std::string one = b.stable_with_one();
  auto slow = b.join_of(one, {"range", "sticky"});
  slow.rebalance_timeout_ms = 3'600'000;
  slow.session_timeout_ms = 1'800'000;
  const RequestId first = b.join(std::move(slow));
  b.sync(one, {});
  ASSERT_TRUE(b.joined(first));
  b.end_store();
  const RequestId other = b.join("");
  b.pass(299'999);
  EXPECT_FALSE(b.joined(other));
  b.pass(1);
  EXPECT_EQ(b.joined(other)->error, ErrorCode::unknown_member_id);
}

TEST(Group, NoSyncNoMember) {
  Bench b;
  const std::string leader = b.stable_with_one();
  const RequestId other = b.join("");
  b.join(leader);
  const std::string follower = b.joined(other)->member_id;
  b.sync(leader, {});
  b.end_store();
  for (int i = 0; i < 12; ++i) {
    b.pass(4999);
    EXPECT_EQ(b.beat(leader), ErrorCode::none);
    EXPECT_EQ(b.beat(follower), ErrorCode::none);
  }
  b.pass(12);
  EXPECT_EQ(b.beat(follower), ErrorCode::unknown_member_id);
  EXPECT_EQ(b.group.state(), preparing_rebalance);
}

TEST(Group, ErrorsOfSync) {
  Bench b;
  const RequestId request = b.join("");
  EXPECT_EQ(b.synced(b.sync("nobody"))->error, ErrorCode::unknown_member_id);
  const std::string waiting = "new-1";
  EXPECT_EQ(b.synced(b.sync(waiting))->error, ErrorCode::rebalance_in_progress);
  b.pass(3000);
  ASSERT_TRUE(b.joined(request));
  SyncRequest old;
  old.request = 99;
  old.member = {waiting, std::nullopt, 0};
  b.group.sync(old, b.now, b.effects);
  EXPECT_EQ(b.synced(99)->error, ErrorCode::illegal_generation);
  old.member.generation = 1;
  old.protocol = "sticky";
  b.group.sync(old, b.now, b.effects);
  EXPECT_EQ(b.synced(99)->error, ErrorCode::inconsistent_group_protocol);
  old.protocol = "range";
  old.protocol_type = "connect";
  b.group.sync(old, b.now, b.effects);
  EXPECT_EQ(b.synced(99)->error, ErrorCode::inconsistent_group_protocol);
}

TEST(Group, AFailedStoreRebalances) {
  Bench b;
  const RequestId request = b.join("");
  b.pass(3000);
  const std::string id = b.joined(request)->member_id;
  const RequestId wait = b.sync(id, {{id, bytes("a")}});
  b.end_store(ErrorCode::coordinator_not_available);
  auto answer = b.synced(wait);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error, ErrorCode::coordinator_not_available);
  EXPECT_TRUE(answer->assignment.empty());
  EXPECT_EQ(b.group.state(), preparing_rebalance);
}

TEST(Group, AStoreOfAnOldGenerationChangesNothing) {
  Bench b;
  const RequestId request = b.join("");
  b.pass(3000);
  const std::string id = b.joined(request)->member_id;
  const RequestId wait = b.sync(id, {{id, bytes("old")}});
  auto store = b.store();
  auto again = b.joined(b.join(b.join_of(id, {"range", "sticky"})));
  EXPECT_EQ(b.synced(wait)->error, ErrorCode::rebalance_in_progress);
  EXPECT_EQ(again->generation, 2);
  b.group.on_stored(store->id, ErrorCode::none, b.now, b.effects);
  EXPECT_EQ(b.group.state(), completing_rebalance);
}

TEST(Group, Leave) {
  Bench b;
  const std::string one = b.stable_with_one();
  const std::vector<LeavingMember> foreign{{"nobody", std::nullopt, ""}, {"", "who", ""}};
  EXPECT_EQ(b.group.leave(foreign, b.now, b.effects), std::vector(2, ErrorCode::unknown_member_id));
  EXPECT_EQ(b.group.state(), stable);
  const std::vector<LeavingMember> own{{one, std::nullopt, "tired"}};
  EXPECT_EQ(b.group.leave(own, b.now, b.effects), std::vector{ErrorCode::none});
  EXPECT_EQ(b.group.state(), empty);
  EXPECT_EQ(b.group.leave(own, b.now, b.effects), std::vector{ErrorCode::unknown_member_id});
}

TEST(Group, LeaveAnswersAWaitingJoin) {
  Bench b;
  b.stable_with_one();
  const RequestId other = b.join("");
  const std::vector<LeavingMember> leaving{{"new-" + std::to_string(other), std::nullopt, ""}};
  EXPECT_EQ(b.group.leave(leaving, b.now, b.effects), std::vector{ErrorCode::none});
  EXPECT_EQ(b.joined(other)->error, ErrorCode::unknown_member_id);
}

struct StaticBench : Bench {
  std::string leader;
  std::string follower;

  JoinRequest static_join(const std::string& member, const std::string& instance) {
    auto request = join_of(member);
    request.instance_id = instance;
    request.can_skip_assignment = true;
    return request;
  }
  // Two static members, "one" leads, Stable.
  StaticBench() {
    const RequestId first = join(static_join("", "one"));
    const RequestId second = join(static_join("", "two"));
    pass(6000);
    leader = joined(first)->member_id;
    follower = joined(second)->member_id;
    sync(leader, {{leader, bytes("l")}, {follower, bytes("f")}}, "one");
    end_store();
    sync(follower, {}, "two");
    effects.clear();
    EXPECT_EQ(group.state(), stable);
  }
};

TEST(StaticMember, StartsAnewWithoutARebalance) {
  StaticBench b;
  const RequestId again = b.join(b.static_join("", "two"));
  EXPECT_FALSE(b.joined(again)) << "answered before it was stored";
  b.end_store();
  auto answer = b.joined(again);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->generation, 1);
  EXPECT_EQ(answer->leader, b.leader);
  EXPECT_FALSE(answer->skip_assignment);
  EXPECT_EQ(b.group.state(), stable);
  EXPECT_EQ(b.beat(b.follower, "two"), ErrorCode::fenced_instance_id);
  EXPECT_EQ(b.beat(b.follower), ErrorCode::unknown_member_id);
  EXPECT_EQ(b.beat(answer->member_id, "two"), ErrorCode::none);
  EXPECT_EQ(b.synced(b.sync(answer->member_id, {}, "two"))->assignment, bytes("f"));
}

TEST(StaticMember, ALeaderThatStartsAnew) {
  StaticBench b;
  const RequestId again = b.join(b.static_join("", "one"));
  b.end_store();
  auto answer = b.joined(again);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->skip_assignment);
  EXPECT_EQ(answer->leader, answer->member_id);
  EXPECT_EQ(answer->members.size(), 2U);
  auto old_client = b.static_join("", "one");
  old_client.can_skip_assignment = false;
  const RequestId third = b.join(std::move(old_client));
  b.end_store();
  auto older = b.joined(third);
  EXPECT_FALSE(older->skip_assignment);
  EXPECT_EQ(older->leader, answer->member_id) << "its own old id, so that it follows";
  EXPECT_TRUE(older->members.empty());
}

TEST(StaticMember, AFailedStoreBringsTheOldIdBack) {
  StaticBench b;
  const RequestId again = b.join(b.static_join("", "two"));
  b.end_store(ErrorCode::not_coordinator);
  auto answer = b.joined(again);
  EXPECT_EQ(answer->error, ErrorCode::not_coordinator);
  EXPECT_EQ(answer->member_id, "");
  EXPECT_EQ(b.beat(b.follower, "two"), ErrorCode::none);
}

TEST(StaticMember, Fencing) {
  StaticBench b;
  EXPECT_EQ(b.joined(b.join(b.static_join("impostor", "two")))->error,
            ErrorCode::fenced_instance_id);
  EXPECT_EQ(b.joined(b.join(b.static_join(b.follower, "three")))->error,
            ErrorCode::unknown_member_id);
  EXPECT_EQ(b.synced(b.sync("impostor", {}, "two"))->error, ErrorCode::fenced_instance_id);
  EXPECT_EQ(b.group.validate_offset_commit({"impostor", "two", 1}), ErrorCode::fenced_instance_id);
  const std::vector<LeavingMember> leaving{
      {"impostor", "two", ""}, {b.follower, "three", ""}, {"", "two", "by an administrator"}};
  EXPECT_EQ(
      b.group.leave(leaving, b.now, b.effects),
      (std::vector{ErrorCode::fenced_instance_id, ErrorCode::unknown_member_id, ErrorCode::none}));
  EXPECT_EQ(b.group.state(), preparing_rebalance);
}

TEST(StaticMember, AWaitingJoinIsFenced) {
  StaticBench b;
  const RequestId leader_waits = b.join(b.static_join(b.leader, "one"));
  const RequestId other = b.join(b.static_join("", "one"));
  EXPECT_EQ(b.joined(leader_waits)->error, ErrorCode::fenced_instance_id);
  b.join(b.static_join(b.follower, "two"));
  EXPECT_EQ(b.joined(other)->generation, 2);
}

TEST(StaticMember, InCompletingRebalanceItRebalances) {
  StaticBench b;
  const RequestId one = b.join(b.static_join(b.leader, "one"));
  b.join(b.static_join(b.follower, "two"));
  ASSERT_TRUE(b.joined(one));
  EXPECT_EQ(b.group.state(), completing_rebalance);
  const RequestId waiting = b.sync(b.leader, {}, "one");
  b.join(b.static_join("", "two"));
  EXPECT_EQ(b.synced(waiting)->error, ErrorCode::rebalance_in_progress);
  EXPECT_EQ(b.group.state(), preparing_rebalance);
}

TEST(StaticMember, KeepsItsPlaceWhileItsSessionLasts) {
  StaticBench b;
  const RequestId leader_waits = b.join(b.static_join(b.leader, "one"));
  b.pass(9999);
  EXPECT_FALSE(b.joined(leader_waits)) << "the other may come back";
  b.pass(1);
  EXPECT_EQ(b.joined(leader_waits)->members.size(), 1U);
}

TEST(Group, CommitsOfMembers) {
  Bench b;
  const MemberClaim nobody{"", std::nullopt, -1};
  EXPECT_EQ(b.group.validate_offset_commit(nobody), ErrorCode::none) << "Empty";
  const RequestId request = b.join("");
  b.pass(3000);
  const std::string id = b.joined(request)->member_id;
  EXPECT_EQ(b.group.validate_offset_commit({id, std::nullopt, 1}),
            ErrorCode::rebalance_in_progress);
  b.sync(id, {});
  b.end_store();
  EXPECT_EQ(b.group.validate_offset_commit(nobody), ErrorCode::unknown_member_id);
  EXPECT_EQ(b.group.validate_offset_commit({id, std::nullopt, 1}), ErrorCode::none);
  EXPECT_EQ(b.group.validate_offset_commit({id, std::nullopt, 2}), ErrorCode::illegal_generation);
  EXPECT_EQ(b.group.validate_offset_commit({"other", std::nullopt, 1}),
            ErrorCode::unknown_member_id);
  for (int i = 0; i < 4; ++i) {
    b.pass(9000);
    b.group.note_offset_commit(id, b.now);
  }
  EXPECT_EQ(b.beat(id), ErrorCode::none);
}

TEST(Group, Restored) {
  StaticBench b;
  const StoredGroup stored = b.group.content();
  Effects out;
  Group restored(b.settings, stored, b.now, out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(restored.state(), stable);
  EXPECT_EQ(restored.content(), stored);
  EXPECT_EQ(restored.heartbeat({b.leader, "one", 1}, b.now), ErrorCode::none);
  EXPECT_EQ(restored.next_deadline_ms(), b.now.monotonic_ms + 10000);
  GroupSettings small = b.settings;
  small.size_max = 1;
  Group too_large(small, stored, b.now, out);
  EXPECT_EQ(too_large.state(), preparing_rebalance);
}

TEST(Group, RestoredFromDamagedContent) {
  StoredGroup stored;
  stored.protocol_type = "consumer";
  stored.leader = "not there";
  stored.members.resize(2);
  stored.members[0].member_id = stored.members[1].member_id = "same";
  stored.members[0].session_timeout_ms = 10000;
  Bench b;
  b.group = Group(b.settings, stored, b.now, b.effects);
  EXPECT_EQ(b.group.member_count(), 1U);
  EXPECT_EQ(b.joined(b.join("same"))->error, ErrorCode::inconsistent_group_protocol);
  b.pass(10000);
  EXPECT_EQ(b.group.state(), empty);
}

TEST(Group, Stop) {
  Bench b;
  const RequestId request = b.join("");
  b.group.stop(ErrorCode::not_coordinator, b.effects);
  EXPECT_EQ(b.joined(request)->error, ErrorCode::not_coordinator);
  EXPECT_EQ(b.joined(b.join(""))->error, ErrorCode::coordinator_not_available);
  EXPECT_EQ(b.beat("x"), ErrorCode::coordinator_not_available);
  EXPECT_EQ(b.group.next_deadline_ms(), std::nullopt);
}

TEST(Group, SubscribedTopics) {
  Bench b;
  EXPECT_EQ(b.group.subscribed_topics(), std::nullopt);
  EXPECT_FALSE(b.group.is_subscribed_to("a"));
  auto request = b.join_of("");
  request.protocols[0].metadata = bytes(std::string_view("\0\1\0\0\0\2\0\1a\0\2bc\xff\xff", 15));
  b.join(std::move(request));
  b.pass(3000);
  EXPECT_TRUE(b.group.is_subscribed_to("a"));
  EXPECT_TRUE(b.group.is_subscribed_to("bc"));
  EXPECT_FALSE(b.group.is_subscribed_to("b"));
  b.join("");  // its metadata is no subscription
  b.pass(10'000);
  EXPECT_EQ(b.group.state(), completing_rebalance);
  EXPECT_EQ(b.group.subscribed_topics(), std::nullopt);
  EXPECT_TRUE(b.group.is_subscribed_to("anything")) << "not known";
}

TEST(Group, CheckJoin) {
  const GroupSettings settings;
  EXPECT_EQ(check_join("", 10000, settings), ErrorCode::invalid_group_id);
  for (const int bad : {-1, 0, 1, 5999, 1800001, 2147483647})
    EXPECT_EQ(check_join("g", bad, settings), ErrorCode::invalid_session_timeout);
  EXPECT_EQ(check_join("g", 6000, settings), ErrorCode::none);
}

}  // namespace
}  // namespace gregor::group
