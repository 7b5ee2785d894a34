// The committed offsets of one group: what is durable, and which partitions have a commit under
// way. No I/O and no clock: whoever appends the records tells when a commit begins and how it
// ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "group/coordinator_record.h"
#include "model/ids.h"

namespace gregor::group {

/// What of a group decides when its offsets expire.
struct ExpiryFacts {
  /// None: offsets of a consumer that assigns its partitions by itself, or set by an admin client.
  bool has_protocol_type = false;
  bool is_empty = true;  ///< no members, and nobody about to become one
  bool is_stable = false;
  std::int32_t generation = 0;  ///< 0: the group itself was never stored
  /// Since when it is in its state; nullopt if that was not stored.
  std::optional<model::TimestampMs> state_since;
  /// Topics of its members, if the group speaks the consumers' protocol and all could be read.
  std::optional<std::set<std::string, std::less<>>> subscribed;
};

/// Thread:    the shard of the group's partition of __consumer_offsets.
/// Order:     begin -> (append) -> commit or cancel, per partition as often as there are appends.
///            Of two durable commits the one with the greater offset in the log wins, whichever
///            ended first.
class GroupOffsets {
 public:
  struct Stored {
    CommittedOffset committed;
    model::Offset at;  ///< of its record in the log
  };

  /// @return nullptr if there is none (or none that is durable).
  [[nodiscard]] const CommittedOffset* find(std::string_view topic,
                                            model::PartitionIndex partition) const;
  /// A commit (or a removal) is on its way to the log.
  void begin(std::string_view topic, model::PartitionIndex partition);
  /// It failed: nothing changes.
  void cancel(std::string_view topic, model::PartitionIndex partition);
  /// It is durable. nullopt removes.
  void commit(std::string_view topic, model::PartitionIndex partition,
              std::optional<CommittedOffset> value, model::Offset at);
  /// As commit, for what is read from the log, without begin.
  void load(std::string_view topic, model::PartitionIndex partition,
            std::optional<CommittedOffset> value, model::Offset at);

  [[nodiscard]] bool is_empty() const { return count_ == 0; }
  /// No offset, and none under way.
  [[nodiscard]] bool is_unused() const { return topics_.empty(); }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool has_topic(std::string_view topic) const;
  /// In the order of topics and partitions.
  void for_each(const std::function<void(const std::string&, model::PartitionIndex, const Stored&)>&
                    visit) const;
  /// All, or those of one topic.
  [[nodiscard]] std::vector<model::TopicPartition> partitions(
      std::optional<std::string_view> topic = std::nullopt) const;

  /// What may go now: expired and with no commit under way. Source: Kafka's rules of
  /// offsets.retention.minutes (KIP-211, KIP-496).
  [[nodiscard]] std::vector<model::TopicPartition> expired(const ExpiryFacts& facts,
                                                           model::TimestampMs now,
                                                           std::int64_t retention_ms) const;

 private:
  struct Slot {
    std::optional<Stored> stored;
    model::Offset last_at{-1};  // of the last durable change
    std::uint32_t pending = 0;
  };
  using Partitions = std::map<model::PartitionIndex, Slot>;
  Slot& slot(std::string_view topic, model::PartitionIndex partition);
  void change(Slot& slot, std::optional<CommittedOffset> value, model::Offset at);
  void drop_if_unused(std::string_view topic, model::PartitionIndex partition);

  std::map<std::string, Partitions, std::less<>> topics_;
  std::size_t count_ = 0;  // slots with something stored
};

}  // namespace gregor::group
