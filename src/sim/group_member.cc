#include "sim/group_member.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gregor::sim {
namespace {

constexpr protocol::ApiVersion join_version_highest = 9;
constexpr protocol::ApiVersion sync_version_highest = 5;
constexpr protocol::ApiVersion beat_version_highest = 4;
constexpr protocol::ApiVersion leave_version_highest = 5;
constexpr protocol::ApiVersion commit_version_lowest = 2;  // below it has other defaults
constexpr protocol::ApiVersion commit_version_highest = 9;
constexpr protocol::ApiVersion fetch_all_version_lowest = 2;
constexpr protocol::ApiVersion fetch_version_highest = 9;
// From these on requests name instances. JoinGroup of others too: the leader is told of instances.
constexpr protocol::ApiVersion static_join_version = 5;
constexpr protocol::ApiVersion static_version = 3;
constexpr protocol::ApiVersion static_commit_version = 7;
// The broker counts time-outs in milliseconds.
constexpr runtime::Duration clock_step = std::chrono::milliseconds(2);
constexpr runtime::Duration nap = std::chrono::milliseconds(20);

protocol::ApiVersion draw(runtime::simulated::Prng& numbers, protocol::ApiVersion lowest,
                          protocol::ApiVersion highest) {
  return static_cast<protocol::ApiVersion>(
      numbers.between(static_cast<std::uint64_t>(lowest), static_cast<std::uint64_t>(highest)));
}

std::int32_t to_ms(runtime::Duration duration) {
  return static_cast<std::int32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::optional<std::string> instance_of(const GroupPlan& plan, std::uint32_t number) {
  if (number >= plan.static_members) return std::nullopt;
  return fmt::format("seat-{}", number);
}

void complain(Fleet& fleet, std::string_view request, ErrorCode error) {
  if (!fleet.is_serving) return;
  fleet.violations().add("E1", fmt::format("{} of a group: {}", request, error_name(error)));
}

}  // namespace

GroupMember::GroupMember(Fleet& fleet, const GroupPlan& plan, std::uint32_t number)
    : fleet_(fleet),
      plan_(plan),
      instance_(instance_of(plan, number)),
      client_(fleet, plan),
      numbers_(fleet.split(fmt::format("{}.{}", plan.name, number))),
      session_timeout_(plan.session_timeout),
      rebalance_timeout_(plan.rebalance_timeout) {}

runtime::Task<void> GroupMember::run() {
  return fleet_.keep_using(
      [this](ClientConnection::Pointer connection) { return use(std::move(connection)); });
}

runtime::Task<void> GroupMember::use(ClientConnection::Pointer connection) {
  bool is_good = co_await client_.find_coordinator(connection);
  while (is_good && fleet_.is_open() && connection->is_open()) {
    if (has_joined_) {
      is_good = co_await live(connection);
    } else {
      is_good = co_await join(connection);
    }
  }
  connection->close();
}

protocol::ApiVersion GroupMember::draw(protocol::ApiVersion lowest,
                                       protocol::ApiVersion lowest_of_static,
                                       protocol::ApiVersion highest) {
  return sim::draw(numbers_, instance_ ? lowest_of_static : lowest, highest);
}

runtime::Duration GroupMember::draw_up_to(runtime::Duration longest) {
  return runtime::Duration(static_cast<std::int64_t>(
      numbers_.below(static_cast<std::uint64_t>(std::max<std::int64_t>(longest.count(), 1)))));
}

// Ends early when the gate closes.
runtime::Task<void> GroupMember::pause(runtime::Duration length) {
  const runtime::Instant end = fleet_.now() + length;
  while (fleet_.is_open() && fleet_.now() < end) {
    const runtime::Instant next = std::min(end, fleet_.now() + nap);
    co_await runtime::sleep_until(fleet_.shard(), next);
  }
}

void GroupMember::start_anew() {
  if (!id_.empty()) fleet_.groups().forget(id_);
  id_.clear();
  generation_ = -1;
  has_joined_ = was_assigned_ = false;
  partitions_.clear();
}

// Another process of the same static member: it does not know what the old one knew.
void GroupMember::restart() {
  ghost_ = claim();
  start_anew();
}

void GroupMember::note_life(runtime::Instant sent) {
  if (!was_assigned_) return;
  if (fleet_.groups().sign_of_life(id_, sent, limit_)) ++fleet_.counts().survivors;
}

// @return false: later, on another connection
bool GroupMember::take_error(std::string_view request, ErrorCode error) {
  switch (error) {
    case ErrorCode::rebalance_in_progress:
    case ErrorCode::illegal_generation:
      has_joined_ = false;
      return true;
    case ErrorCode::fenced_instance_id:
      if (!instance_) complain(fleet_, request, error);
      [[fallthrough]];
    case ErrorCode::unknown_member_id:
    case ErrorCode::group_id_not_found:
      if (id_.empty()) complain(fleet_, request, error);
      if (was_assigned_) fleet_.groups().reject(id_, fleet_.now());
      ++fleet_.counts().rejected;
      start_anew();
      return true;
    default:
      if (!is_passing(error)) complain(fleet_, request, error);
      return false;
  }
}

runtime::Task<bool> GroupMember::join(ClientConnection::Pointer connection) {
  JoinOrder order;
  order.member = id_;
  order.instance = instance_;
  order.session_timeout_ms = to_ms(session_timeout_);
  order.rebalance_timeout_ms = to_ms(rebalance_timeout_);
  const bool names_instances = plan_.static_members > 0;
  order.version = draw(names_instances ? static_join_version : protocol::ApiVersion(0),
                       static_join_version, join_version_highest);
  const runtime::Instant sent = fleet_.now();
  auto joined = co_await client_.join(connection, std::move(order));
  if (!joined) co_return false;
  if (joined->error == ErrorCode::member_id_required) {
    id_ = joined->member;
    // One that is slow, or that does not come back at all.
    if (numbers_.chance(plan_.slow_probability)) co_await pause(draw_up_to(2 * session_timeout_));
    co_return true;
  }
  if (joined->error != ErrorCode::none) co_return take_error("JoinGroup", joined->error);
  note_joined(*joined, sent);
  // In version 0 the session time-out is the rebalance time-out as well.
  limit_ = std::min(session_timeout_, rebalance_timeout_) - clock_step;
  // Joining and SyncGroup are no signs of life: where nothing has changed they are answered at
  // once, and the session goes on as it was. Source: Apache Kafka 4.1.1.
  if (ghost_ && numbers_.chance(0.8)) co_await haunt(connection);
  if (numbers_.chance(plan_.slow_probability)) co_await pause(draw_up_to(2 * rebalance_timeout_));
  co_return co_await sync(connection, std::move(joined->members));
}

void GroupMember::note_joined(const Joined& joined, runtime::Instant sent) {
  const bool is_new_process = ghost_ && id_.empty();
  id_ = joined.member;
  generation_ = joined.generation;
  if (!is_new_process) return;
  fleet_.groups().replace(ghost_->member, id_, sent);
  if (generation_ == ghost_->generation) ++fleet_.counts().returned;
}

std::map<GroupPeer, std::set<std::int32_t>> GroupMember::share_out(
    const std::vector<GroupPeer>& members) {
  std::map<GroupPeer, std::set<std::int32_t>> shares;
  for (const GroupPeer& member : members) shares[member];
  for (std::int32_t partition = 0; partition < plan_.partitions && !members.empty(); ++partition)
    shares[members[numbers_.below(members.size())]].insert(partition);
  return shares;
}

runtime::Task<bool> GroupMember::sync(ClientConnection::Pointer connection,
                                      std::vector<GroupPeer> members) {
  SyncOrder order;
  order.claim = claim();
  order.assignments = share_out(members);
  order.version = draw(0, static_version, sync_version_highest);
  auto synced = co_await client_.sync(connection, std::move(order));
  if (!synced) co_return false;
  if (synced->error != ErrorCode::none) co_return take_error("SyncGroup", synced->error);
  fleet_.groups().own({plan_.name, generation_}, owner(), synced->partitions);
  ++fleet_.counts().assignments;
  has_joined_ = was_assigned_ = true;
  partitions_ = std::move(synced->partitions);
  co_return co_await fetch(connection);
}

runtime::Task<bool> GroupMember::live(ClientConnection::Pointer connection) {
  if (numbers_.chance(plan_.die_probability)) {
    if (instance_) {
      restart();
    } else {
      start_anew();
    }
    co_return false;
  }
  if (numbers_.chance(plan_.leave_probability)) co_return co_await leave(connection);
  if (numbers_.chance(plan_.slow_probability)) co_await pause(draw_up_to(2 * session_timeout_));
  bool is_good = co_await beat(connection);
  if (ghost_ && is_good && numbers_.chance(0.3)) is_good = co_await haunt(connection);
  const std::uint64_t what = numbers_.below(10);
  if (is_good && has_joined_ && what < 5) is_good = co_await commit(connection, false);
  if (is_good && has_joined_ && what == 5) is_good = co_await fetch(connection);
  if (is_good && has_joined_ && what == 6) is_good = co_await commit(connection, true);
  // The leader now and then has something new to assign.
  if (what == 7 && numbers_.chance(0.1)) has_joined_ = false;
  co_await pause(draw_up_to(session_timeout_ / 4));
  co_return is_good;
}

runtime::Task<bool> GroupMember::beat(ClientConnection::Pointer connection) {
  const runtime::Instant sent = fleet_.now();
  const auto version = draw(0, static_version, beat_version_highest);
  const auto error = co_await client_.beat(connection, claim(), version);
  if (!error) co_return false;
  if (*error == ErrorCode::none) note_life(sent);
  co_return *error == ErrorCode::none || take_error("Heartbeat", *error);
}

// @param is_late  for the generation before: refused
runtime::Task<bool> GroupMember::commit(ClientConnection::Pointer connection, bool is_late) {
  CommitOrder order;
  order.claim = claim();
  if (is_late) --order.claim.generation;
  for (const std::int32_t partition : partitions_) {
    if (numbers_.chance(0.7)) order.partitions.insert(partition);
  }
  if (order.partitions.empty() || order.claim.generation < 0) co_return true;
  order.version = draw(commit_version_lowest, static_commit_version, commit_version_highest);
  const runtime::Instant sent = fleet_.now();
  const auto error = co_await client_.commit(connection, std::move(order));
  if (!error) co_return false;
  if (is_late && *error == ErrorCode::illegal_generation) {
    ++fleet_.counts().rejected;
    co_return true;
  }
  if (*error == ErrorCode::request_timed_out) co_return true;
  if (*error == ErrorCode::none && !is_late) note_life(sent);
  co_return *error == ErrorCode::none || take_error("OffsetCommit", *error);
}

runtime::Task<bool> GroupMember::fetch(ClientConnection::Pointer connection) {
  if (partitions_.empty()) co_return true;
  const auto error =
      co_await client_.fetch(connection, partitions_, draw(1, 1, fetch_version_highest));
  if (!error) co_return false;
  co_return *error == ErrorCode::none || take_error("OffsetFetch", *error);
}

runtime::Task<bool> GroupMember::leave(ClientConnection::Pointer connection) {
  Claim leaving = claim();
  start_anew();
  const auto version = draw(0, static_version, leave_version_highest);
  // An operator does it by the name of the instance alone.
  if (instance_ && numbers_.chance(0.5)) leaving.member.clear();
  const auto error = co_await client_.leave(connection, std::move(leaving), version);
  if (!error) co_return false;
  const bool has_left = *error == ErrorCode::none || *error == ErrorCode::unknown_member_id;
  if (!has_left && !is_passing(*error)) complain(fleet_, "LeaveGroup", *error);
  if (has_left) co_await pause(draw_up_to(session_timeout_));
  co_return has_left;
}

runtime::Task<bool> GroupMember::haunt(ClientConnection::Pointer connection) {
  if (!fleet_.groups().is_replaced(ghost_->member)) co_return true;
  Claim who = *ghost_;
  if (numbers_.chance(0.5)) who.generation = generation_;
  const std::uint64_t what = numbers_.below(3);
  std::optional<ErrorCode> error;
  if (what == 0) {
    CommitOrder order;
    order.claim = who;
    order.partitions.insert(0);
    error = co_await client_.commit(connection, std::move(order));
  } else if (what == 1) {
    SyncOrder order;
    order.claim = who;
    const auto synced = co_await client_.sync(connection, std::move(order));
    // (while the group is loaded nobody is asked who he is)
    if (synced && synced->error == ErrorCode::rebalance_in_progress) co_return true;
    if (synced) error = synced->error;
  } else {
    JoinOrder order;
    order.member = who.member;
    order.instance = instance_;
    order.session_timeout_ms = to_ms(session_timeout_);
    order.rebalance_timeout_ms = to_ms(rebalance_timeout_);
    const auto joined = co_await client_.join(connection, std::move(order));
    if (joined) error = joined->error;
  }
  if (!error) co_return false;
  if (is_passing(*error)) co_return true;
  fleet_.groups().answer_replaced(ghost_->member, *error, fleet_.now());
  ++fleet_.counts().fenced;
  co_return true;
}

// A client that is no member

OffsetKeeper::OffsetKeeper(Fleet& fleet, const GroupPlan& plan)
    : fleet_(fleet), plan_(plan), client_(fleet, plan), numbers_(fleet.split(plan.name)) {}

runtime::Task<void> OffsetKeeper::run() {
  return fleet_.keep_using(
      [this](ClientConnection::Pointer connection) { return use(std::move(connection)); });
}

runtime::Task<void> OffsetKeeper::use(ClientConnection::Pointer connection) {
  bool is_good = co_await client_.find_coordinator(connection);
  while (is_good && fleet_.is_open() && connection->is_open()) {
    std::optional<ErrorCode> error;
    if (numbers_.chance(0.8)) {
      CommitOrder order;
      for (std::int32_t partition = 0; partition < plan_.partitions; ++partition) {
        if (numbers_.chance(0.5)) order.partitions.insert(partition);
      }
      order.partitions.insert(0);
      order.version = draw(numbers_, commit_version_lowest, commit_version_highest);
      error = co_await client_.commit(connection, std::move(order));
    } else {
      const auto version = draw(numbers_, fetch_all_version_lowest, fetch_version_highest);
      error = co_await client_.fetch(connection, std::nullopt, version);
    }
    is_good = error && (*error == ErrorCode::none || *error == ErrorCode::request_timed_out);
    if (error && !is_good && !is_passing(*error)) complain(fleet_, "an offset", *error);
    const auto length = static_cast<std::int64_t>(numbers_.below(20'000));
    const runtime::Instant next = fleet_.now() + std::chrono::microseconds(length);
    co_await runtime::sleep_until(fleet_.shard(), next);
  }
  connection->close();
}

}  // namespace gregor::sim
