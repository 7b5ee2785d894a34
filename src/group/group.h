// One classic consumer group: who is a member, who leads, which generation it is in and what is
// assigned to whom. No I/O, no clock: requests and the time in, answers and effects out. The glue
// is broker/groups/; committed offsets are not its business.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "group/group_types.h"
#include "group/member.h"

namespace gregor::group {

/// Settings of all groups of a broker; may change while groups live.
struct GroupSettings {
  std::int32_t initial_rebalance_delay_ms = 3000;
  std::int32_t size_max = std::numeric_limits<std::int32_t>::max();
  std::int32_t session_timeout_min_ms = 6000;
  std::int32_t session_timeout_max_ms = 1800000;
};

/// What can be refused before a group is looked for. @return none, invalid_group_id,
/// invalid_session_timeout
[[nodiscard]] ErrorCode check_join(std::string_view group_id, std::int32_t session_timeout_ms,
                                   const GroupSettings& settings);

/// Thread:    one owner; no call from within another.
/// Invariant: a member is in exactly one of: members, pending (has been given an id, has not come
///            with it yet). Each join and sync is answered exactly once, at the latest by stop().
///            Nobody is kept beyond his time-outs, given that on_time is called at
///            next_deadline_ms.
/// Source:    KIP-62, KIP-134 (initial delay), KIP-345 (static members), KIP-394 (member id
///            required), KIP-800 (reasons), KIP-814 (skip assignment); the behaviour of Apache
///            Kafka 4.1.1.
class Group {
 public:
  /// A new group: Empty, generation 0, no protocol type.
  Group(const GroupSettings& settings, Moment now);
  /// A group as it was stored. Members have their whole session time-out from now on; if there are
  /// more than size_max, a rebalance begins.
  Group(const GroupSettings& settings, const StoredGroup& stored, Moment now, Effects& out);

  // Requests

  void join(JoinRequest request, Moment now, Effects& out);
  void sync(SyncRequest request, Moment now, Effects& out);
  /// @return none, coordinator_not_available, unknown_member_id, fenced_instance_id,
  /// illegal_generation, rebalance_in_progress
  [[nodiscard]] ErrorCode heartbeat(const MemberClaim& member, Moment now);
  /// @return per member, in order: none, unknown_member_id, fenced_instance_id,
  /// coordinator_not_available
  [[nodiscard]] std::vector<ErrorCode> leave(std::span<const LeavingMember> leaving, Moment now,
                                             Effects& out);
  /// Whether `member` may commit offsets (generation -1 and member id "": one that is no member).
  /// @return none, coordinator_not_available, unknown_member_id, fenced_instance_id,
  /// illegal_generation, rebalance_in_progress
  [[nodiscard]] ErrorCode validate_offset_commit(const MemberClaim& member,
                                                 bool is_transactional = false) const;
  /// A commit that was accepted keeps its member alive like a heartbeat.
  void note_offset_commit(std::string_view member_id, Moment now);
  /// @return none, non_empty_group, group_id_not_found (dead)
  [[nodiscard]] ErrorCode validate_delete() const;

  // Events

  /// What became of effect::Store `id`. Errors other than `none` are those that clients may see.
  void on_stored(StoreId id, ErrorCode error, Moment now, Effects& out);
  /// To be called when next_deadline_ms() has passed; at other times it does nothing.
  void on_time(Moment now, Effects& out);
  /// Monotonic; never later than the next thing to happen, possibly earlier. nullopt: nothing.
  [[nodiscard]] std::optional<std::int64_t> next_deadline_ms() const;
  /// Dead from now on; all that wait are answered with `error` (not_coordinator when the partition
  /// is led by another broker, coordinator_not_available when the group is deleted).
  void stop(ErrorCode error, Effects& out);

  // What it is

  [[nodiscard]] GroupState state() const { return state_; }
  /// Since when it is in this state, wall-clock. For offset expiry in state empty.
  [[nodiscard]] std::int64_t state_since_ms() const { return state_since_ms_; }
  [[nodiscard]] bool is_empty() const { return state_ == GroupState::empty; }
  [[nodiscard]] std::int32_t generation() const { return generation_; }
  /// nullopt: no member has ever joined, only offsets were committed (a "simple" group).
  [[nodiscard]] const std::optional<std::string>& protocol_type() const { return protocol_type_; }
  [[nodiscard]] const std::optional<std::string>& protocol() const { return protocol_; }
  [[nodiscard]] const std::optional<std::string>& leader() const { return leader_; }
  [[nodiscard]] std::size_t member_count() const { return members_.size(); }
  [[nodiscard]] bool has_member(std::string_view id) const { return members_.contains(id); }
  [[nodiscard]] std::size_t pending_count() const { return pending_.size(); }
  [[nodiscard]] bool uses_consumer_protocol() const;
  /// Topics that members of this generation read; nullopt: not known (another protocol type, or a
  /// subscription that can't be read).
  [[nodiscard]] const std::optional<std::set<std::string, std::less<>>>& subscribed_topics() const {
    return subscribed_topics_;
  }
  /// Whether offsets of `topic` are in use; where the topics are not known: by any consumer group.
  [[nodiscard]] bool is_subscribed_to(std::string_view topic) const;
  /// What would be stored now.
  [[nodiscard]] StoredGroup content() const;
  [[nodiscard]] GroupDescription describe() const;

 private:
  using Members = std::map<std::string, Member, std::less<>>;

  // What is done when a store has ended.
  struct LeaderSynced {
    std::int32_t generation = 0;
    std::map<std::string, OwnedBytes, std::less<>> assignments;
    std::string leader;
  };
  struct StaticReplaced {
    RequestId request = 0;
    std::string old_id;
    std::string new_id;
    std::string old_leader;
    bool can_skip_assignment = false;
    std::vector<Protocol> old_protocols;
    std::int32_t old_rebalance_timeout_ms = 0;
    std::int32_t old_session_timeout_ms = 0;
  };
  struct Emptied {};
  using Pending = std::variant<LeaderSynced, StaticReplaced, Emptied>;

  // Joining
  void join_new(JoinRequest& request, Moment now, Effects& out);
  void join_known(JoinRequest& request, Moment now, Effects& out);
  void rejoin(Member& member, JoinRequest& request, Moment now, Effects& out);
  void add_member(JoinRequest& request, const std::string& id, Moment now, Effects& out);
  void update_member(Member& member, JoinRequest& request, Effects& out);
  void replace_static(const std::string& old_id, JoinRequest& request, Moment now, Effects& out);
  Member& rename_static(const std::string& old_id, const std::string& new_id, Effects& out);
  void store_replaced(StaticReplaced replaced, Effects& out);
  [[nodiscard]] bool accepts(const JoinRequest& request) const;
  [[nodiscard]] bool supports(const JoinRequest& request) const;
  [[nodiscard]] JoinAnswer current_answer(const Member& member, bool with_members) const;

  // Rebalances
  void rebalance(const std::string& reason, Moment now, Effects& out);
  void prepare_rebalance(const std::string& reason, Moment now, Effects& out);
  void complete_join_if_all_are_here(Moment now, Effects& out);
  void extend_or_complete_initial(Moment now, Effects& out);
  void complete_join(Moment now, Effects& out);
  void begin_generation(Moment now, Effects& out);
  bool elect_leader();
  void set_state(GroupState state, Moment now);
  void compute_subscribed_topics();
  [[nodiscard]] std::string choose_protocol() const;
  [[nodiscard]] bool all_have_joined() const;
  [[nodiscard]] std::int64_t rebalance_timeout_ms() const;

  // Syncing
  void sync_of_leader(SyncRequest& request, Effects& out);
  void end_sync(const LeaderSynced& synced, ErrorCode error, Moment now, Effects& out);
  void end_replacement(const StaticReplaced& replaced, ErrorCode error, Moment now, Effects& out);
  void refuse_syncs(ErrorCode error, Moment now, Effects& out);
  [[nodiscard]] ErrorCode validate_sync(const SyncRequest& request) const;

  // Members
  [[nodiscard]] ErrorCode validate_member(const MemberClaim& member) const;
  [[nodiscard]] bool is_leader(std::string_view id) const { return leader_ && *leader_ == id; }
  void remove_member(const std::string& id, ErrorCode error, Effects& out);
  void expire_member(const std::string& id, Moment now, Effects& out);
  void expire_sync(Moment now, Effects& out);
  void count_protocols(const Member& member, int change);
  void answer_join(Member& member, JoinAnswer answer, Effects& out);
  void answer_sync(Member& member, SyncAnswer answer, Effects& out);
  void keep_alive(Member& member, Moment now);
  void note_deadline(std::int64_t deadline_ms);
  void find_next_deadline();
  void fill(StoredGroup& content,
            const std::map<std::string, OwnedBytes, std::less<>>* assignments) const;

  const GroupSettings* settings_;
  GroupState state_ = GroupState::empty;
  GroupState previous_ = GroupState::dead;
  std::int64_t state_since_ms_ = 0;
  std::int32_t generation_ = 0;
  std::optional<std::string> protocol_type_;
  std::optional<std::string> protocol_;
  std::optional<std::string> leader_;
  Members members_;
  std::map<std::string, std::string, std::less<>> static_members_;   // instance id -> member id
  std::map<std::string, std::int64_t, std::less<>> pending_;         // member id -> deadline
  std::map<std::string, std::size_t, std::less<>> protocol_counts_;  // how many members know it
  std::set<std::string, std::less<>> not_synced_;  // of this generation, have not sent SyncGroup
  std::size_t waiting_joins_ = 0;
  std::uint64_t members_added_ = 0;  // gives members their order
  std::optional<std::set<std::string, std::less<>>> subscribed_topics_;

  std::optional<std::int64_t> join_deadline_ms_;
  bool join_is_initial_ = false;
  bool initial_has_new_member_ = false;
  std::int64_t initial_delay_ms_ = 0;
  std::int64_t initial_remaining_ms_ = 0;
  std::optional<std::int64_t> sync_deadline_ms_;
  std::optional<std::int64_t> next_deadline_ms_;

  StoreId last_store_ = 0;
  std::map<StoreId, Pending> stores_;
};

}  // namespace gregor::group
