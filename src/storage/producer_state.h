// What a log knows of the producers that append to it: the last batches of each, for duplicates and
// gaps, and the transactions that are open. Decides; reads and writes nothing.
//
// Batches are staged before they are written: what is asked here is judged by all that is staged,
// what is shown (snapshots, listings) is what is written, and staged() can be taken back.
// Source: KIP-98, KIP-360; docs/formats/log_segment.md.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/end_marker.h"
#include "model/ids.h"
#include "storage/producer_rules.h"
#include "storage/transaction_index.h"

namespace gregor::storage {

/// A batch as its producer numbered it, and where it lies.
struct ProducedBatch {
  model::ProducerId producer{-1};
  model::ProducerEpoch epoch{-1};
  std::int32_t base_sequence = -1;
  model::Offset first;
  model::Offset last;
  model::TimestampMs max_timestamp{-1};
  bool is_transactional = false;

  [[nodiscard]] std::int32_t last_sequence() const;
};

/// One of the last batches of a producer.
struct RememberedBatch {
  std::int32_t last_sequence = -1;
  std::int32_t offset_delta = 0;  ///< last offset - first offset
  model::Offset last{-1};
  model::TimestampMs timestamp{-1};

  [[nodiscard]] std::int32_t first_sequence() const;
  [[nodiscard]] model::Offset first() const { return last - offset_delta; }
  friend bool operator==(const RememberedBatch&, const RememberedBatch&) = default;
};

/// What is remembered of one producer.
struct ProducerEntry {
  static constexpr std::size_t batches_max = 5;

  model::ProducerId id{-1};
  model::ProducerEpoch epoch{-1};
  std::uint8_t batch_count = 0;
  std::array<RememberedBatch, batches_max> batches{};  ///< the first batch_count; oldest first
  std::int32_t coordinator_epoch = -1;
  model::TimestampMs last_timestamp{-1};  ///< of the last batch or marker
  model::Offset transaction_start{-1};    ///< -1: no transaction is open
  std::int64_t used_ms = 0;               ///< wall clock of the last append

  [[nodiscard]] const RememberedBatch* last_batch() const {
    return batch_count == 0 ? nullptr : &batches[batch_count - 1];
  }
  [[nodiscard]] std::int32_t last_sequence() const {
    return batch_count == 0 ? -1 : last_batch()->last_sequence;
  }
  [[nodiscard]] bool has_transaction() const { return transaction_start >= model::Offset(0); }
};

/// A transaction whose marker is written but not replicated: its records are not stable yet.
struct EndedTransaction {
  model::Offset first;
  model::Offset marker;
};

/// Thread: one at a time. Lookups take the same time however many producers there are.
/// Limit: ProducerRules::ids_max, shared with other logs.
class ProducerState {
 public:
  /// @param rules  nullptr: no limit, nothing expires
  explicit ProducerState(std::shared_ptr<ProducerRules> rules = nullptr)
      : rules_(std::move(rules)) {}
  ~ProducerState() { clear(); }
  ProducerState(const ProducerState&) = delete;
  ProducerState& operator=(const ProducerState&) = delete;

  /// Forgets all and begins with these. @param now_ms  wall clock
  void reset(std::vector<ProducerEntry> entries, std::span<const EndedTransaction> ended,
             std::int64_t now_ms);

  // Batches from the log itself: they count, whatever their numbers are.

  void replay(const ProducedBatch& batch);
  /// @return what the transaction index must be told
  std::optional<AbortedTransaction> replay(const model::EndMarker& marker, model::Offset offset);

  // Appends: check, then stage, then written() or take_back().

  /// Judges a producer's batch. @param partition  for texts
  /// @return the earlier batch if this one is a duplicate: it must not be staged
  /// @errors out_of_order_sequence_number, invalid_producer_epoch, invalid_txn_state
  [[nodiscard]] Result<std::optional<RememberedBatch>> check(const ProducedBatch& batch,
                                                             std::string_view partition) const;
  /// @errors invalid_producer_epoch, transaction_coordinator_fenced
  [[nodiscard]] Result<void> check(const model::EndMarker& marker,
                                   std::string_view partition) const;
  void stage(const ProducedBatch& batch, std::int64_t now_ms);
  std::optional<AbortedTransaction> stage(const model::EndMarker& marker, model::Offset offset,
                                          std::int64_t now_ms);
  /// The oldest staged batch or marker is written.
  void written_one();
  /// Nothing that is staged will be written.
  void take_back();
  [[nodiscard]] std::size_t staged() const { return staged_.size(); }

  /// No earlier marker than the one at `high_watermark` makes records unstable any more.
  void high_watermark_moved(model::Offset high_watermark) {
    if (!ended_.empty()) drop_ended(high_watermark);
  }
  /// First record of a transaction that is open, or whose end is not replicated.
  [[nodiscard]] std::optional<model::Offset> first_unstable() const;

  [[nodiscard]] const ProducerEntry* find(model::ProducerId id) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  /// As of the last written batch, in no order.
  [[nodiscard]] std::vector<ProducerEntry> written_entries() const;
  [[nodiscard]] std::vector<EndedTransaction> ended() const;

  /// Forgets those that have been silent for too long; those with an open transaction stay.
  void expire(std::int64_t now_ms);
  [[nodiscard]] bool is_expired(const ProducerEntry& entry, std::int64_t now_ms) const;

 private:
  using Entries = std::list<ProducerEntry>;  // that used longest ago first
  /// How to take a staged batch or marker back.
  struct Undo {
    std::optional<ProducerEntry> before;  // nullopt: it was not there
    model::ProducerId id{-1};
    model::Offset began{-1};  // a transaction that it began
    model::Offset ended{-1};  // one that it ended, by its first offset
  };

  [[nodiscard]] ProducerEntry& touch(model::ProducerId id);
  void erase(Entries::iterator entry);
  void clear();
  void expire_some(std::int64_t now_ms, int steps);
  void make_room();
  void note_undo(model::ProducerId id);
  void apply(const ProducedBatch& batch);
  std::optional<AbortedTransaction> apply(const model::EndMarker& marker, model::Offset offset);
  void drop_ended(model::Offset high_watermark);

  std::shared_ptr<ProducerRules> rules_;
  Entries entries_;
  std::unordered_map<model::ProducerId, Entries::iterator> by_id_;
  std::deque<Undo> staged_;
  std::map<model::Offset, model::ProducerId> open_;  // transactions, by first offset
  std::map<model::Offset, model::Offset> ended_;     // EndedTransaction
};

}  // namespace gregor::storage
