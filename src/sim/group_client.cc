#include "sim/group_client.h"

#include <utility>

#include "protocol/describe_groups.h"
#include "protocol/find_coordinator.h"
#include "protocol/heartbeat.h"
#include "protocol/join_group.h"
#include "protocol/leave_group.h"
#include "protocol/offset_commit.h"
#include "protocol/offset_fetch.h"
#include "protocol/sync_group.h"

namespace gregor::sim {
namespace {

constexpr std::string_view protocol_type = "simulated";
constexpr std::string_view protocol_name = "random";
constexpr protocol::ApiVersion several_keys_version = 4;
constexpr protocol::ApiVersion several_members_version = 3;
constexpr protocol::ApiVersion named_protocol_version = 5;
constexpr protocol::ApiVersion several_groups_version = 8;

// It says that nothing was written.
bool is_refusal(ErrorCode error) {
  switch (error) {
    case ErrorCode::illegal_generation:
    case ErrorCode::unknown_member_id:
    case ErrorCode::fenced_instance_id:
    case ErrorCode::rebalance_in_progress:
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::group_id_not_found:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::vector<std::byte> encode_assignment(const std::set<std::int32_t>& partitions) {
  std::vector<std::byte> bytes(partitions.size() * sizeof(std::int32_t));
  std::byte* at = bytes.data();
  for (const std::int32_t partition : partitions) {
    store_be(at, partition);
    at += sizeof(std::int32_t);
  }
  return bytes;
}

std::set<std::int32_t> decode_assignment(ByteView bytes) {
  std::set<std::int32_t> partitions;
  for (; bytes.size() >= sizeof(std::int32_t); bytes = bytes.subspan(sizeof(std::int32_t)))
    partitions.insert(load_be<std::int32_t>(bytes.data()));
  return partitions;
}

bool is_passing(ErrorCode error) {
  return error == ErrorCode::coordinator_load_in_progress ||
         error == ErrorCode::coordinator_not_available || error == ErrorCode::not_coordinator;
}

runtime::Duration GroupClient::wait_max() const {
  return fleet_.settings().slack + fleet_.settings().initial_rebalance_delay +
         plan_.rebalance_timeout;
}

runtime::Task<bool> GroupClient::find_coordinator(ClientConnection::Pointer connection) {
  protocol::FindCoordinatorRequest request;
  request.coordinator_keys.push_back(plan_.name);
  auto reply = co_await fleet_.call<protocol::FindCoordinator>(
      connection, std::move(request), several_keys_version, fleet_.settings().slack);
  co_return reply && reply->body.coordinators.size() == 1 &&
      reply->body.coordinators[0].error_code == ErrorCode::none;
}

runtime::Task<std::optional<Joined>> GroupClient::join(ClientConnection::Pointer connection,
                                                       JoinOrder order) {
  protocol::JoinGroupRequest request;
  request.group_id = plan_.name;
  request.member_id = order.member;
  request.group_instance_id = order.instance;
  request.session_timeout_ms = order.session_timeout_ms;
  request.rebalance_timeout_ms = order.rebalance_timeout_ms;
  request.protocol_type = protocol_type;
  const std::vector<std::byte> metadata(8);
  request.protocols.push_back({protocol_name, ByteView(metadata)});
  auto reply = co_await fleet_.call<protocol::JoinGroup>(connection, std::move(request),
                                                         order.version, wait_max());
  if (!reply) co_return std::nullopt;
  Joined joined;
  joined.error = reply->body.error_code;
  joined.generation = reply->body.generation_id;
  joined.member = reply->body.member_id;
  // One that has started anew as a leader is told of the others, and that it has nothing to assign.
  if (reply->body.skip_assignment) co_return joined;
  for (const auto& member : reply->body.members) {
    const std::string_view owner = member.group_instance_id.value_or(member.member_id);
    joined.members.push_back({std::string(member.member_id), std::string(owner)});
  }
  co_return joined;
}

runtime::Task<std::optional<Synced>> GroupClient::sync(ClientConnection::Pointer connection,
                                                       SyncOrder order) {
  protocol::SyncGroupRequest request;
  request.group_id = plan_.name;
  request.member_id = order.claim.member;
  request.generation_id = order.claim.generation;
  request.group_instance_id = order.claim.instance;
  if (order.version >= named_protocol_version) {
    request.protocol_type = protocol_type;
    request.protocol_name = protocol_name;
  }
  std::map<std::string, std::vector<std::byte>> encoded;
  std::map<std::string, std::set<std::int32_t>> by_owner;
  for (const auto& [peer, partitions] : order.assignments) {
    encoded[peer.member] = encode_assignment(partitions);
    by_owner[peer.owner] = partitions;
  }
  for (const auto& [member, bytes] : encoded)
    request.assignments.push_back({member, ByteView(bytes)});
  if (!by_owner.empty())
    fleet_.groups().assign({plan_.name, order.claim.generation}, std::move(by_owner));
  auto reply = co_await fleet_.call<protocol::SyncGroup>(connection, std::move(request),
                                                         order.version, wait_max());
  if (!reply) co_return std::nullopt;
  co_return Synced{reply->body.error_code, decode_assignment(reply->body.assignment)};
}

runtime::Task<std::optional<ErrorCode>> GroupClient::beat(ClientConnection::Pointer connection,
                                                          Claim claim,
                                                          protocol::ApiVersion version) {
  protocol::HeartbeatRequest request;
  request.group_id = plan_.name;
  request.member_id = claim.member;
  request.generation_id = claim.generation;
  request.group_instance_id = claim.instance;
  auto reply = co_await fleet_.call<protocol::Heartbeat>(connection, std::move(request), version,
                                                         fleet_.settings().slack);
  if (!reply) co_return std::nullopt;
  co_return reply->body.error_code;
}

runtime::Task<std::optional<ErrorCode>> GroupClient::leave(ClientConnection::Pointer connection,
                                                           Claim claim,
                                                           protocol::ApiVersion version) {
  protocol::LeaveGroupRequest request;
  request.group_id = plan_.name;
  if (version >= several_members_version) {
    auto& leaving = request.members.emplace_back();
    leaving.member_id = claim.member;
    leaving.group_instance_id = claim.instance;
  } else {
    request.member_id = claim.member;
  }
  auto reply = co_await fleet_.call<protocol::LeaveGroup>(connection, std::move(request), version,
                                                          fleet_.settings().slack);
  if (!reply) co_return std::nullopt;
  co_return reply->body.members.empty() ? reply->body.error_code
                                        : reply->body.members[0].error_code;
}

void GroupClient::take_commit(CommitNumber number, ErrorCode error) {
  if (error == ErrorCode::none) {
    fleet_.groups().acknowledge(number);
    ++fleet_.counts().commits;
  } else if (is_refusal(error)) {
    fleet_.groups().refuse(number);
  }
}

runtime::Task<std::optional<ErrorCode>> GroupClient::commit(ClientConnection::Pointer connection,
                                                            CommitOrder order) {
  protocol::OffsetCommitRequest request;
  request.group_id = plan_.name;
  request.member_id = order.claim.member;
  request.generation_id_or_member_epoch = order.claim.generation;
  request.group_instance_id = order.claim.instance;
  auto& topic = request.topics.emplace_back();
  topic.name = plan_.topic;
  std::map<std::int32_t, CommitNumber> numbers;
  for (const std::int32_t partition : order.partitions) {
    SentCommit sent;
    sent.place = {plan_.name, partition};
    sent.offset = fleet_.groups().next_offset(sent.place);
    sent.generation = order.claim.generation;
    auto& row = topic.partitions.emplace_back();
    row.partition_index = partition;
    row.committed_offset = sent.offset;
    numbers[partition] = fleet_.groups().send(std::move(sent));
  }
  auto reply = co_await fleet_.call<protocol::OffsetCommit>(connection, std::move(request),
                                                            order.version, fleet_.settings().slack);
  if (!reply || reply->body.topics.size() != 1) co_return std::nullopt;
  std::optional<ErrorCode> first;
  for (const auto& row : reply->body.topics[0].partitions) {
    const auto number = numbers.find(row.partition_index);
    if (number == numbers.end()) co_return std::nullopt;
    if (!first) first = row.error_code;
    take_commit(number->second, row.error_code);
  }
  co_return first;
}

namespace {

struct FetchedOffsets {
  ErrorCode error = ErrorCode::none;
  std::map<std::int32_t, std::int64_t> offsets;  // -1: none
};

template <class Topics>
void take_rows(const Topics& topics, FetchedOffsets& fetched) {
  for (const auto& topic : topics) {
    for (const auto& row : topic.partitions) {
      if (row.error_code != ErrorCode::none) fetched.error = row.error_code;
      fetched.offsets[row.partition_index] = row.committed_offset;
    }
  }
}

FetchedOffsets open(const protocol::OffsetFetchResponse& response, protocol::ApiVersion version) {
  FetchedOffsets fetched;
  if (version < several_groups_version) {
    fetched.error = response.error_code;
    take_rows(response.topics, fetched);
  } else if (response.groups.size() == 1) {
    fetched.error = response.groups[0].error_code;
    take_rows(response.groups[0].topics, fetched);
  } else {
    fetched.error = ErrorCode::unknown_server_error;
  }
  return fetched;
}

protocol::OffsetFetchRequest make_fetch(const GroupPlan& plan,
                                        const std::optional<std::set<std::int32_t>>& partitions,
                                        protocol::ApiVersion version) {
  protocol::OffsetFetchRequest request;
  std::vector<std::int32_t> indexes;
  if (partitions) indexes.assign(partitions->begin(), partitions->end());
  if (version < several_groups_version) {
    request.group_id = plan.name;
    request.topics.reset();
    if (!partitions) return request;
    request.topics.emplace();
    request.topics->push_back({plan.topic, std::move(indexes)});
    return request;
  }
  auto& group = request.groups.emplace_back();
  group.group_id = plan.name;
  group.topics.reset();
  if (!partitions) return request;
  auto& topic = group.topics.emplace().emplace_back();
  topic.name = plan.topic;
  topic.partition_indexes = std::move(indexes);
  return request;
}

}  // namespace

runtime::Task<std::optional<ErrorCode>> GroupClient::fetch(
    ClientConnection::Pointer connection, std::optional<std::set<std::int32_t>> partitions,
    protocol::ApiVersion version) {
  const std::uint64_t mark = fleet_.groups().mark();
  protocol::OffsetFetchRequest request = make_fetch(plan_, partitions, version);
  auto reply = co_await fleet_.call<protocol::OffsetFetch>(connection, std::move(request), version,
                                                           fleet_.settings().slack);
  if (!reply) co_return std::nullopt;
  FetchedOffsets fetched = open(reply->body, version);
  if (fetched.error != ErrorCode::none) co_return fetched.error;
  for (std::int32_t partition = 0; partition < plan_.partitions; ++partition) {
    if (partitions && !partitions->contains(partition)) continue;
    const auto found = fetched.offsets.find(partition);
    std::optional<std::int64_t> offset;
    if (found != fetched.offsets.end() && found->second >= 0) offset = found->second;
    fleet_.groups().read({plan_.name, partition}, mark, offset);
  }
  co_return ErrorCode::none;
}

runtime::Task<std::optional<std::size_t>> GroupClient::count_members(
    ClientConnection::Pointer connection) {
  constexpr protocol::ApiVersion version = 5;
  protocol::DescribeGroupsRequest request;
  request.groups.push_back(plan_.name);
  auto reply = co_await fleet_.call<protocol::DescribeGroups>(connection, std::move(request),
                                                              version, fleet_.settings().slack);
  if (!reply || reply->body.groups.size() != 1) co_return std::nullopt;
  const auto& group = reply->body.groups[0];
  if (group.error_code != ErrorCode::none) co_return std::nullopt;
  co_return group.members.size();
}

}  // namespace gregor::sim
