// What survives compaction, batch by batch: the rules, without any I/O. A pass over the dirty part
// of a log (KeyCollector) notes the last offset of each key; a pass over all of it (BatchFilter)
// leaves out what that made superfluous. Source: KIP-280, KIP-354, KIP-534;
// docs/formats/compaction.md.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/record.h"
#include "model/record_batch.h"
#include "storage/cleaner/offset_map.h"
#include "storage/cleaner/transaction_ledger.h"
#include "storage/log_cleaning.h"

namespace gregor::storage {

/// First pass. Thread: one at a time. Borrows the map.
class KeyCollector {
 public:
  /// @param from  where the dirty part begins
  KeyCollector(OffsetMap& map, model::Offset from, std::vector<AbortedTransaction> aborted)
      : map_(map), from_(from), end_(from), ledger_(std::move(aborted)) {}

  /// @return false if the map is full: this batch and what follows it is left for the next time
  /// @errors corrupt_message, and those of inflating
  [[nodiscard]] Result<bool> add(const model::RecordBatchView& batch);

  /// All batches below it were noted.
  [[nodiscard]] model::Offset end() const { return end_; }

 private:
  OffsetMap& map_;
  const model::Offset from_;
  model::Offset end_;
  TransactionLedger ledger_;
  std::vector<std::byte> plain_;
};

struct FilterRules {
  model::Offset end;  ///< where the keys end: batches from here on stay as they are
  model::TimestampMs now;
  std::int64_t delete_retention_ms = 0;
  std::vector<ActiveProducer> producers;
};

/// Second pass. Thread: one at a time. Borrows the map.
class BatchFilter {
 public:
  BatchFilter(const OffsetMap& map, FilterRules rules, std::vector<AbortedTransaction> aborted);

  /// @param keeps_end  the last batch of a segment: if none of its records stays, an empty batch
  /// does, so that the segment still says up to which offset it reaches
  /// @return what becomes of the batch; empty = nothing. Borrowed: the batch itself, or bytes that
  /// are good until the next call
  /// @errors corrupt_message, and those of inflating and compressing
  [[nodiscard]] Result<ByteView> filter(const model::RecordBatchView& batch, bool keeps_end);

  /// See TransactionLedger::take_needed.
  [[nodiscard]] std::vector<AbortedTransaction> take_needed() { return ledger_.take_needed(); }

 private:
  struct Selection {
    std::vector<ByteView> records;  // as they stand in the batch
    model::TimestampMs max_timestamp{-1};
    bool has_tombstone = false;
  };
  [[nodiscard]] bool is_last_of_producer(const model::RecordBatchView& batch) const;
  [[nodiscard]] bool is_past_horizon(const model::RecordBatchView& batch) const;
  [[nodiscard]] bool stays(const model::RecordBatchView& batch,
                           const model::RecordView& record) const;
  [[nodiscard]] Result<void> select(const model::RecordBatchView& batch);
  [[nodiscard]] Result<ByteView> rebuilt(const model::RecordBatchView& batch, bool sets_horizon);
  [[nodiscard]] ByteView emptied(const model::RecordBatchView& batch);
  [[nodiscard]] model::TimestampMs new_horizon() const;

  const OffsetMap& map_;
  const model::Offset end_;
  const model::TimestampMs now_;
  const std::int64_t delete_retention_ms_;
  std::unordered_map<model::ProducerId, ActiveProducer> producers_;
  TransactionLedger ledger_;
  Selection selected_;
  std::vector<std::byte> inflated_;
  std::vector<std::byte> plain_;
  std::vector<std::byte> out_;
};

}  // namespace gregor::storage
