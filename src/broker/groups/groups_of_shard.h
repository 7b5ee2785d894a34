// What the keeper of committed offsets asks of the groups that live on its shard: an interface, so
// that offsets can be kept without knowing how members come and go.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error_code.h"
#include "group/group_offsets.h"
#include "group/group_types.h"

namespace gregor::broker {

/// Groups as a partition of __consumer_offsets holds them, by id. nullopt: only offsets are there.
using LoadedGroups = std::map<std::string, std::optional<group::StoredGroup>, std::less<>>;

/// Thread: its shard. Groups are named together with their partition of __consumer_offsets.
class GroupsOfShard {
 public:
  virtual ~GroupsOfShard() = default;

  /// The partition has been loaded: these are its groups.
  virtual void take_over(std::int32_t partition, LoadedGroups groups) = 0;
  /// The partition is no longer led here: its groups end, all that wait are told not_coordinator.
  virtual void let_go(std::int32_t partition) = 0;

  [[nodiscard]] virtual bool exists(std::int32_t partition, std::string_view id) const = 0;
  /// Whether one more group may be made for a client (gregor.groups.max).
  [[nodiscard]] virtual bool has_room() const = 0;
  /// Makes a group without members if there is none of that id.
  virtual void ensure(std::int32_t partition, std::string_view id) = 0;
  /// The group has no members, no offsets, and its tombstone is written.
  virtual void remove(std::int32_t partition, std::string_view id) = 0;
  [[nodiscard]] virtual std::vector<std::string> ids(std::int32_t partition) const = 0;

  /// May this member, or a client that is none (generation -1, no member id), commit offsets? The
  /// group exists. A member that may is alive.
  /// @return none, coordinator_not_available, unknown_member_id, fenced_instance_id,
  /// illegal_generation, rebalance_in_progress
  [[nodiscard]] virtual ErrorCode check_commit(std::int32_t partition, std::string_view id,
                                               const group::MemberClaim& member) = 0;
  /// May offsets of this group be deleted? @return none, group_id_not_found, non_empty_group
  [[nodiscard]] virtual ErrorCode check_offset_delete(std::int32_t partition,
                                                      std::string_view id) const = 0;
  [[nodiscard]] virtual bool is_subscribed(std::int32_t partition, std::string_view id,
                                           std::string_view topic) const = 0;
  [[nodiscard]] virtual group::ExpiryFacts expiry_facts(std::int32_t partition,
                                                        std::string_view id) const = 0;
};

}  // namespace gregor::broker
