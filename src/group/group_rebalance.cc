// Rebalances: from the first reason to the next generation; and what happens with time.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "group/group.h"
#include "group/planted_bug.h"

namespace gregor::group {
namespace {

// Where nobody has come back, the next look is not before this.
constexpr std::int64_t wait_again_min_ms = 100;

constexpr bool may_follow(GroupState from, GroupState to) {
  switch (to) {
    case GroupState::empty:
    case GroupState::completing_rebalance:
      return from == GroupState::preparing_rebalance;
    case GroupState::preparing_rebalance:
      return from == GroupState::stable || from == GroupState::completing_rebalance ||
             from == GroupState::empty;
    case GroupState::stable:
      return from == GroupState::completing_rebalance;
    case GroupState::dead:
      break;
  }
  return true;
}

}  // namespace

void Group::set_state(GroupState state, Moment now) {
  GREGOR_ASSERT(may_follow(state_, state));
  previous_ = std::exchange(state_, state);
  state_since_ms_ = now.wall_ms;
}

std::int64_t Group::rebalance_timeout_ms() const {
  std::int64_t longest = 0;
  for (const auto& [id, member] : members_)
    longest = std::max<std::int64_t>(longest, member.rebalance_timeout_ms);
  return longest;
}

bool Group::all_have_joined() const {
  return waiting_joins_ == members_.size() && pending_.empty();
}

void Group::rebalance(const std::string& reason, Moment now, Effects& out) {
  if (state_ == GroupState::preparing_rebalance) return complete_join_if_all_are_here(now, out);
  prepare_rebalance(reason, now, out);
}

void Group::prepare_rebalance(const std::string& reason, Moment now, Effects& out) {
  if (state_ == GroupState::completing_rebalance)
    refuse_syncs(ErrorCode::rebalance_in_progress, now, out);
  not_synced_.clear();
  sync_deadline_ms_.reset();
  join_is_initial_ = state_ == GroupState::empty;
  out.push_back(effect::RebalanceBegan{generation_, reason});
  set_state(GroupState::preparing_rebalance, now);
  if (!join_is_initial_ && all_have_joined()) return complete_join(now, out);
  std::int64_t wait_ms = rebalance_timeout_ms();
  if (join_is_initial_) {
    // Others of a new group are about to come.
    initial_has_new_member_ = false;
    initial_delay_ms_ = settings_->initial_rebalance_delay_ms;
    initial_remaining_ms_ = std::max<std::int64_t>(wait_ms - initial_delay_ms_, 0);
    wait_ms = initial_delay_ms_;
  }
  join_deadline_ms_ = now.monotonic_ms + wait_ms;
  note_deadline(*join_deadline_ms_);
}

void Group::complete_join_if_all_are_here(Moment now, Effects& out) {
  if (state_ != GroupState::preparing_rebalance || previous_ == GroupState::empty) return;
  if (all_have_joined()) complete_join(now, out);
}

// The initial delay is spent; members that came meanwhile buy another one, up to the rebalance
// time-out in total.
void Group::extend_or_complete_initial(Moment now, Effects& out) {
  if (!initial_has_new_member_ || initial_remaining_ms_ == 0) return complete_join(now, out);
  initial_has_new_member_ = false;
  const std::int64_t delay_ms =
      std::min<std::int64_t>(settings_->initial_rebalance_delay_ms, initial_remaining_ms_);
  initial_remaining_ms_ = std::max<std::int64_t>(initial_remaining_ms_ - initial_delay_ms_, 0);
  initial_delay_ms_ = delay_ms;
  join_deadline_ms_ = now.monotonic_ms + delay_ms;
  note_deadline(*join_deadline_ms_);
}

void Group::complete_join(Moment now, Effects& out) {
  GREGOR_ASSERT(state_ == GroupState::preparing_rebalance);
  join_deadline_ms_.reset();
  std::vector<std::string> absent;
  for (const auto& [id, member] : members_) {
    if (is_planted(PlantedBug::keep_absent)) break;
    if (member.join == 0 && !member.instance_id) absent.push_back(id);
  }
  for (const std::string& id : absent) remove_member(id, ErrorCode::unknown_member_id, out);
  if (!members_.empty() && !elect_leader()) {
    // Static members that are away: until they come back or their sessions end.
    join_is_initial_ = false;
    join_deadline_ms_ = now.monotonic_ms + std::max(rebalance_timeout_ms(), wait_again_min_ms);
    return note_deadline(*join_deadline_ms_);
  }
  begin_generation(now, out);
}

// @return false if no member has joined.
bool Group::elect_leader() {
  auto current = leader_ ? members_.find(*leader_) : members_.end();
  if (current != members_.end() && current->second.join != 0) return true;
  const Member* first = nullptr;
  for (const auto& [id, member] : members_) {
    if (member.join != 0 && (first == nullptr || member.order < first->order)) first = &member;
  }
  if (first == nullptr) return false;
  leader_ = first->id;
  return true;
}

void Group::begin_generation(Moment now, Effects& out) {
  if (!is_planted(PlantedBug::keep_generation))
    generation_ = generation_ == std::numeric_limits<std::int32_t>::max() ? 0 : generation_ + 1;
  GREGOR_ASSERT(not_synced_.empty());
  out.push_back(effect::RebalanceJoined{generation_, members_.size()});
  if (members_.empty()) {
    protocol_.reset();
    compute_subscribed_topics();
    set_state(GroupState::empty, now);
    const StoreId id = ++last_store_;
    stores_.emplace(id, Emptied{});
    out.push_back(effect::Store{id, content()});
    return;
  }
  protocol_ = choose_protocol();
  compute_subscribed_topics();
  set_state(GroupState::completing_rebalance, now);
  for (auto& [id, member] : members_) {
    if (member.join != 0) answer_join(member, current_answer(member, is_leader(id)), out);
    member.is_new = false;
    keep_alive(member, now);
    not_synced_.insert(id);
  }
  GREGOR_ASSERT(waiting_joins_ == 0);
  if (is_planted(PlantedBug::no_sync_timeout)) return;
  sync_deadline_ms_ = now.monotonic_ms + rebalance_timeout_ms();
  note_deadline(*sync_deadline_ms_);
}

// Each member votes for the first of its protocols that all members know. Of protocols with equal
// votes the one wins that comes first in the leader's list.
std::string Group::choose_protocol() const {
  std::map<std::string_view, std::size_t> votes;
  for (const auto& [id, member] : members_) {
    auto vote = std::find_if(
        member.protocols.begin(), member.protocols.end(), [this](const Protocol& protocol) {
          return protocol_counts_.find(protocol.name)->second == members_.size();
        });
    if (vote != member.protocols.end()) ++votes[vote->name];
  }
  std::string_view chosen;
  std::size_t most = 0;
  auto leader = leader_ ? members_.find(*leader_) : members_.end();
  if (leader == members_.end()) return "";
  for (const Protocol& protocol : leader->second.protocols) {
    auto count = votes.find(protocol.name);
    if (count == votes.end() || count->second <= most) continue;
    most = count->second;
    chosen = protocol.name;
  }
  return std::string(chosen);
}

// Time

void Group::note_deadline(std::int64_t deadline_ms) {
  next_deadline_ms_ = std::min(next_deadline_ms_.value_or(deadline_ms), deadline_ms);
}

// A lower bound: deadlines that were moved are not looked at before the old ones have passed.
std::optional<std::int64_t> Group::next_deadline_ms() const { return next_deadline_ms_; }

void Group::find_next_deadline() {
  next_deadline_ms_.reset();
  for (const auto& [id, member] : members_) {
    if (member.deadline_ms) note_deadline(*member.deadline_ms);
  }
  for (const auto& [id, deadline_ms] : pending_) note_deadline(deadline_ms);
  if (join_deadline_ms_) note_deadline(*join_deadline_ms_);
  if (sync_deadline_ms_) note_deadline(*sync_deadline_ms_);
}

void Group::on_time(Moment now, Effects& out) {
  if (!next_deadline_ms_ || now.monotonic_ms < *next_deadline_ms_) return;
  auto is_due = [&now](const std::optional<std::int64_t>& deadline_ms) {
    return deadline_ms && *deadline_ms <= now.monotonic_ms;
  };
  std::vector<std::pair<std::int64_t, std::string>> due;
  for (const auto& [id, member] : members_) {
    if (is_due(member.deadline_ms)) due.emplace_back(*member.deadline_ms, id);
  }
  for (const auto& [id, deadline_ms] : pending_) {
    if (is_due(deadline_ms)) due.emplace_back(deadline_ms, id);
  }
  std::sort(due.begin(), due.end());
  // Time-outs of a whole rebalance first: members that they remove need no look of their own.
  if (is_due(join_deadline_ms_)) {
    if (join_is_initial_) {
      extend_or_complete_initial(now, out);
    } else {
      complete_join(now, out);
    }
  }
  if (is_due(sync_deadline_ms_)) expire_sync(now, out);
  for (const auto& [deadline_ms, id] : due) expire_member(id, now, out);
  find_next_deadline();
}

void Group::expire_member(const std::string& id, Moment now, Effects& out) {
  if (auto pending = pending_.find(id); pending != pending_.end()) {
    pending_.erase(pending);
    if (state_ == GroupState::preparing_rebalance && all_have_joined()) complete_join(now, out);
    return;
  }
  auto found = members_.find(id);
  if (found == members_.end()) return;
  Member& member = found->second;
  if (!member.deadline_ms || *member.deadline_ms > now.monotonic_ms) return;
  if (member.is_excused() && !is_planted(PlantedBug::expire_waiting)) {
    member.deadline_ms.reset();
    return;
  }
  remove_member(id, ErrorCode::unknown_member_id, out);
  if (state_ == GroupState::preparing_rebalance) {
    if (all_have_joined()) complete_join(now, out);
  } else {
    rebalance("the session of " + id + " has expired", now, out);
  }
}

// Members that were told the generation and did not come for their assignment.
void Group::expire_sync(Moment now, Effects& out) {
  sync_deadline_ms_.reset();
  if (not_synced_.empty()) return;
  const std::set<std::string, std::less<>> late = std::exchange(not_synced_, {});
  std::string names;
  for (const std::string& id : late) {
    names += (names.empty() ? "" : ", ") + id;
    remove_member(id, ErrorCode::unknown_member_id, out);
  }
  prepare_rebalance("no SyncGroup from " + names, now, out);
}

}  // namespace gregor::group
