// What a pass over a log knows of its transactions: which data belongs to aborted ones, and which
// markers still have data in front of them. No I/O. Source: KIP-98, KIP-534;
// docs/formats/compaction.md.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "model/record_batch.h"
#include "storage/transaction_index.h"

namespace gregor::storage {

/// Is told each batch of a log, in order. Thread: one at a time.
class TransactionLedger {
 public:
  /// @param aborted  all aborted transactions that have records or a marker in what will be read
  explicit TransactionLedger(std::vector<AbortedTransaction> aborted);

  /// A batch that is not a control batch. @return true: of an aborted transaction
  bool data_read(const model::RecordBatchView& batch);
  /// A control batch. @param is_settled  false: it lies behind what is cleaned
  /// @return true: an end marker of which no data was read, or an empty batch
  /// @errors corrupt_message
  [[nodiscard]] Result<bool> control_read(const model::RecordBatchView& batch, bool is_settled);

  /// Aborted transactions that readers of the cleaned log must know, of the markers read since the
  /// last call.
  [[nodiscard]] std::vector<AbortedTransaction> take_needed();

 private:
  struct Ongoing {
    AbortedTransaction transaction;
    bool has_data = false;  // that was read
  };
  void begin_aborted(const model::RecordBatchView& batch);
  bool abort_read(model::ProducerId producer, bool is_settled);

  std::vector<AbortedTransaction> aborted_;  // by their first offsets
  std::size_t begun_ = 0;
  std::unordered_map<model::ProducerId, Ongoing> ongoing_aborted_;
  std::unordered_set<model::ProducerId> ongoing_committed_;
  std::vector<AbortedTransaction> needed_;
};

}  // namespace gregor::storage
