// SyncGroup: the leader's assignments, stored and handed out.
#include <utility>

#include "base/assert.h"
#include "group/group.h"
#include "group/planted_bug.h"

namespace gregor::group {
namespace {

bool contradicts(const std::optional<std::string>& said, const std::optional<std::string>& is) {
  return said && is && *said != *is;
}

void refuse(RequestId request, ErrorCode error, Effects& out) {
  SyncAnswer answer;
  answer.error = error;
  out.push_back(effect::AnswerSync{request, std::move(answer)});
}

}  // namespace

ErrorCode Group::validate_sync(const SyncRequest& request) const {
  if (state_ == GroupState::dead) return ErrorCode::coordinator_not_available;
  if (const ErrorCode error = validate_member(request.member); error != ErrorCode::none)
    return error;
  if (request.member.generation != generation_ && !is_planted(PlantedBug::accept_old_sync))
    return ErrorCode::illegal_generation;
  if (contradicts(request.protocol_type, protocol_type_) ||
      contradicts(request.protocol, protocol_)) {
    return ErrorCode::inconsistent_group_protocol;
  }
  return state_ == GroupState::preparing_rebalance ? ErrorCode::rebalance_in_progress
                                                   : ErrorCode::none;
}

void Group::sync(SyncRequest request, Moment now, Effects& out) {
  GREGOR_ASSERT(request.request != 0);
  const ErrorCode error = validate_sync(request);
  if (error != ErrorCode::none) return refuse(request.request, error, out);
  Member& member = members_.find(request.member.member_id)->second;
  not_synced_.erase(member.id);
  if (not_synced_.empty()) sync_deadline_ms_.reset();
  if (state_ == GroupState::stable) {
    SyncAnswer answer;
    answer.protocol_type = protocol_type_;
    answer.protocol = protocol_;
    answer.assignment = member.assignment;
    out.push_back(effect::AnswerSync{request.request, std::move(answer)});
    return;
  }
  GREGOR_ASSERT(state_ == GroupState::completing_rebalance);
  SyncAnswer replaced;
  replaced.error = ErrorCode::rebalance_in_progress;
  answer_sync(member, std::move(replaced), out);
  member.sync = request.request;
  if (!is_leader(member.id)) return;
  sync_of_leader(request, out);
  if (is_planted(PlantedBug::answer_unstored)) on_stored(last_store_, ErrorCode::none, now, out);
}

void Group::sync_of_leader(SyncRequest& request, Effects& out) {
  // Sent again while the first is being stored: that one counts.
  for (const auto& [id, pending] : stores_) {
    const auto* synced = std::get_if<LeaderSynced>(&pending);
    if (synced != nullptr && synced->generation == generation_) return;
  }
  LeaderSynced synced;
  synced.generation = generation_;
  synced.leader = request.member.member_id;
  for (MemberAssignment& given : request.assignments)
    synced.assignments[std::move(given.member_id)] = std::move(given.assignment);
  effect::Store store;
  store.id = ++last_store_;
  fill(store.content, &synced.assignments);
  stores_.emplace(store.id, std::move(synced));
  out.push_back(std::move(store));
}

void Group::on_stored(StoreId id, ErrorCode error, Moment now, Effects& out) {
  auto node = stores_.extract(id);
  if (node.empty()) return;  // stopped meanwhile
  if (const auto* synced = std::get_if<LeaderSynced>(&node.mapped())) {
    end_sync(*synced, error, now, out);
  } else if (const auto* replaced = std::get_if<StaticReplaced>(&node.mapped())) {
    end_replacement(*replaced, error, now, out);
  }
  // A group that is empty stays so whether or not that could be stored: an older generation that
  // comes back from the log runs into its time-outs.
}

void Group::end_sync(const LeaderSynced& synced, ErrorCode error, Moment now, Effects& out) {
  if (state_ != GroupState::completing_rebalance || synced.generation != generation_) return;
  if (error != ErrorCode::none) {
    refuse_syncs(error, now, out);
    return rebalance("the assignment could not be stored (" + std::string(error_name(error)) + ")",
                     now, out);
  }
  for (auto& [id, member] : members_) {
    auto given = synced.assignments.find(id);
    if (given == synced.assignments.end() && is_planted(PlantedBug::keep_old_assignment)) continue;
    member.assignment = given == synced.assignments.end() ? OwnedBytes() : given->second;
  }
  set_state(GroupState::stable, now);
  for (auto& [id, member] : members_) {
    if (member.sync == 0) continue;
    SyncAnswer answer;
    answer.protocol_type = protocol_type_;
    answer.protocol = protocol_;
    answer.assignment = member.assignment;
    answer_sync(member, std::move(answer), out);
    keep_alive(member, now);
  }
}

// No assignment of this generation counts any more.
void Group::refuse_syncs(ErrorCode error, Moment now, Effects& out) {
  for (auto& [id, member] : members_) {
    member.assignment.clear();
    if (member.sync == 0) continue;
    SyncAnswer answer;
    answer.error = error;
    answer_sync(member, std::move(answer), out);
    keep_alive(member, now);
  }
}

}  // namespace gregor::group
