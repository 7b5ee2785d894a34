#include "broker/groups/group_calls.h"

#include <fmt/format.h>

#include <utility>

#include "broker/broker_shard.h"
#include "broker/groups/group_coordinator.h"
#include "broker/groups/group_waits.h"
#include "broker/groups/offsets_partition.h"
#include "model/uuid.h"

namespace gregor::broker {
namespace {

/// Runs `work(shard)`, which returns a Task, on the shard that the group lives on.
template <class Work>
auto on_shard_of(BrokerShard& home, const GroupPlace& place, Work work) {
  BrokerShard* owner = &home.peer(place.shard);
  auto run = [owner, work = std::move(work)] { return work(*owner); };
  return runtime::call_on(home.shard(), place.shard, std::move(run));
}

[[nodiscard]] ErrorCode availability(BrokerShard& owner, std::int32_t partition) {
  const auto found = owner.group_coordinator().find(partition);
  return found ? ErrorCode::none : found.error().code;
}

/// A request that waits for a group, as long as its peer is there.
class Waiting {
 public:
  explicit Waiting(RequestContext& context)
      : context_(context),
        wait_(context.shard.shard()),
        id_(context.shard.group_waits().add(wait_)) {
    context_.connection.disconnect->add(&wait_.signal);
  }
  ~Waiting() {
    context_.connection.disconnect->remove(&wait_.signal);
    context_.shard.group_waits().remove(id_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  [[nodiscard]] group::RequestId id() const { return id_; }

  template <class Answer>
  runtime::Task<Answer> get() {
    co_await wait_.signal.wait();
    Answer answer;
    if (wait_.answer) {
      answer = std::move(std::get<Answer>(*wait_.answer));
    } else {
      answer.error = ErrorCode::not_coordinator;
    }
    co_return answer;
  }

 private:
  RequestContext& context_;
  GroupWaits::Wait wait_;
  const group::RequestId id_;
};

// Work on the group's shard; what they refer to is the caller's until they have ended.

runtime::Task<ErrorCode> begin_join(BrokerShard& owner, std::int32_t partition,
                                    const std::string& id, group::JoinRequest& request) {
  const ErrorCode error = availability(owner, partition);
  if (error == ErrorCode::none) owner.group_shard().join(partition, id, std::move(request));
  co_return error;
}

runtime::Task<ErrorCode> begin_sync(BrokerShard& owner, std::int32_t partition,
                                    const std::string& id, group::SyncRequest& request) {
  const ErrorCode error = availability(owner, partition);
  if (error == ErrorCode::none) owner.group_shard().sync(partition, id, std::move(request));
  co_return error;
}

runtime::Task<ErrorCode> beat_there(BrokerShard& owner, std::int32_t partition,
                                    const std::string& id, const group::MemberClaim& member) {
  const ErrorCode error = availability(owner, partition);
  if (error != ErrorCode::none) co_return error;
  co_return owner.group_shard().heartbeat(partition, id, member);
}

runtime::Task<Result<std::vector<ErrorCode>>> leave_there(
    BrokerShard& owner, std::int32_t partition, const std::string& id,
    const std::vector<group::LeavingMember>& who) {
  const ErrorCode error = availability(owner, partition);
  if (error != ErrorCode::none) co_return fail(error, "the group can't be asked");
  co_return owner.group_shard().leave(partition, id, who);
}

runtime::Task<Result<group::GroupDescription>> describe_there(BrokerShard& owner,
                                                              std::int32_t partition,
                                                              const std::string& id) {
  const ErrorCode error = availability(owner, partition);
  if (error != ErrorCode::none) co_return fail(error, "the group can't be asked");
  auto description = owner.group_shard().describe(partition, id);
  if (!description)
    co_return fail(ErrorCode::group_id_not_found, fmt::format("Group {} not found.", id));
  co_return std::move(*description);
}

runtime::Task<ErrorCode> delete_there(BrokerShard& owner, std::int32_t partition,
                                      const std::string& id) {
  const auto led = owner.group_coordinator().find(partition);
  if (!led) co_return led.error().code;
  auto content = owner.group_shard().take_out(partition, id);
  if (!content) co_return content.error().code;
  const ErrorCode error = co_await OffsetsPartition::remove_group(*led, id);
  if (error == ErrorCode::none) co_return error;
  // While it was away nobody else was its coordinator, unless the partition has moved.
  if (availability(owner, partition) == ErrorCode::none)
    owner.group_shard().bring_back(partition, id, *content);
  co_return group_store_error(error);
}

runtime::Task<Result<std::vector<ListedGroup>>> list_there(BrokerShard& owner) {
  std::vector<ListedGroup> list;
  for (const auto& partition : owner.group_coordinator().partitions()) {
    const ErrorCode error = partition->availability();
    if (error == ErrorCode::coordinator_load_in_progress)
      co_return fail(error, "groups are being loaded");
    if (error != ErrorCode::none) continue;
    for (ListedGroup& group : owner.group_shard().list(partition->index()))
      list.push_back(std::move(group));
  }
  co_return list;
}

}  // namespace

runtime::Task<group::JoinAnswer> join_group(RequestContext& context, std::string id,
                                            group::JoinRequest request) {
  BrokerShard& home = context.shard;
  const GroupPlace place = GroupCoordinator::place_of(home, id);
  Waiting waiting(context);
  request.request = waiting.id();
  const std::string member_id = request.member_id;
  auto work = [partition = place.partition, &id, &request](BrokerShard& owner) {
    return begin_join(owner, partition, id, request);
  };
  const ErrorCode error = co_await on_shard_of(home, place, work);
  if (error == ErrorCode::none) co_return co_await waiting.get<group::JoinAnswer>();
  group::JoinAnswer refused;
  refused.error = error;
  co_return refused;
}

runtime::Task<group::SyncAnswer> sync_group(RequestContext& context, std::string id,
                                            group::SyncRequest request) {
  BrokerShard& home = context.shard;
  const GroupPlace place = GroupCoordinator::place_of(home, id);
  Waiting waiting(context);
  request.request = waiting.id();
  auto work = [partition = place.partition, &id, &request](BrokerShard& owner) {
    return begin_sync(owner, partition, id, request);
  };
  const ErrorCode error = co_await on_shard_of(home, place, work);
  if (error == ErrorCode::none) co_return co_await waiting.get<group::SyncAnswer>();
  group::SyncAnswer refused;
  refused.error = error;
  co_return refused;
}

runtime::Task<ErrorCode> beat(RequestContext& context, std::string id, group::MemberClaim member) {
  const GroupPlace place = GroupCoordinator::place_of(context.shard, id);
  auto work = [partition = place.partition, &id, &member](BrokerShard& owner) {
    return beat_there(owner, partition, id, member);
  };
  co_return co_await on_shard_of(context.shard, place, work);
}

runtime::Task<Result<std::vector<ErrorCode>>> leave_group(RequestContext& context, std::string id,
                                                          std::vector<group::LeavingMember> who) {
  const GroupPlace place = GroupCoordinator::place_of(context.shard, id);
  auto work = [partition = place.partition, &id, &who](BrokerShard& owner) {
    return leave_there(owner, partition, id, who);
  };
  co_return co_await on_shard_of(context.shard, place, work);
}

runtime::Task<Result<group::GroupDescription>> describe_group(RequestContext& context,
                                                              std::string id) {
  const GroupPlace place = GroupCoordinator::place_of(context.shard, id);
  auto work = [partition = place.partition, &id](BrokerShard& owner) {
    return describe_there(owner, partition, id);
  };
  co_return co_await on_shard_of(context.shard, place, work);
}

runtime::Task<ErrorCode> delete_group(RequestContext& context, std::string id) {
  const GroupPlace place = GroupCoordinator::place_of(context.shard, id);
  auto work = [partition = place.partition, &id](BrokerShard& owner) {
    return delete_there(owner, partition, id);
  };
  co_return co_await on_shard_of(context.shard, place, work);
}

runtime::Task<Result<std::vector<ListedGroup>>> list_groups(BrokerShard& home) {
  std::vector<ListedGroup> all;
  for (std::uint32_t i = 0; i < home.shard().count(); ++i) {
    BrokerShard* owner = &home.peer(runtime::ShardId(i));
    auto ask = [owner] { return list_there(*owner); };
    auto list = co_await runtime::call_on(home.shard(), runtime::ShardId(i), ask);
    if (!list) co_return fail(std::move(list.error()));
    for (ListedGroup& group : *list) all.push_back(std::move(group));
  }
  co_return all;
}

std::string new_member_id(runtime::Random& random, std::string_view name) {
  const std::uint64_t high = random.next();
  const std::uint64_t low = random.next();
  std::string hex;
  for (const std::byte byte : model::Uuid::from_bits(high, low).bytes)
    hex += fmt::format("{:02x}", std::to_integer<int>(byte));
  const std::string_view digits(hex);
  return fmt::format("{}-{}-{}-{}-{}-{}", name, digits.substr(0, 8), digits.substr(8, 4),
                     digits.substr(12, 4), digits.substr(16, 4), digits.substr(20));
}

}  // namespace gregor::broker
