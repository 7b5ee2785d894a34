// GroupMember: a model consumer of a group: joins, assigns if it leads, sends heartbeats, commits
// and reads offsets; falls asleep, leaves, goes without a word, and commits for generations that
// have ended. Keeps its id over restarts of the broker, as real ones do. A static one starts anew
// under the same instance id, and its old process may still ask. OffsetKeeper: a client that
// commits without being a member.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/group_client.h"

namespace gregor::sim {

/// Thread: the clients' shard. Outlives its task.
class GroupMember {
 public:
  /// @param number  among the members of the group
  GroupMember(Fleet& fleet, const GroupPlan& plan, std::uint32_t number);
  runtime::Task<void> run();

 private:
  runtime::Task<void> use(ClientConnection::Pointer connection);
  // Steps; false: the connection is of no use any more, or the coordinator can't be asked.
  runtime::Task<bool> join(ClientConnection::Pointer connection);
  runtime::Task<bool> sync(ClientConnection::Pointer connection, std::vector<GroupPeer> members);
  runtime::Task<bool> live(ClientConnection::Pointer connection);
  runtime::Task<bool> beat(ClientConnection::Pointer connection);
  runtime::Task<bool> commit(ClientConnection::Pointer connection, bool is_late);
  runtime::Task<bool> fetch(ClientConnection::Pointer connection);
  runtime::Task<bool> leave(ClientConnection::Pointer connection);
  /// The process before this one asks for something. [G8]
  runtime::Task<bool> haunt(ClientConnection::Pointer connection);
  runtime::Task<void> pause(runtime::Duration length);
  [[nodiscard]] runtime::Duration draw_up_to(runtime::Duration longest);
  [[nodiscard]] std::map<GroupPeer, std::set<std::int32_t>> share_out(
      const std::vector<GroupPeer>& members);
  [[nodiscard]] protocol::ApiVersion draw(protocol::ApiVersion lowest,
                                          protocol::ApiVersion lowest_of_static,
                                          protocol::ApiVersion highest);
  [[nodiscard]] Claim claim() const { return {id_, generation_, instance_}; }
  [[nodiscard]] const std::string& owner() const { return instance_ ? *instance_ : id_; }
  void note_joined(const Joined& joined, runtime::Instant sent);
  bool take_error(std::string_view request, ErrorCode error);
  void note_life(runtime::Instant sent);
  void start_anew();
  void restart();

  Fleet& fleet_;
  const GroupPlan& plan_;
  const std::optional<std::string> instance_;
  GroupClient client_;
  runtime::simulated::Prng numbers_;
  runtime::Duration session_timeout_;
  runtime::Duration rebalance_timeout_;
  runtime::Duration limit_{};  // so long it is known at least
  std::string id_;
  std::int32_t generation_ = -1;
  bool has_joined_ = false;    // and was assigned its partitions
  bool was_assigned_ = false;  // under this id
  std::set<std::int32_t> partitions_;
  std::optional<Claim> ghost_;  // of the process before this one
};

/// Thread: the clients' shard. Outlives its task.
class OffsetKeeper {
 public:
  OffsetKeeper(Fleet& fleet, const GroupPlan& plan);
  runtime::Task<void> run();

 private:
  runtime::Task<void> use(ClientConnection::Pointer connection);

  Fleet& fleet_;
  const GroupPlan& plan_;
  GroupClient client_;
  runtime::simulated::Prng numbers_;
};

}  // namespace gregor::sim
