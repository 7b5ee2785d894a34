// The groups of one shard: those whose partitions of __consumer_offsets are led here. Keeps their
// time and performs what they decide: answers travel to the shards of their connections, contents
// are written to the partition.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration_histogram.h"
#include "base/log.h"
#include "broker/groups/groups_of_shard.h"
#include "group/group.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"

namespace gregor::broker {

class BrokerShard;

/// A line of ListGroups.
struct ListedGroup {
  std::string id;
  std::string protocol_type;
  group::GroupState state = group::GroupState::dead;
};

/// A rebalance of a group, for people.
struct RebalanceReport {
  std::int64_t began_ms = 0;     ///< wall-clock
  std::int64_t took_ms = -1;     ///< until all had joined; -1 = it goes on
  std::int32_t generation = -1;  ///< that it led to
  std::size_t members = 0;       ///< of that generation
  std::string reason;            ///< with the member that it is about
};

/// A group as /debug/state and /metrics show it.
struct GroupReport {
  std::string id;
  group::GroupState state = group::GroupState::dead;
  std::string protocol_type;
  std::int32_t generation = 0;
  std::size_t members = 0;
  std::uint64_t rebalances_begun = 0;
  std::vector<RebalanceReport> rebalances;  ///< the last ones, oldest first
};

/// All groups of a shard together.
struct GroupFigures {
  std::map<std::string_view, std::size_t> states;  ///< how many groups are in each, by its name
  std::size_t members = 0;
  std::uint64_t rebalances = 0;  ///< begun so far
  DurationHistogram durations;   ///< of rebalances, from their reason until all had joined
  void merge(const GroupFigures& other);
};

/// Thread:    its shard.
/// Borrows:   the shard, must outlive it.
/// Requests:  their caller has found the partition to be active (GroupCoordinator::find).
class GroupShard final : public GroupsOfShard {
 public:
  explicit GroupShard(BrokerShard& shard);
  ~GroupShard() override;
  GroupShard(const GroupShard&) = delete;
  GroupShard& operator=(const GroupShard&) = delete;

  // Requests; join and sync are answered to GroupWaits on the shard that the request's number
  // names.

  void join(std::int32_t partition, const std::string& id, group::JoinRequest request);
  void sync(std::int32_t partition, const std::string& id, group::SyncRequest request);
  [[nodiscard]] ErrorCode heartbeat(std::int32_t partition, std::string_view id,
                                    const group::MemberClaim& member);
  /// @return per member; all unknown_member_id where there is no such group
  [[nodiscard]] std::vector<ErrorCode> leave(std::int32_t partition, std::string_view id,
                                             std::span<const group::LeavingMember> leaving);
  /// @return nullopt: there is no such group
  [[nodiscard]] std::optional<group::GroupDescription> describe(std::int32_t partition,
                                                                std::string_view id) const;
  [[nodiscard]] std::vector<ListedGroup> list(std::int32_t partition) const;
  /// Ends the group, if it has no members, and gives its content, for `bring_back`.
  /// @errors group_id_not_found, non_empty_group
  [[nodiscard]] Result<group::StoredGroup> take_out(std::int32_t partition, std::string_view id);
  /// The group could not be removed from the log.
  void bring_back(std::int32_t partition, const std::string& id, const group::StoredGroup& content);

  // Figures

  [[nodiscard]] GroupFigures figures() const;
  [[nodiscard]] std::size_t count() const;
  /// The first `count` groups in the order of their partitions and names, with their last rebalance
  /// only.
  [[nodiscard]] std::vector<GroupReport> reports(std::size_t count) const;
  /// With all rebalances that are remembered. @return nullopt: there is no such group
  [[nodiscard]] std::optional<GroupReport> report(std::int32_t partition,
                                                  std::string_view id) const;

  /// Stores under way are waited for; no request may come any more.
  runtime::Task<void> stop();

  // What the keeper of offsets asks

  void take_over(std::int32_t partition, LoadedGroups groups) override;
  void let_go(std::int32_t partition) override;
  [[nodiscard]] bool exists(std::int32_t partition, std::string_view id) const override;
  [[nodiscard]] bool has_room() const override;
  void ensure(std::int32_t partition, std::string_view id) override;
  void remove(std::int32_t partition, std::string_view id) override;
  [[nodiscard]] std::vector<std::string> ids(std::int32_t partition) const override;
  [[nodiscard]] ErrorCode check_commit(std::int32_t partition, std::string_view id,
                                       const group::MemberClaim& member) override;
  [[nodiscard]] ErrorCode check_offset_delete(std::int32_t partition,
                                              std::string_view id) const override;
  [[nodiscard]] bool is_subscribed(std::int32_t partition, std::string_view id,
                                   std::string_view topic) const override;
  [[nodiscard]] group::ExpiryFacts expiry_facts(std::int32_t partition,
                                                std::string_view id) const override;

 private:
  struct Entry {
    Entry(std::int32_t of, std::string name, std::uint64_t number, group::Group core)
        : partition(of), id(std::move(name)), serial(number), group(std::move(core)) {}
    std::int32_t partition;
    std::string id;
    std::uint64_t serial;  // another one for a group of the same id that was made later
    group::Group group;
    runtime::TimerId timer = 0;
    std::int64_t timer_ms = 0;
    std::uint64_t rebalances_begun = 0;
    std::deque<RebalanceReport> rebalances;
    std::int64_t rebalance_began_ms = 0;  // monotonic
  };
  using Entries = std::map<std::string, std::unique_ptr<Entry>, std::less<>>;

  [[nodiscard]] group::Moment moment() const;
  [[nodiscard]] Entry* find(std::int32_t partition, std::string_view id) const;
  Entry& add(std::int32_t partition, std::string_view id, group::Group core);
  void drop(Entry& entry);
  /// Performs what the group has decided, and looks to its time. The entry stays.
  void perform(Entry& entry, group::Effects effects);
  void answer(group::RequestId request, std::variant<group::JoinAnswer, group::SyncAnswer> answer);
  void arm(Entry& entry);
  void on_timer(std::int32_t partition, const std::string& id, std::uint64_t serial);
  runtime::Task<void> store(std::int32_t partition, std::string id, std::uint64_t serial,
                            group::effect::Store what);
  void note(Entry& entry, const group::effect::RebalanceBegan& began);
  void note(Entry& entry, const group::effect::RebalanceJoined& joined);
  [[nodiscard]] std::size_t rebalances_kept() const;
  [[nodiscard]] static GroupReport report_of(const Entry& entry, std::size_t count);

  BrokerShard& shard_;
  const group::GroupSettings settings_;
  std::map<std::int32_t, Entries> partitions_;
  std::uint64_t last_serial_ = 0;
  std::size_t count_ = 0;  // of all entries
  std::uint64_t rebalances_ = 0;
  DurationHistogram durations_;
  log::RateLimit lines_{20};
  runtime::TaskGroup stores_;
};

}  // namespace gregor::broker
