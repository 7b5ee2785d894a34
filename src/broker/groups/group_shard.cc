#include "broker/groups/group_shard.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "broker/broker_shard.h"
#include "broker/groups/group_coordinator.h"
#include "broker/groups/group_waits.h"
#include "broker/groups/offsets_partition.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "groups";
// Rebalances that are remembered per group: fewer where there are many groups, so that a shard
// keeps some 20 MB of them at most. And characters of the reason of each.
constexpr std::size_t rebalances_max = 100;
constexpr std::size_t rebalances_min = 5;
constexpr std::size_t rebalances_of_shard_max = 50'000;
constexpr std::size_t reason_max = 300;

group::GroupSettings settings_of(const config::BrokerConfig& config) {
  group::GroupSettings settings;
  settings.initial_rebalance_delay_ms = config.group_initial_rebalance_delay_ms;
  settings.size_max = config.group_max_size;
  settings.session_timeout_min_ms = config.group_min_session_timeout_ms;
  settings.session_timeout_max_ms = config.group_max_session_timeout_ms;
  return settings;
}

std::int64_t to_ms(runtime::Instant at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

}  // namespace

GroupShard::GroupShard(BrokerShard& shard)
    : shard_(shard), settings_(settings_of(shard.config())) {}

GroupShard::~GroupShard() = default;

group::Moment GroupShard::moment() const {
  runtime::Clock& clock = shard_.shard().clock();
  return {to_ms(clock.now()), clock.wall_ms()};
}

GroupShard::Entry* GroupShard::find(std::int32_t partition, std::string_view id) const {
  auto groups = partitions_.find(partition);
  if (groups == partitions_.end()) return nullptr;
  auto found = groups->second.find(id);
  return found == groups->second.end() ? nullptr : found->second.get();
}

GroupShard::Entry& GroupShard::add(std::int32_t partition, std::string_view id, group::Group core) {
  auto entry = std::make_unique<Entry>(partition, std::string(id), ++last_serial_, std::move(core));
  Entry& added = *entry;
  const bool is_new = partitions_[partition].emplace(added.id, std::move(entry)).second;
  GREGOR_ASSERT(is_new);
  ++count_;
  return added;
}

void GroupShard::drop(Entry& entry) {
  shard_.shard().cancel_timer(entry.timer);
  auto groups = partitions_.find(entry.partition);
  GREGOR_ASSERT(groups != partitions_.end());
  groups->second.erase(groups->second.find(entry.id));
  --count_;
  if (groups->second.empty()) partitions_.erase(groups);
}

// Requests

void GroupShard::join(std::int32_t partition, const std::string& id, group::JoinRequest request) {
  Entry* entry = find(partition, id);
  if (entry == nullptr && !request.member_id.empty()) {
    group::JoinAnswer refused;
    refused.error = ErrorCode::unknown_member_id;
    refused.member_id = std::move(request.member_id);
    return answer(request.request, std::move(refused));
  }
  if (entry == nullptr && !has_room()) {
    group::JoinAnswer refused;
    refused.error = ErrorCode::group_max_size_reached;
    return answer(request.request, std::move(refused));
  }
  if (entry == nullptr) entry = &add(partition, id, group::Group(settings_, moment()));
  group::Effects effects;
  entry->group.join(std::move(request), moment(), effects);
  perform(*entry, std::move(effects));
}

void GroupShard::sync(std::int32_t partition, const std::string& id, group::SyncRequest request) {
  Entry* entry = find(partition, id);
  if (entry == nullptr) {
    group::SyncAnswer refused;
    refused.error = ErrorCode::unknown_member_id;
    return answer(request.request, std::move(refused));
  }
  group::Effects effects;
  entry->group.sync(std::move(request), moment(), effects);
  perform(*entry, std::move(effects));
}

ErrorCode GroupShard::heartbeat(std::int32_t partition, std::string_view id,
                                const group::MemberClaim& member) {
  Entry* entry = find(partition, id);
  if (entry == nullptr) return ErrorCode::unknown_member_id;
  const ErrorCode error = entry->group.heartbeat(member, moment());
  arm(*entry);
  return error;
}

std::vector<ErrorCode> GroupShard::leave(std::int32_t partition, std::string_view id,
                                         std::span<const group::LeavingMember> leaving) {
  Entry* entry = find(partition, id);
  if (entry == nullptr) return std::vector(leaving.size(), ErrorCode::unknown_member_id);
  group::Effects effects;
  auto answers = entry->group.leave(leaving, moment(), effects);
  perform(*entry, std::move(effects));
  return answers;
}

std::optional<group::GroupDescription> GroupShard::describe(std::int32_t partition,
                                                            std::string_view id) const {
  const Entry* entry = find(partition, id);
  if (entry == nullptr) return std::nullopt;
  return entry->group.describe();
}

std::vector<ListedGroup> GroupShard::list(std::int32_t partition) const {
  std::vector<ListedGroup> list;
  auto groups = partitions_.find(partition);
  if (groups == partitions_.end()) return list;
  for (const auto& [id, entry] : groups->second)
    list.push_back({id, entry->group.protocol_type().value_or(""), entry->group.state()});
  return list;
}

Result<group::StoredGroup> GroupShard::take_out(std::int32_t partition, std::string_view id) {
  Entry* entry = find(partition, id);
  if (entry == nullptr) return fail(ErrorCode::group_id_not_found, "there is no such group");
  const ErrorCode error = entry->group.validate_delete();
  if (error != ErrorCode::none) return fail(error, "the group has members");
  group::StoredGroup content = entry->group.content();
  drop(*entry);
  return content;
}

void GroupShard::bring_back(std::int32_t partition, const std::string& id,
                            const group::StoredGroup& content) {
  if (exists(partition, id)) return;
  group::Effects effects;
  Entry& entry = add(partition, id, group::Group(settings_, content, moment(), effects));
  perform(entry, std::move(effects));
}

void GroupFigures::merge(const GroupFigures& other) {
  for (const auto& [state, count] : other.states) states[state] += count;
  members += other.members;
  rebalances += other.rebalances;
  durations.merge(other.durations);
}

GroupFigures GroupShard::figures() const {
  GroupFigures figures;
  for (const auto& [partition, groups] : partitions_) {
    for (const auto& [id, entry] : groups) {
      ++figures.states[group::state_name(entry->group.state())];
      figures.members += entry->group.member_count();
    }
  }
  figures.rebalances = rebalances_;
  figures.durations = durations_;
  return figures;
}

std::size_t GroupShard::count() const { return count_; }

GroupReport GroupShard::report_of(const Entry& entry, std::size_t count) {
  GroupReport report;
  report.id = entry.id;
  report.state = entry.group.state();
  report.protocol_type = entry.group.protocol_type().value_or("");
  report.generation = entry.group.generation();
  report.members = entry.group.member_count();
  report.rebalances_begun = entry.rebalances_begun;
  const std::size_t kept = std::min(entry.rebalances.size(), count);
  report.rebalances.assign(entry.rebalances.end() - static_cast<std::ptrdiff_t>(kept),
                           entry.rebalances.end());
  return report;
}

std::vector<GroupReport> GroupShard::reports(std::size_t count) const {
  std::vector<GroupReport> reports;
  for (const auto& [partition, groups] : partitions_) {
    for (const auto& [id, entry] : groups) {
      if (reports.size() == count) return reports;
      reports.push_back(report_of(*entry, 1));
    }
  }
  return reports;
}

std::optional<GroupReport> GroupShard::report(std::int32_t partition, std::string_view id) const {
  const Entry* entry = find(partition, id);
  if (entry == nullptr) return std::nullopt;
  return report_of(*entry, rebalances_max);
}

runtime::Task<void> GroupShard::stop() { co_await stores_.join(); }

// Effects

void GroupShard::perform(Entry& entry, group::Effects effects) {
  for (group::Effect& effect : effects) {
    if (auto* joined = std::get_if<group::effect::AnswerJoin>(&effect)) {
      answer(joined->request, std::move(joined->answer));
    } else if (auto* synced = std::get_if<group::effect::AnswerSync>(&effect)) {
      answer(synced->request, std::move(synced->answer));
    } else if (auto* content = std::get_if<group::effect::Store>(&effect)) {
      stores_.spawn(store(entry.partition, entry.id, entry.serial, std::move(*content)));
    } else if (auto* began = std::get_if<group::effect::RebalanceBegan>(&effect)) {
      note(entry, *began);
    } else if (auto* joined_all = std::get_if<group::effect::RebalanceJoined>(&effect)) {
      note(entry, *joined_all);
    }
  }
  arm(entry);
}

void GroupShard::answer(group::RequestId request, GroupAnswer answer) {
  const runtime::ShardId home = GroupWaits::home_of(request);
  if (home == shard_.shard().id()) return shard_.group_waits().answer(request, std::move(answer));
  BrokerShard* waiting = &shard_.peer(home);
  waiting->shard().post([waiting, request, answer = std::move(answer)]() mutable {
    waiting->group_waits().answer(request, std::move(answer));
  });
}

std::size_t GroupShard::rebalances_kept() const {
  return std::clamp(rebalances_of_shard_max / std::max<std::size_t>(count_, 1), rebalances_min,
                    rebalances_max);
}

void GroupShard::note(Entry& entry, const group::effect::RebalanceBegan& began) {
  ++rebalances_;
  ++entry.rebalances_begun;
  while (entry.rebalances.size() >= rebalances_kept()) entry.rebalances.pop_front();
  RebalanceReport& report = entry.rebalances.emplace_back();
  const group::Moment at = moment();
  report.began_ms = at.wall_ms;
  report.reason = began.reason.substr(0, reason_max);
  entry.rebalance_began_ms = at.monotonic_ms;
  const auto held_back = lines_.admit(shard_.shard().clock().now().time_since_epoch().count());
  if (held_back < 0) return;
  log::info(component, "group {} rebalances after generation {}: {} ({} more such lines held back)",
            entry.id, began.old_generation, report.reason, held_back);
}

void GroupShard::note(Entry& entry, const group::effect::RebalanceJoined& joined) {
  if (entry.rebalances.empty()) return;
  RebalanceReport& report = entry.rebalances.back();
  report.took_ms = moment().monotonic_ms - entry.rebalance_began_ms;
  durations_.add(std::chrono::milliseconds(report.took_ms));
  report.generation = joined.generation;
  report.members = joined.members;
}

runtime::Task<void> GroupShard::store(std::int32_t partition, std::string id, std::uint64_t serial,
                                      group::effect::Store what) {
  ErrorCode error = ErrorCode::none;
  const auto led = shard_.group_coordinator().find(partition);
  if (led) {
    GroupWrite write;
    write.group = id;
    write.content = group::GroupRecord{id, std::move(what.content)};
    error = co_await OffsetsPartition::write(*led, std::move(write));
    if (error != ErrorCode::none) error = group_store_error(error);
  } else {
    error = led.error().code;
  }
  Entry* entry = find(partition, id);
  if (entry == nullptr || entry->serial != serial) co_return;
  if (error != ErrorCode::none)
    log::warn(component, "group {} could not be stored: {}", id, error_name(error));
  group::Effects effects;
  entry->group.on_stored(what.id, error, moment(), effects);
  perform(*entry, std::move(effects));
}

// Time

void GroupShard::arm(Entry& entry) {
  const auto next_ms = entry.group.next_deadline_ms();
  if (!next_ms) {
    shard_.shard().cancel_timer(std::exchange(entry.timer, 0));
    return;
  }
  // One that is too early finds nothing to do and is set anew: most deadlines move with heartbeats.
  if (entry.timer != 0 && entry.timer_ms <= *next_ms) return;
  shard_.shard().cancel_timer(entry.timer);
  entry.timer_ms = *next_ms;
  const runtime::Instant at{std::chrono::milliseconds(*next_ms)};
  entry.timer =
      shard_.shard().start_timer(at, [this, partition = entry.partition, id = entry.id,
                                      serial = entry.serial] { on_timer(partition, id, serial); });
}

void GroupShard::on_timer(std::int32_t partition, const std::string& id, std::uint64_t serial) {
  Entry* entry = find(partition, id);
  GREGOR_ASSERT(entry != nullptr && entry->serial == serial);
  entry->timer = 0;
  group::Effects effects;
  entry->group.on_time(moment(), effects);
  perform(*entry, std::move(effects));
}

// What the keeper of offsets asks

void GroupShard::take_over(std::int32_t partition, LoadedGroups groups) {
  for (auto& [id, content] : groups) {
    if (find(partition, id) != nullptr) continue;
    group::Effects effects;
    Entry& entry = content
                       ? add(partition, id, group::Group(settings_, *content, moment(), effects))
                       : add(partition, id, group::Group(settings_, moment()));
    perform(entry, std::move(effects));
  }
}

void GroupShard::let_go(std::int32_t partition) {
  auto groups = partitions_.extract(partition);
  if (groups.empty()) return;
  count_ -= groups.mapped().size();
  for (auto& [id, entry] : groups.mapped()) {
    shard_.shard().cancel_timer(std::exchange(entry->timer, 0));
    group::Effects effects;
    entry->group.stop(ErrorCode::not_coordinator, effects);
    perform(*entry, std::move(effects));
  }
}

bool GroupShard::exists(std::int32_t partition, std::string_view id) const {
  return find(partition, id) != nullptr;
}

// Groups are spread over the shards by the hash of their partitions, so each takes its share.
bool GroupShard::has_room() const {
  const auto all = static_cast<std::size_t>(shard_.config().gregor_groups_max);
  const std::size_t shards = shard_.shard().count();
  return count_ < (all + shards - 1) / shards;
}

void GroupShard::ensure(std::int32_t partition, std::string_view id) {
  if (!exists(partition, id)) add(partition, id, group::Group(settings_, moment()));
}

void GroupShard::remove(std::int32_t partition, std::string_view id) {
  Entry* entry = find(partition, id);
  if (entry == nullptr) return;
  group::Effects effects;
  entry->group.stop(ErrorCode::coordinator_not_available, effects);
  perform(*entry, std::move(effects));
  drop(*entry);
}

std::vector<std::string> GroupShard::ids(std::int32_t partition) const {
  std::vector<std::string> ids;
  auto groups = partitions_.find(partition);
  if (groups == partitions_.end()) return ids;
  for (const auto& [id, entry] : groups->second) ids.push_back(id);
  return ids;
}

ErrorCode GroupShard::check_commit(std::int32_t partition, std::string_view id,
                                   const group::MemberClaim& member) {
  Entry* entry = find(partition, id);
  if (entry == nullptr) return ErrorCode::unknown_member_id;
  const ErrorCode error = entry->group.validate_offset_commit(member);
  if (error != ErrorCode::none) return error;
  entry->group.note_offset_commit(member.member_id, moment());
  arm(*entry);
  return error;
}

ErrorCode GroupShard::check_offset_delete(std::int32_t partition, std::string_view id) const {
  const Entry* entry = find(partition, id);
  if (entry == nullptr) return ErrorCode::group_id_not_found;
  return entry->group.is_empty() || entry->group.uses_consumer_protocol()
             ? ErrorCode::none
             : ErrorCode::non_empty_group;
}

bool GroupShard::is_subscribed(std::int32_t partition, std::string_view id,
                               std::string_view topic) const {
  const Entry* entry = find(partition, id);
  return entry != nullptr && entry->group.is_subscribed_to(topic);
}

group::ExpiryFacts GroupShard::expiry_facts(std::int32_t partition, std::string_view id) const {
  group::ExpiryFacts facts;
  const Entry* entry = find(partition, id);
  if (entry == nullptr) return facts;
  const group::Group& group = entry->group;
  facts.has_protocol_type = group.protocol_type().has_value();
  // Who has been given a member id is about to join.
  facts.is_empty = group.is_empty() && group.pending_count() == 0;
  facts.generation = group.generation();
  facts.is_stable = group.state() == group::GroupState::stable;
  if (group.state_since_ms() != -1) facts.state_since = model::TimestampMs(group.state_since_ms());
  facts.subscribed = group.subscribed_topics();
  return facts;
}

}  // namespace gregor::broker
