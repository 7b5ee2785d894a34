#include "storage/cleaner/transaction_ledger.h"

#include <algorithm>
#include <utility>

#include "model/end_marker.h"

namespace gregor::storage {

TransactionLedger::TransactionLedger(std::vector<AbortedTransaction> aborted)
    : aborted_(std::move(aborted)) {
  std::ranges::sort(aborted_, {}, &AbortedTransaction::first);
}

void TransactionLedger::begin_aborted(const model::RecordBatchView& batch) {
  for (; begun_ < aborted_.size() && aborted_[begun_].first <= batch.last_offset(); ++begun_) {
    const AbortedTransaction& next = aborted_[begun_];
    // Reading may begin behind the marker of an old one.
    if (next.last < batch.base_offset()) continue;
    ongoing_aborted_.insert_or_assign(next.producer, Ongoing{next});
  }
}

bool TransactionLedger::data_read(const model::RecordBatchView& batch) {
  begin_aborted(batch);
  if (!batch.is_transactional()) return false;
  const auto aborted = ongoing_aborted_.find(batch.producer_id());
  if (aborted == ongoing_aborted_.end()) {
    ongoing_committed_.insert(batch.producer_id());
    return false;
  }
  aborted->second.has_data = true;
  return true;
}

Result<bool> TransactionLedger::control_read(const model::RecordBatchView& batch, bool is_settled) {
  begin_aborted(batch);
  if (batch.record_count() == 0) return true;
  const auto marker = model::read_end_marker(batch);
  if (!marker) return fail(marker.error());
  if (!*marker) return false;
  if (!(*marker)->is_commit) return abort_read(batch.producer_id(), is_settled);
  return ongoing_committed_.erase(batch.producer_id()) == 0;
}

bool TransactionLedger::abort_read(model::ProducerId producer, bool is_settled) {
  const auto found = ongoing_aborted_.find(producer);
  if (found == ongoing_aborted_.end()) return true;
  const bool is_needed = found->second.has_data || !is_settled;
  if (is_needed) needed_.push_back(found->second.transaction);
  ongoing_aborted_.erase(found);
  return !is_needed;
}

std::vector<AbortedTransaction> TransactionLedger::take_needed() {
  return std::exchange(needed_, {});
}

}  // namespace gregor::storage
