#include "sim/group_history.h"

#include <fmt/format.h>

#include <algorithm>

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

void GroupHistory::own(const GroupEra& era, const std::string& member,
                       const std::set<std::int32_t>& partitions) {
  if (is_void_) return;
  ++now_;
  auto& owners = owners_[era];
  for (const std::int32_t partition : partitions) {
    const auto [owner, is_first] = owners.emplace(partition, member);
    if (is_first || owner->second == member) continue;
    violations_.add("G1", fmt::format("group {}, generation {}: partition {} belongs to {} and {}",
                                      era.group, era.generation, partition, owner->second, member));
  }
  const auto& sent = assigned_[era];
  const bool was_sent =
      std::any_of(sent.begin(), sent.end(), [&member, &partitions](const auto& assignment) {
        const auto given = assignment.find(member);
        return given == assignment.end() ? partitions.empty() : given->second == partitions;
      });
  if (!was_sent) {
    violations_.add(
        "G4", fmt::format("group {}, generation {}: {} was assigned what no leader sent", era.group,
                          era.generation, member));
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
  return is_over_restart;
}

void GroupHistory::reject(const std::string& member, runtime::Instant now) {
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  const Member known = found->second;
  members_.erase(found);
  bool must_know = false;
  if (known.life + 1 == lives_.size()) {
    must_know = now - known.last_sign < known.limit;
  } else {
    // Time-outs begin anew when the group is loaded.
    must_know = *lives_[known.life].ended - known.last_sign < known.limit &&
                now - lives_[known.life + 1].began < known.limit;
  }
  if (must_know)
    violations_.add("G6", fmt::format("member {} was forgotten before its time-outs", member));
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
  if (ending == Ending::power && !is_flushed_each_) lose_all();
}

// Any end of the log may be gone, so nothing that is known of it holds, and generations come again.
// What leaders have sent stays: what is left of the log has it.
void GroupHistory::lose_all() {
  is_void_ = true;
  for (Commit& commit : commits_) commit.acked_at.reset();
  owners_.clear();
  newest_.clear();
  members_.clear();
}

}  // namespace gregor::sim
