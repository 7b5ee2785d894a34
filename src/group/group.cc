// What a group is, and who is in it. Joining: group_join.cc; rebalances and time:
// group_rebalance.cc; assignments: group_sync.cc.
#include "group/group.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "group/planted_bug.h"
#include "group/subscription.h"

namespace gregor::group {
namespace {

constexpr std::string_view consumer_protocol_type = "consumer";
// So many characters of a client's reason are told; clients send no more.
constexpr std::size_t told_max = 255;

}  // namespace

std::string_view state_name(GroupState state) {
  switch (state) {
    case GroupState::empty:
      return "Empty";
    case GroupState::preparing_rebalance:
      return "PreparingRebalance";
    case GroupState::completing_rebalance:
      return "CompletingRebalance";
    case GroupState::stable:
      return "Stable";
    case GroupState::dead:
      break;
  }
  return "Dead";
}

ErrorCode check_join(std::string_view group_id, std::int32_t session_timeout_ms,
                     const GroupSettings& settings) {
  if (group_id.empty()) return ErrorCode::invalid_group_id;
  if (session_timeout_ms < settings.session_timeout_min_ms ||
      session_timeout_ms > settings.session_timeout_max_ms) {
    return ErrorCode::invalid_session_timeout;
  }
  return ErrorCode::none;
}

Group::Group(const GroupSettings& settings, Moment now)
    : settings_(&settings), state_since_ms_(now.wall_ms) {}

Group::Group(const GroupSettings& settings, const StoredGroup& stored, Moment now, Effects& out)
    : settings_(&settings),
      state_(stored.members.empty() ? GroupState::empty : GroupState::stable),
      state_since_ms_(stored.state_since_ms),
      generation_(stored.generation),
      protocol_(stored.protocol),
      leader_(stored.leader) {
  if (!stored.protocol_type.empty()) protocol_type_ = stored.protocol_type;
  for (const StoredMember& from : stored.members) {
    if (is_planted(PlantedBug::forget_at_load) && &from == &stored.members.back()) break;
    Member member;
    member.id = from.member_id;
    member.instance_id = from.instance_id;
    member.client_id = from.client_id;
    member.client_host = from.client_host;
    member.session_timeout_ms = from.session_timeout_ms;
    member.rebalance_timeout_ms =
        from.rebalance_timeout_ms == -1 ? from.session_timeout_ms : from.rebalance_timeout_ms;
    if (protocol_) member.protocols.push_back({*protocol_, from.subscription});
    member.assignment = from.assignment;
    member.order = members_added_++;
    auto [place, is_first] = members_.emplace(member.id, std::move(member));
    if (!is_first) continue;
    if (place->second.instance_id) static_members_[*place->second.instance_id] = place->first;
    count_protocols(place->second, 1);
    keep_alive(place->second, now);
  }
  compute_subscribed_topics();
  if (members_.size() > static_cast<std::size_t>(settings.size_max))
    prepare_rebalance("the group is larger than group.max.size", now, out);
}

// Members

ErrorCode Group::validate_member(const MemberClaim& member) const {
  if (member.instance_id) {
    auto known = static_members_.find(*member.instance_id);
    if (known == static_members_.end()) return ErrorCode::unknown_member_id;
    if (known->second != member.member_id) return ErrorCode::fenced_instance_id;
  }
  return members_.contains(member.member_id) ? ErrorCode::none : ErrorCode::unknown_member_id;
}

ErrorCode Group::heartbeat(const MemberClaim& claim, Moment now) {
  if (state_ == GroupState::dead) return ErrorCode::coordinator_not_available;
  if (const ErrorCode error = validate_member(claim); error != ErrorCode::none) return error;
  if (claim.generation != generation_) return ErrorCode::illegal_generation;
  keep_alive(members_.find(claim.member_id)->second, now);
  return state_ == GroupState::preparing_rebalance ? ErrorCode::rebalance_in_progress
                                                   : ErrorCode::none;
}

std::vector<ErrorCode> Group::leave(std::span<const LeavingMember> leaving, Moment now,
                                    Effects& out) {
  std::vector<ErrorCode> answers;
  std::string gone;
  for (const LeavingMember& who : leaving) {
    std::string id = who.member_id;
    ErrorCode error = ErrorCode::none;
    if (state_ == GroupState::dead) {
      error = ErrorCode::coordinator_not_available;
    } else if (id.empty()) {
      auto known = who.instance_id ? static_members_.find(*who.instance_id) : static_members_.end();
      if (known == static_members_.end()) {
        error = ErrorCode::unknown_member_id;
      } else {
        id = known->second;
      }
    } else if (!pending_.contains(id)) {
      error = validate_member({id, who.instance_id, generation_});
    }
    answers.push_back(error);
    if (error != ErrorCode::none) continue;
    remove_member(id, ErrorCode::unknown_member_id, out);
    gone += (gone.empty() ? "" : ", ") + id;
    if (!who.reason.empty()) gone += " (" + who.reason.substr(0, told_max) + ")";
  }
  if (gone.empty()) return answers;
  if (state_ == GroupState::preparing_rebalance) {
    complete_join_if_all_are_here(now, out);
  } else if (state_ != GroupState::empty) {
    rebalance("left: " + gone, now, out);
  }
  return answers;
}

void Group::remove_member(const std::string& id, ErrorCode error, Effects& out) {
  pending_.erase(id);
  not_synced_.erase(id);
  auto found = members_.find(id);
  if (found == members_.end()) return;
  Member& member = found->second;
  JoinAnswer refused;
  refused.error = error;
  answer_join(member, std::move(refused), out);
  SyncAnswer refused_sync;
  refused_sync.error = error;
  answer_sync(member, std::move(refused_sync), out);
  count_protocols(member, -1);
  if (member.instance_id) {
    auto holder = static_members_.find(*member.instance_id);
    if (holder != static_members_.end() && holder->second == id) static_members_.erase(holder);
  }
  members_.erase(found);
  if (!is_leader(id)) return;
  leader_.reset();
  std::uint64_t lowest = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [other, candidate] : members_) {
    if (candidate.order >= lowest) continue;
    lowest = candidate.order;
    leader_ = other;
  }
}

void Group::count_protocols(const Member& member, int change) {
  for (const Protocol& protocol : member.protocols) {
    std::size_t& count = protocol_counts_[protocol.name];
    if (change > 0) {
      ++count;
    } else {
      GREGOR_ASSERT(count > 0);
      if (--count == 0) protocol_counts_.erase(protocol.name);
    }
  }
}

void Group::answer_join(Member& member, JoinAnswer answer, Effects& out) {
  if (member.join == 0) return;
  GREGOR_ASSERT(waiting_joins_ > 0);
  --waiting_joins_;
  out.push_back(effect::AnswerJoin{std::exchange(member.join, 0), std::move(answer)});
}

void Group::answer_sync(Member& member, SyncAnswer answer, Effects& out) {
  if (member.sync == 0) return;
  if (is_planted(PlantedBug::lose_answer) && answer.error == ErrorCode::rebalance_in_progress) {
    member.sync = 0;
    return;
  }
  out.push_back(effect::AnswerSync{std::exchange(member.sync, 0), std::move(answer)});
}

void Group::keep_alive(Member& member, Moment now) {
  member.deadline_ms = now.monotonic_ms + member.session_timeout_ms;
  if (!is_planted(PlantedBug::forget_deadline)) note_deadline(*member.deadline_ms);
}

void Group::stop(ErrorCode error, Effects& out) {
  for (auto& [id, member] : members_) {
    JoinAnswer refused;
    refused.error = error;
    refused.member_id = id;
    answer_join(member, std::move(refused), out);
    SyncAnswer refused_sync;
    refused_sync.error = error;
    answer_sync(member, std::move(refused_sync), out);
  }
  previous_ = std::exchange(state_, GroupState::dead);
  GREGOR_ASSERT(waiting_joins_ == 0);
  members_.clear();
  static_members_.clear();
  pending_.clear();
  protocol_counts_.clear();
  not_synced_.clear();
  leader_.reset();
  stores_.clear();
  join_deadline_ms_.reset();
  sync_deadline_ms_.reset();
  next_deadline_ms_.reset();
}

// Offsets

ErrorCode Group::validate_offset_commit(const MemberClaim& claim, bool is_transactional) const {
  if (state_ == GroupState::dead) return ErrorCode::coordinator_not_available;
  if (claim.generation < 0 && state_ == GroupState::empty) return ErrorCode::none;
  if (claim.generation >= 0 || !claim.member_id.empty() || claim.instance_id) {
    const ErrorCode error = validate_member(claim);
    const bool is_let_in =
        error == ErrorCode::fenced_instance_id && is_planted(PlantedBug::accept_fenced);
    if (error != ErrorCode::none && !is_let_in) return error;
    if (claim.generation != generation_ && !is_planted(PlantedBug::accept_old_commit))
      return ErrorCode::illegal_generation;
  } else if (!is_transactional && state_ != GroupState::empty) {
    return ErrorCode::unknown_member_id;
  }
  if (!is_transactional && state_ == GroupState::completing_rebalance)
    return ErrorCode::rebalance_in_progress;
  return ErrorCode::none;
}

void Group::note_offset_commit(std::string_view member_id, Moment now) {
  if (state_ != GroupState::stable && state_ != GroupState::preparing_rebalance) return;
  if (auto found = members_.find(member_id); found != members_.end())
    keep_alive(found->second, now);
}

ErrorCode Group::validate_delete() const {
  if (state_ == GroupState::dead) return ErrorCode::group_id_not_found;
  return state_ == GroupState::empty ? ErrorCode::none : ErrorCode::non_empty_group;
}

// What it is

bool Group::uses_consumer_protocol() const { return protocol_type_ == consumer_protocol_type; }

bool Group::is_subscribed_to(std::string_view topic) const {
  if (!subscribed_topics_) return uses_consumer_protocol();
  return subscribed_topics_->contains(topic);
}

void Group::compute_subscribed_topics() {
  subscribed_topics_.reset();
  if (!uses_consumer_protocol()) return;
  if (members_.empty()) {
    subscribed_topics_.emplace();
    return;
  }
  if (!protocol_) return;
  std::set<std::string, std::less<>> topics;
  for (const auto& [id, member] : members_) {
    const OwnedBytes* metadata = member.metadata(*protocol_);
    const auto read = metadata ? group::subscribed_topics(*metadata) : std::nullopt;
    if (!read) return;
    for (const std::string_view topic : *read) {
      if (!topics.contains(topic)) topics.emplace(topic);
    }
  }
  subscribed_topics_ = std::move(topics);
}

StoredGroup Group::content() const {
  StoredGroup content;
  fill(content, nullptr);
  return content;
}

void Group::fill(StoredGroup& content,
                 const std::map<std::string, OwnedBytes, std::less<>>* assignments) const {
  content.protocol_type = protocol_type_.value_or("");
  content.generation = generation_;
  content.protocol = protocol_;
  content.leader = leader_;
  content.state_since_ms = state_since_ms_;
  for (const auto& [id, member] : members_) {
    StoredMember to;
    to.member_id = id;
    to.instance_id = member.instance_id;
    to.client_id = member.client_id;
    to.client_host = member.client_host;
    to.rebalance_timeout_ms = member.rebalance_timeout_ms;
    to.session_timeout_ms = member.session_timeout_ms;
    const OwnedBytes* metadata = protocol_ ? member.metadata(*protocol_) : nullptr;
    if (metadata != nullptr) to.subscription = *metadata;
    if (assignments == nullptr) {
      to.assignment = member.assignment;
    } else if (auto given = assignments->find(id); given != assignments->end()) {
      to.assignment = given->second;
    }
    content.members.push_back(std::move(to));
  }
}

GroupDescription Group::describe() const {
  GroupDescription description;
  description.state = state_;
  description.protocol_type = protocol_type_.value_or("");
  const bool is_stable = state_ == GroupState::stable;
  if (is_stable) description.protocol = protocol_.value_or("");
  for (const auto& [id, member] : members_) {
    DescribedMember to;
    to.member_id = id;
    to.instance_id = member.instance_id;
    to.client_id = member.client_id;
    to.client_host = member.client_host;
    const OwnedBytes* metadata = is_stable && protocol_ ? member.metadata(*protocol_) : nullptr;
    if (metadata != nullptr) to.metadata = *metadata;
    if (is_stable) to.assignment = member.assignment;
    description.members.push_back(std::move(to));
  }
  return description;
}

}  // namespace gregor::group
