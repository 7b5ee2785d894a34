// GroupHistory: what consumer groups were told: who owns which partition in which generation, which
// offsets are committed, who is a member; and the invariants that follow. It is told of events and
// owns no clock, socket or file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error_code.h"
#include "runtime/clock.h"
#include "sim/partition_history.h"
#include "sim/violations.h"

namespace gregor::sim {

/// A partition as a group reads it.
struct OffsetPlace {
  std::string group;
  std::int32_t partition = 0;
  friend auto operator<=>(const OffsetPlace&, const OffsetPlace&) = default;
};

/// A generation of a group.
struct GroupEra {
  std::string group;
  std::int32_t generation = 0;
  friend auto operator<=>(const GroupEra&, const GroupEra&) = default;
};

using CommitNumber = std::size_t;

/// A commit on its way. Offsets are never committed twice for a place.
struct SentCommit {
  OffsetPlace place;
  std::int64_t offset = 0;
  std::int32_t generation = -1;  ///< -1: by a client that is no member
};

/// Thread: one. Invariants judged:
///   G1  no partition has two owners in one generation
///   G2  an acknowledged offset is what is read, until a later one is
///   G3  nothing is read that nobody committed, or that was refused
///   G4  what a member is assigned is what a leader of its generation has sent
///   G5  a commit of a generation that has ended is refused
///   G6  a member that gave a sign of life is known, until its time-outs, also over restarts
///   G8  once a static member has joined under a new id its old one is fenced, also over restarts
/// Owners of partitions are named by what stays over restarts of their processes: a static member's
/// instance id, else the member id. All else is told by member ids.
class GroupHistory {
 public:
  GroupHistory(bool is_flushed_each, Violations& violations)
      : is_flushed_each_(is_flushed_each), violations_(violations) {}

  // Members.

  /// A leader sends its assignments: partitions by owner.
  void assign(const GroupEra& era, std::map<std::string, std::set<std::int32_t>> partitions);
  /// A member was answered SyncGroup. [G1, G4]
  void own(const GroupEra& era, const std::string& owner, const std::set<std::int32_t>& partitions);
  /// A member that has been assigned something was answered as one, to what it sent at `sent`.
  /// @param limit  so long it is kept at least: the shorter of its time-outs
  /// @return true if the broker had been started anew since the last sign of life
  bool sign_of_life(const std::string& member, runtime::Instant sent, runtime::Duration limit);
  /// It was answered that it is not known, or fenced. [G6]
  void reject(const std::string& member, runtime::Instant now);
  /// It leaves, or is given up.
  void forget(const std::string& member) { members_.erase(member); }

  // Static members.

  /// The process of a static member that has started anew was answered JoinGroup, to what it sent
  /// at `sent`.
  void replace(const std::string& old_id, const std::string& new_id, runtime::Instant sent);
  /// Whether the broker must know of it now: until the new id was assigned something, nothing may
  /// be stored of it.
  [[nodiscard]] bool is_replaced(const std::string& id) const;
  /// What was sent under an id that is_replaced() was answered. [G8]
  void answer_replaced(const std::string& id, ErrorCode error, runtime::Instant now);

  // Offsets.

  /// An offset that was not committed before for this place.
  [[nodiscard]] std::int64_t next_offset(const OffsetPlace& place);
  CommitNumber send(SentCommit commit);
  /// [G5]
  void acknowledge(CommitNumber number);
  /// Answered with an error that says that it was not written.
  void refuse(CommitNumber number);
  /// When a fetch is sent.
  [[nodiscard]] std::uint64_t mark() const { return now_; }
  /// It was answered; nothing: no offset is committed. [G2, G3]
  void read(const OffsetPlace& place, std::uint64_t mark, std::optional<std::int64_t> offset);

  // The broker's life.

  void begin_life(runtime::Instant now);
  void end_life(Ending ending, runtime::Instant now);
  /// No answer of an earlier life can come any more.
  void resume() { is_void_ = false; }

 private:
  // Times are counts of events.
  struct Commit {
    SentCommit sent;
    std::uint64_t sent_at = 0;
    std::optional<std::uint64_t> acked_at{};  // or read
    std::optional<std::uint64_t> over_at{};   // from then on it is in the log or will never be
    bool is_refused = false;
    bool is_answered = false;  // so it is on the disk, if each commit is flushed
  };
  struct Place {
    std::vector<CommitNumber> commits;
    std::int64_t last_offset = 0;
  };
  struct Life {
    runtime::Instant began;
    std::optional<runtime::Instant> ended{};
  };
  struct Member {
    runtime::Instant last_sign;
    runtime::Duration limit{};
    std::size_t life = 0;
  };
  struct Replacement {
    std::string by;
    std::size_t life = 0;    // in which it joined
    bool is_stored = false;  // the new one was assigned something
  };
  [[nodiscard]] bool must_know(const Member& member, runtime::Instant now) const;
  [[nodiscard]] const std::string& newest_id(const std::string& id) const;
  void acknowledge_by(Commit& commit);
  void lose_all();
  void lose_groups();

  const bool is_flushed_each_;
  Violations& violations_;
  /// What was acknowledged may be lost: answers that are still on their way mean nothing.
  bool is_void_ = false;
  /// Lives since the last kill have read what lies in the page cache only.
  bool has_cached_ = false;
  std::uint64_t now_ = 0;
  std::vector<Commit> commits_;
  std::map<OffsetPlace, Place> places_;
  std::map<GroupEra, std::map<std::int32_t, std::string>> owners_;
  std::map<GroupEra, std::vector<std::map<std::string, std::set<std::int32_t>>>> assigned_;
  std::map<std::string, std::pair<std::int32_t, std::uint64_t>> newest_;  // generation, since when
  std::map<std::string, Member> members_;
  std::map<std::string, Replacement> replaced_;  // by the old id
  std::vector<Life> lives_;
};

}  // namespace gregor::sim
