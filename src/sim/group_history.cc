#include "sim/group_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace gregor::sim {
namespace {

std::string name_of(const OffsetPlace& place) {
  return fmt::format("group {}, partition {}", place.group, place.partition);
}

}  // namespace

void GroupHistory::assign(const GroupEra& era,
                          std::map<std::string, std::set<std::int32_t>> partitions) {
  assigned_[era].push_back(std::move(partitions));
}

void GroupHistory::own(const GroupEra& era, const std::string& owner,
                       const std::set<std::int32_t>& partitions) {
  if (is_void_) return;
  ++now_;
  auto& owners = owners_[era];
  for (const std::int32_t partition : partitions) {
    const auto [known, is_first] = owners.emplace(partition, owner);
    if (is_first || known->second == owner) continue;
    violations_.add("G1", fmt::format("group {}, generation {}: partition {} belongs to {} and {}",
                                      era.group, era.generation, partition, known->second, owner));
  }
  const auto& sent = assigned_[era];
  const bool was_sent =
      std::any_of(sent.begin(), sent.end(), [&owner, &partitions](const auto& assignment) {
        const auto given = assignment.find(owner);
        return given == assignment.end() ? partitions.empty() : given->second == partitions;
      });
  if (!was_sent) {
    violations_.add(
        "G4", fmt::format("group {}, generation {}: {} was assigned what no leader sent", era.group,
                          era.generation, owner));
  }
  auto& [generation, since] = newest_[era.group];
  if (era.generation <= generation && since > 0) return;
  generation = era.generation;
  since = now_;
}

bool GroupHistory::sign_of_life(const std::string& member, runtime::Instant sent,
                                runtime::Duration limit) {
  GREGOR_ASSERT(!lives_.empty());
  if (is_void_) return false;
  Member& known = members_[member];
  const bool is_over_restart = known.limit > runtime::Duration(0) && known.life + 1 < lives_.size();
  known.last_sign = std::max(known.last_sign, sent);
  known.limit = limit;
  known.life = lives_.size() - 1;
  for (auto& [id, replacement] : replaced_) {
    if (newest_id(id) == member) replacement.is_stored = true;
  }
  return is_over_restart;
}

bool GroupHistory::must_know(const Member& member, runtime::Instant now) const {
  if (member.life + 1 == lives_.size()) return now - member.last_sign < member.limit;
  // Time-outs begin anew when the group is loaded.
  return *lives_[member.life].ended - member.last_sign < member.limit &&
         now - lives_[member.life + 1].began < member.limit;
}

void GroupHistory::reject(const std::string& member, runtime::Instant now) {
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  const Member known = found->second;
  members_.erase(found);
  if (must_know(known, now))
    violations_.add("G6", fmt::format("member {} was forgotten before its time-outs", member));
}

void GroupHistory::replace(const std::string& old_id, const std::string& new_id,
                           runtime::Instant sent) {
  // An answer of an earlier life says nothing about this one.
  if (is_void_ || sent < lives_.back().began) return;
  members_.erase(old_id);
  replaced_[old_id] = {new_id, lives_.size() - 1};
}

const std::string& GroupHistory::newest_id(const std::string& id) const {
  const std::string* newest = &id;
  for (auto next = replaced_.find(id); next != replaced_.end(); next = replaced_.find(*newest))
    newest = &next->second.by;
  return *newest;
}

bool GroupHistory::is_replaced(const std::string& id) const {
  const auto found = replaced_.find(id);
  if (found == replaced_.end()) return false;
  return found->second.is_stored || found->second.life + 1 == lives_.size();
}

void GroupHistory::answer_replaced(const std::string& id, ErrorCode error, runtime::Instant now) {
  if (is_void_ || error == ErrorCode::fenced_instance_id) return;
  if (error != ErrorCode::unknown_member_id && error != ErrorCode::group_id_not_found) {
    violations_.add("G8", fmt::format("{}, which was replaced by {}, is answered {}", id,
                                      newest_id(id), error_name(error)));
    return;
  }
  const auto newest = members_.find(newest_id(id));
  if (newest == members_.end() || !must_know(newest->second, now)) return;
  violations_.add("G8", fmt::format("{} is not fenced but unknown, although {} has its place", id,
                                    newest->first));
}

std::int64_t GroupHistory::next_offset(const OffsetPlace& place) {
  return ++places_[place].last_offset;
}

CommitNumber GroupHistory::send(SentCommit sent) {
  const CommitNumber number = commits_.size();
  places_[sent.place].commits.push_back(number);
  Commit commit;
  commit.sent = std::move(sent);
  commit.sent_at = ++now_;
  commits_.push_back(std::move(commit));
  return number;
}

void GroupHistory::acknowledge_by(Commit& commit) {
  ++now_;
  if (!commit.acked_at) commit.acked_at = now_;
  if (!commit.over_at) commit.over_at = now_;
}

void GroupHistory::acknowledge(CommitNumber number) {
  if (is_void_) return;
  Commit& commit = commits_.at(number);
  commit.is_answered = true;
  acknowledge_by(commit);
  const auto newest = newest_.find(commit.sent.place.group);
  if (commit.sent.generation < 0 || newest == newest_.end()) return;
  const auto& [generation, since] = newest->second;
  if (commit.sent.generation >= generation || commit.sent_at < since) return;
  violations_.add("G5",
                  fmt::format("{}: a commit of generation {} was taken in generation {}",
                              name_of(commit.sent.place), commit.sent.generation, generation));
}

void GroupHistory::refuse(CommitNumber number) {
  Commit& commit = commits_.at(number);
  commit.is_refused = true;
  commit.over_at = ++now_;
}

void GroupHistory::read(const OffsetPlace& place, std::uint64_t mark,
                        std::optional<std::int64_t> offset) {
  if (is_void_) return;
  Place& known = places_[place];
  // What was over before this was sent is not there any more.
  std::uint64_t newest_acked = 0;
  for (const CommitNumber number : known.commits) {
    const Commit& commit = commits_[number];
    if (commit.acked_at && *commit.acked_at <= mark)
      newest_acked = std::max(newest_acked, commit.sent_at);
  }
  if (!offset) {
    if (newest_acked > 0)
      violations_.add("G2", fmt::format("{}: a committed offset is gone", name_of(place)));
    return;
  }
  for (const CommitNumber number : known.commits) {
    Commit& commit = commits_[number];
    if (commit.sent.offset != *offset) continue;
    if (commit.is_refused)
      violations_.add("G3", fmt::format("{}: {} was refused and is read", name_of(place), *offset));
    if (commit.over_at && *commit.over_at < newest_acked) {
      violations_.add("G2", fmt::format("{}: {} is read, a later offset was acknowledged",
                                        name_of(place), *offset));
    }
    return acknowledge_by(commit);
  }
  violations_.add("G3",
                  fmt::format("{}: {} is read, nobody committed it", name_of(place), *offset));
}

void GroupHistory::begin_life(runtime::Instant now) { lives_.push_back({now}); }

void GroupHistory::end_life(Ending ending, runtime::Instant now) {
  ++now_;
  if (!lives_.empty() && !lives_.back().ended) lives_.back().ended = now;
  for (Commit& commit : commits_) {
    if (!commit.over_at) commit.over_at = now_;
  }
  const bool had_cached = std::exchange(has_cached_, ending == Ending::kill);
  if (ending != Ending::power) return;
  if (!is_flushed_each_) return lose_all();
  if (!had_cached) return;
  for (Commit& commit : commits_) {
    if (!commit.is_answered) commit.acked_at.reset();
  }
  lose_groups();
}

// Any end of the log may be gone, so nothing that is known of it holds, and generations come again.
// What leaders have sent stays: what is left of the log has it.
void GroupHistory::lose_all() {
  for (Commit& commit : commits_) commit.acked_at.reset();
  lose_groups();
}

void GroupHistory::lose_groups() {
  is_void_ = true;
  owners_.clear();
  newest_.clear();
  members_.clear();
  replaced_.clear();
}

}  // namespace gregor::sim
