// What model clients ask of a group's coordinator: thin calls over the protocol that own what they
// give back. What the answers mean is judged by whoever asked and by GroupHistory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/fleet.h"

namespace gregor::sim {

/// Partitions of the group's topic, as bytes of an assignment: our own format, the broker does not
/// look into it.
[[nodiscard]] std::vector<std::byte> encode_assignment(const std::set<std::int32_t>& partitions);
[[nodiscard]] std::set<std::int32_t> decode_assignment(ByteView bytes);

/// The coordinator can't be asked at the moment; it is asked again.
[[nodiscard]] bool is_passing(ErrorCode error);

/// A member as the leader is told of it, and as GroupHistory knows it: a static one keeps its name
/// over all ids that its processes get.
struct GroupPeer {
  std::string member;
  std::string owner;
  friend auto operator<=>(const GroupPeer&, const GroupPeer&) = default;
};

struct JoinOrder {
  std::string member;  ///< "": a new one, or a static one that has started anew
  std::optional<std::string> instance{};
  std::int32_t session_timeout_ms = 0;
  std::int32_t rebalance_timeout_ms = 0;
  protocol::ApiVersion version = 9;
};
struct Joined {
  ErrorCode error = ErrorCode::none;
  std::int32_t generation = -1;
  std::string member;
  std::vector<GroupPeer> members{};  ///< of the generation, for its leader if it is to assign
};
/// Who asks.
struct Claim {
  std::string member;
  std::int32_t generation = -1;
  std::optional<std::string> instance{};
};
struct SyncOrder {
  Claim claim;
  std::map<GroupPeer, std::set<std::int32_t>> assignments;
  protocol::ApiVersion version = 5;
};
struct Synced {
  ErrorCode error = ErrorCode::none;
  std::set<std::int32_t> partitions;
};
struct CommitOrder {
  Claim claim;
  std::set<std::int32_t> partitions;  ///< each gets an offset that it did not have before
  protocol::ApiVersion version = 9;
};

/// Thread: the clients' shard. Outlives its calls. All give nothing if there was no answer; answers
/// of JoinGroup and SyncGroup are waited for as long as the group's time-outs allow. [L4]
class GroupClient {
 public:
  GroupClient(Fleet& fleet, const GroupPlan& plan) : fleet_(fleet), plan_(plan) {}

  /// @return true once there is a coordinator
  runtime::Task<bool> find_coordinator(ClientConnection::Pointer connection);
  runtime::Task<std::optional<Joined>> join(ClientConnection::Pointer connection, JoinOrder order);
  runtime::Task<std::optional<Synced>> sync(ClientConnection::Pointer connection, SyncOrder order);
  runtime::Task<std::optional<ErrorCode>> beat(ClientConnection::Pointer connection, Claim claim,
                                               protocol::ApiVersion version);
  runtime::Task<std::optional<ErrorCode>> leave(ClientConnection::Pointer connection, Claim claim,
                                                protocol::ApiVersion version);
  /// Tells the history of each offset. @return of the first partition
  runtime::Task<std::optional<ErrorCode>> commit(ClientConnection::Pointer connection,
                                                 CommitOrder order);
  /// All offsets of the group, or those of some partitions. Tells the history.
  runtime::Task<std::optional<ErrorCode>> fetch(ClientConnection::Pointer connection,
                                                std::optional<std::set<std::int32_t>> partitions,
                                                protocol::ApiVersion version);
  /// How many members the group has.
  runtime::Task<std::optional<std::size_t>> count_members(ClientConnection::Pointer connection);

 private:
  [[nodiscard]] runtime::Duration wait_max() const;
  void take_commit(CommitNumber number, ErrorCode error);

  Fleet& fleet_;
  const GroupPlan& plan_;
};

}  // namespace gregor::sim
