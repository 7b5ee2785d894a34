// What goes into a group and what comes out of it: requests, answers, the content that is stored,
// effects. The rules are in group.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error_code.h"

namespace gregor::group {

/// Metadata and assignments of members: opaque to the group.
using OwnedBytes = std::vector<std::byte>;

/// When something happens: monotonic for deadlines, wall-clock for what is stored.
struct Moment {
  std::int64_t monotonic_ms = 0;
  std::int64_t wall_ms = 0;
};

/// Names a JoinGroup or SyncGroup that waits for its answer; given by the caller, never 0.
using RequestId = std::uint64_t;
/// Names an effect::Store of one group; never 0.
using StoreId = std::uint64_t;

enum class GroupState { empty, preparing_rebalance, completing_rebalance, stable, dead };

/// As clients see it: "PreparingRebalance", ...
[[nodiscard]] std::string_view state_name(GroupState state);

/// A protocol that a member knows, e.g. "range", with its metadata (for consumers a subscription).
struct Protocol {
  std::string name;
  OwnedBytes metadata;
  friend bool operator==(const Protocol&, const Protocol&) = default;
};

// What is stored

/// A member as it is stored. Source: the record format of __consumer_offsets, GroupMetadataValue.
struct StoredMember {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  std::int32_t rebalance_timeout_ms = -1;  ///< -1 = not stored (version 0): the session time-out
  std::int32_t session_timeout_ms = 0;
  OwnedBytes subscription;  ///< its metadata for the chosen protocol
  OwnedBytes assignment;
  friend bool operator==(const StoredMember&, const StoredMember&) = default;
};

/// A group as it is stored: always Empty (no members) or Stable.
struct StoredGroup {
  std::string protocol_type;
  std::int32_t generation = 0;
  std::optional<std::string> protocol;
  std::optional<std::string> leader;
  std::int64_t state_since_ms = -1;  ///< wall-clock; -1 = not stored (versions 0 and 1)
  std::vector<StoredMember> members;
  friend bool operator==(const StoredGroup&, const StoredGroup&) = default;
};

// Requests and answers

/// A JoinGroup. Session time-out and group id are checked before (check_join).
struct JoinRequest {
  RequestId request = 0;
  std::string member_id;      ///< "" = a new member, or a static one that has started anew
  std::string new_member_id;  ///< the id that a new member gets
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  std::string protocol_type;
  std::vector<Protocol> protocols;  ///< in the order of preference; of equal names the first counts
  std::int32_t session_timeout_ms = 0;
  std::int32_t rebalance_timeout_ms = 0;
  bool requires_known_member_id = false;  ///< versions 4+: a new dynamic member has to come twice
  bool can_skip_assignment = false;       ///< versions 9+
  std::string reason;                     ///< of the client (KIP-800); "" = none given
};

struct JoinedMember {
  std::string member_id;
  std::optional<std::string> instance_id;
  OwnedBytes metadata;
  friend bool operator==(const JoinedMember&, const JoinedMember&) = default;
};

struct JoinAnswer {
  ErrorCode error = ErrorCode::none;
  std::int32_t generation = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  std::string leader;
  bool skip_assignment = false;
  std::string member_id;
  std::vector<JoinedMember> members;  ///< for the leader only
};

struct MemberAssignment {
  std::string member_id;
  OwnedBytes assignment;
};

/// Who says to be a member, and of which generation.
struct MemberClaim {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::int32_t generation = -1;
};

struct SyncRequest {
  RequestId request = 0;
  MemberClaim member;
  std::optional<std::string> protocol_type;  ///< versions 5+
  std::optional<std::string> protocol;       ///< versions 5+
  std::vector<MemberAssignment> assignments;
};

struct SyncAnswer {
  ErrorCode error = ErrorCode::none;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  OwnedBytes assignment;
};

struct LeavingMember {
  std::string member_id;  ///< "" = the static member of this instance id
  std::optional<std::string> instance_id;
  std::string reason;
};

// For people and tools

struct DescribedMember {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  OwnedBytes metadata;
  OwnedBytes assignment;
};

struct GroupDescription {
  GroupState state = GroupState::dead;
  std::string protocol_type;
  std::string protocol;  ///< in Stable only, else ""
  std::vector<DescribedMember> members;
};

// Effects

namespace effect {

struct AnswerJoin {
  RequestId request = 0;
  JoinAnswer answer;
};
struct AnswerSync {
  RequestId request = 0;
  SyncAnswer answer;
};
/// Append this content durably, then call Group::on_stored with the id and how it went. Stores of
/// one group are to be performed and reported in their order.
struct Store {
  StoreId id = 0;
  StoredGroup content;
};
/// A rebalance has begun; for logs and figures.
struct RebalanceBegan {
  std::int32_t old_generation = 0;
  std::string reason;
};
/// All members have joined a new generation, or (`members` = 0) the group is empty.
struct RebalanceJoined {
  std::int32_t generation = 0;
  std::size_t members = 0;
};

}  // namespace effect

using Effect = std::variant<effect::AnswerJoin, effect::AnswerSync, effect::Store,
                            effect::RebalanceBegan, effect::RebalanceJoined>;
using Effects = std::vector<Effect>;

}  // namespace gregor::group
