// JoinGroup: who may join, and what a join changes.
#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.h"
#include "group/group.h"
#include "group/planted_bug.h"

namespace gregor::group {
namespace {

// A new member's first join is given up after so long: until it is answered the client can't send
// heartbeats. Source: Apache Kafka, group coordinator.
constexpr std::int64_t new_member_join_timeout_ms = 5 * 60 * 1000;

void refuse(const JoinRequest& request, ErrorCode error, std::string member_id, Effects& out) {
  JoinAnswer answer;
  answer.error = error;
  answer.member_id = std::move(member_id);
  out.push_back(effect::AnswerJoin{request.request, std::move(answer)});
}

void drop_repeated(std::vector<Protocol>& protocols) {
  std::set<std::string_view> seen;
  std::vector<bool> is_first(protocols.size());
  for (std::size_t i = 0; i < protocols.size(); ++i)
    is_first[i] = seen.insert(protocols[i].name).second;
  if (seen.size() == protocols.size()) return;
  std::vector<Protocol> kept;
  for (std::size_t i = 0; i < protocols.size(); ++i) {
    if (is_first[i]) kept.push_back(std::move(protocols[i]));
  }
  protocols = std::move(kept);
}

// Why a rebalance begins, with what the client said.
std::string because(std::string what, const JoinRequest& request) {
  constexpr std::size_t told_max = 255;  // clients send no more
  if (!request.reason.empty()) what += "; client: " + request.reason.substr(0, told_max);
  return what;
}

}  // namespace

void Group::join(JoinRequest request, Moment now, Effects& out) {
  GREGOR_ASSERT(request.request != 0);
  drop_repeated(request.protocols);
  if (state_ == GroupState::dead)
    return refuse(request, ErrorCode::coordinator_not_available, request.member_id, out);
  if (!accepts(request)) {
    refuse(request, ErrorCode::group_max_size_reached, "", out);
    remove_member(request.member_id, ErrorCode::group_max_size_reached, out);
    return complete_join_if_all_are_here(now, out);
  }
  if (!supports(request))
    return refuse(request, ErrorCode::inconsistent_group_protocol, request.member_id, out);
  if (request.member_id.empty()) return join_new(request, now, out);
  join_known(request, now, out);
}

// While members come back, those that wait are counted: so the last ones of a group that has become
// too large are turned away.
bool Group::accepts(const JoinRequest& request) const {
  const auto size_max = static_cast<std::size_t>(settings_->size_max);
  auto known = members_.find(request.member_id);
  switch (state_) {
    case GroupState::preparing_rebalance:
      return (known != members_.end() && known->second.join != 0) || waiting_joins_ < size_max;
    case GroupState::completing_rebalance:
    case GroupState::stable:
      return known != members_.end() || members_.size() < size_max;
    case GroupState::empty:
    case GroupState::dead:
      break;
  }
  return true;
}

bool Group::supports(const JoinRequest& request) const {
  if (state_ == GroupState::empty)
    return !request.protocol_type.empty() && !request.protocols.empty();
  if (protocol_type_ != request.protocol_type) return false;
  return std::any_of(
      request.protocols.begin(), request.protocols.end(), [this](const Protocol& protocol) {
        auto count = protocol_counts_.find(protocol.name);
        return (count == protocol_counts_.end() ? 0 : count->second) == members_.size();
      });
}

void Group::join_new(JoinRequest& request, Moment now, Effects& out) {
  GREGOR_ASSERT(!request.new_member_id.empty());
  if (request.instance_id) {
    auto known = static_members_.find(*request.instance_id);
    if (known == static_members_.end()) return add_member(request, request.new_member_id, now, out);
    const std::string old_id = known->second;
    return replace_static(old_id, request, now, out);
  }
  if (!request.requires_known_member_id)
    return add_member(request, request.new_member_id, now, out);
  const std::int64_t deadline_ms = now.monotonic_ms + request.session_timeout_ms;
  pending_[request.new_member_id] = deadline_ms;
  note_deadline(deadline_ms);
  refuse(request, ErrorCode::member_id_required, request.new_member_id, out);
}

void Group::join_known(JoinRequest& request, Moment now, Effects& out) {
  if (pending_.contains(request.member_id)) {
    // A static member is never pending.
    if (request.instance_id) return refuse(request, ErrorCode::unknown_server_error, "", out);
    return add_member(request, std::string(request.member_id), now, out);
  }
  const ErrorCode error = validate_member({request.member_id, request.instance_id, generation_});
  if (error != ErrorCode::none) return refuse(request, error, request.member_id, out);
  rejoin(members_.find(request.member_id)->second, request, now, out);
}

void Group::rejoin(Member& member, JoinRequest& request, Moment now, Effects& out) {
  const bool has_changed = member.protocols != request.protocols;
  std::string reason;
  switch (state_) {
    case GroupState::preparing_rebalance:
      update_member(member, request, out);
      return complete_join_if_all_are_here(now, out);
    case GroupState::completing_rebalance:
      // It may not have got the answer of this generation.
      if (!has_changed) {
        out.push_back(
            effect::AnswerJoin{request.request, current_answer(member, is_leader(member.id))});
        return;
      }
      reason = "changed metadata of " + member.id;
      break;
    case GroupState::stable:
      // The leader comes back when what it assigns has changed, e.g. the partitions of a topic.
      if (!is_leader(member.id) && !has_changed) {
        out.push_back(effect::AnswerJoin{request.request, current_answer(member, false)});
        return;
      }
      reason = (has_changed ? "changed metadata of " : "the leader joins again, ") + member.id;
      break;
    case GroupState::empty:
    case GroupState::dead:
      return refuse(request, ErrorCode::unknown_member_id, request.member_id, out);
  }
  reason = because(std::move(reason), request);
  if (has_changed && is_planted(PlantedBug::forget_member))
    return remove_member(request.member_id, ErrorCode::unknown_member_id, out);
  update_member(member, request, out);
  rebalance(reason, now, out);
}

void Group::add_member(JoinRequest& request, const std::string& id, Moment now, Effects& out) {
  if (state_ == GroupState::preparing_rebalance && previous_ == GroupState::empty)
    initial_has_new_member_ = true;
  const std::string reason = because("new member " + id, request);
  if (members_.empty()) protocol_type_ = request.protocol_type;
  pending_.erase(id);
  Member& member = members_[id];
  GREGOR_ASSERT(member.id.empty());
  member.id = id;
  member.instance_id = request.instance_id;
  member.client_id = std::move(request.client_id);
  member.client_host = std::move(request.client_host);
  member.order = members_added_++;
  member.is_new = true;
  if (member.instance_id) static_members_[*member.instance_id] = id;
  if (!leader_) leader_ = id;
  update_member(member, request, out);
  member.deadline_ms = now.monotonic_ms + new_member_join_timeout_ms;
  note_deadline(*member.deadline_ms);
  rebalance(reason, now, out);
}

// Its join waits from now on; one that it sent before is over.
void Group::update_member(Member& member, JoinRequest& request, Effects& out) {
  JoinAnswer replaced;
  replaced.error = ErrorCode::rebalance_in_progress;
  replaced.member_id = member.id;
  answer_join(member, std::move(replaced), out);
  count_protocols(member, -1);
  member.protocols = std::move(request.protocols);
  count_protocols(member, 1);
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.session_timeout_ms = request.session_timeout_ms;
  member.join = request.request;
  ++waiting_joins_;
}

JoinAnswer Group::current_answer(const Member& member, bool with_members) const {
  JoinAnswer answer;
  answer.generation = generation_;
  answer.protocol_type = protocol_type_;
  answer.protocol = protocol_;
  answer.leader = leader_.value_or("");
  answer.member_id = member.id;
  if (!with_members) return answer;
  answer.members.reserve(members_.size());
  for (const auto& [id, other] : members_) {
    const OwnedBytes* metadata = protocol_ ? other.metadata(*protocol_) : nullptr;
    answer.members.push_back(
        {id, other.instance_id, metadata != nullptr ? *metadata : OwnedBytes()});
  }
  return answer;
}

// Static members

void Group::replace_static(const std::string& old_id, JoinRequest& request, Moment now,
                           Effects& out) {
  StaticReplaced replaced;
  replaced.request = request.request;
  replaced.old_id = old_id;
  replaced.new_id = request.new_member_id;
  replaced.old_leader = leader_.value_or("");
  replaced.can_skip_assignment = request.can_skip_assignment;
  Member& member = rename_static(old_id, request.new_member_id, out);
  replaced.old_protocols = member.protocols;
  replaced.old_rebalance_timeout_ms = member.rebalance_timeout_ms;
  replaced.old_session_timeout_ms = member.session_timeout_ms;
  keep_alive(member, now);
  const std::string reason = because(
      "static member " + *request.instance_id + " has started anew as " + request.new_member_id,
      request);
  update_member(member, request, out);
  switch (state_) {
    case GroupState::stable:
      if (choose_protocol() == protocol_.value_or(""))
        return store_replaced(std::move(replaced), out);
      return rebalance(reason, now, out);
    case GroupState::completing_rebalance:
      // The leader may be assigning to the old id.
      return prepare_rebalance(reason, now, out);
    default:
      return complete_join_if_all_are_here(now, out);
  }
}

// Whoever still waits under the old id is fenced.
Member& Group::rename_static(const std::string& old_id, const std::string& new_id, Effects& out) {
  auto node = members_.extract(old_id);
  GREGOR_ASSERT(!node.empty());
  JoinAnswer fenced;
  fenced.error = ErrorCode::fenced_instance_id;
  fenced.member_id = old_id;
  answer_join(node.mapped(), std::move(fenced), out);
  SyncAnswer fenced_sync;
  fenced_sync.error = ErrorCode::fenced_instance_id;
  answer_sync(node.mapped(), std::move(fenced_sync), out);
  node.key() = new_id;
  node.mapped().id = new_id;
  node.mapped().is_new = false;
  if (is_leader(old_id)) leader_ = new_id;
  if (not_synced_.erase(old_id) > 0) not_synced_.insert(new_id);
  static_members_[*node.mapped().instance_id] = new_id;
  return members_.insert(std::move(node)).position->second;
}

void Group::store_replaced(StaticReplaced replaced, Effects& out) {
  const StoreId id = ++last_store_;
  stores_.emplace(id, std::move(replaced));
  out.push_back(effect::Store{id, content()});
}

void Group::end_replacement(const StaticReplaced& replaced, ErrorCode error, Moment now,
                            Effects& out) {
  auto found = members_.find(replaced.new_id);
  // It may have left, been replaced again, or been answered with a newer generation.
  if (found == members_.end() || found->second.join != replaced.request) return;
  Member& member = found->second;
  if (error == ErrorCode::none) {
    const bool leads = replaced.can_skip_assignment && is_leader(member.id);
    JoinAnswer answer = current_answer(member, leads);
    answer.skip_assignment = leads;
    // A client that can't skip the assignment must not take itself for the leader.
    if (!replaced.can_skip_assignment) answer.leader = replaced.old_leader;
    answer_join(member, std::move(answer), out);
    return keep_alive(member, now);
  }
  JoinAnswer refused = current_answer(member, false);
  refused.error = error;
  refused.leader = replaced.old_leader;
  refused.member_id.clear();
  answer_join(member, std::move(refused), out);
  count_protocols(member, -1);
  member.protocols = replaced.old_protocols;
  count_protocols(member, 1);
  member.rebalance_timeout_ms = replaced.old_rebalance_timeout_ms;
  member.session_timeout_ms = replaced.old_session_timeout_ms;
  keep_alive(rename_static(replaced.new_id, replaced.old_id, out), now);
}

}  // namespace gregor::group
