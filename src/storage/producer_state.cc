#include "storage/producer_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "storage/planted_bug.h"

namespace gregor::storage {
namespace {

using model::Offset;
using model::ProducerEpoch;
using model::ProducerId;

constexpr std::int32_t no_sequence = -1;
constexpr ProducerEpoch no_epoch{-1};
// How many entries one append looks at when it makes room.
constexpr int steps_per_append = 4;
constexpr int steps_for_room = 64;

/// Sequence numbers go from 2^31-1 to 0.
std::int32_t sequence_plus(std::int32_t sequence, std::int64_t n) {
  constexpr std::int64_t count = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;
  const std::int64_t sum = (std::int64_t{sequence} + n) % count;
  return static_cast<std::int32_t>(sum < 0 ? sum + count : sum);
}

bool is_next(std::int32_t last, std::int32_t next) { return next == sequence_plus(last, 1); }

tl::unexpected<Error> old_epoch(ProducerId id, ProducerEpoch epoch, ProducerEpoch known,
                                std::string_view partition) {
  return fail(ErrorCode::invalid_producer_epoch,
              fmt::format("epoch {} of producer {} in {} is older than the last one seen, {}",
                          epoch.value(), id.value(), partition, known.value()));
}

const RememberedBatch* find_duplicate(const ProducerEntry& entry, const ProducedBatch& batch) {
  if (entry.epoch != batch.epoch) return nullptr;
  const std::int32_t last = batch.last_sequence();
  for (std::size_t i = entry.batch_count; i-- > 0;) {
    const RememberedBatch& known = entry.batches[i];
    if (known.last_sequence == last && known.first_sequence() == batch.base_sequence) return &known;
  }
  return nullptr;
}

void remember(ProducerEntry& entry, const ProducedBatch& batch) {
  if (entry.batch_count == ProducerEntry::batches_max) {
    std::move(entry.batches.begin() + 1, entry.batches.end(), entry.batches.begin());
    --entry.batch_count;
  }
  entry.batches[entry.batch_count++] = {batch.last_sequence(),
                                        static_cast<std::int32_t>(batch.last - batch.first),
                                        batch.last, batch.max_timestamp};
}

void enter_epoch(ProducerEntry& entry, ProducerEpoch epoch) {
  if (entry.epoch == epoch) return;
  entry.epoch = epoch;
  entry.batch_count = 0;
}

}  // namespace

std::int32_t ProducedBatch::last_sequence() const {
  return base_sequence == no_sequence ? no_sequence : sequence_plus(base_sequence, last - first);
}

std::int32_t RememberedBatch::first_sequence() const {
  return last_sequence == no_sequence ? no_sequence : sequence_plus(last_sequence, -offset_delta);
}

void ProducerState::clear() {
  if (rules_) rules_->ids_count.fetch_sub(static_cast<std::int64_t>(entries_.size()));
  entries_.clear();
  by_id_.clear();
  staged_.clear();
  open_.clear();
  ended_.clear();
}

void ProducerState::reset(std::vector<ProducerEntry> entries,
                          std::span<const EndedTransaction> ended, std::int64_t now_ms) {
  clear();
  std::ranges::stable_sort(entries, {}, &ProducerEntry::last_timestamp);
  for (auto& entry : entries) {
    entry.used_ms = std::min(entry.last_timestamp.value(), now_ms);
    if (is_expired(entry, now_ms)) continue;
    ProducerEntry& kept = touch(entry.id);
    kept = entry;
    if (entry.has_transaction()) open_.emplace(entry.transaction_start, entry.id);
  }
  for (const auto& transaction : ended) ended_.emplace(transaction.first, transaction.marker);
}

ProducerEntry& ProducerState::touch(ProducerId id) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) {
    entries_.splice(entries_.end(), entries_, found->second);
    return *found->second;
  }
  make_room();
  ProducerEntry entry;
  entry.id = id;
  entries_.push_back(entry);
  by_id_.emplace(id, std::prev(entries_.end()));
  if (rules_) rules_->ids_count.fetch_add(1);
  return entries_.back();
}

void ProducerState::erase(Entries::iterator entry) {
  if (entry->has_transaction()) open_.erase(entry->transaction_start);
  by_id_.erase(entry->id);
  entries_.erase(entry);
  if (rules_) rules_->ids_count.fetch_sub(1);
}

/// Before a new producer is noted: if all logs together are at the limit, this one forgets the
/// producer that it has not heard of for longest.
void ProducerState::make_room() {
  if (!rules_ || rules_->ids_count.load() < rules_->ids_max.load()) return;
  int steps = 0;
  for (auto entry = entries_.begin(); entry != entries_.end() && steps < steps_for_room; ++steps) {
    if (!entry->has_transaction()) return erase(entry);
    ++entry;
  }
}

bool ProducerState::is_expired(const ProducerEntry& entry, std::int64_t now_ms) const {
  if (!rules_ || entry.has_transaction()) return false;
  return now_ms - entry.used_ms >= rules_->expiration_ms.load(std::memory_order_relaxed);
}

void ProducerState::expire_some(std::int64_t now_ms, int steps) {
  for (auto entry = entries_.begin(); entry != entries_.end() && steps > 0; --steps) {
    const auto next = std::next(entry);
    if (is_expired(*entry, now_ms)) {
      erase(entry);
    } else if (!entry->has_transaction()) {
      return;  // those behind it were heard of later
    }
    entry = next;
  }
}

void ProducerState::expire(std::int64_t now_ms) {
  expire_some(now_ms, std::numeric_limits<int>::max());
}

void ProducerState::apply(const ProducedBatch& batch) {
  ProducerEntry& entry = touch(batch.producer);
  enter_epoch(entry, batch.epoch);
  remember(entry, batch);
  entry.last_timestamp = batch.max_timestamp;
  if (batch.is_transactional && !entry.has_transaction()) {
    entry.transaction_start = batch.first;
    open_.emplace(batch.first, batch.producer);
  }
}

std::optional<AbortedTransaction> ProducerState::apply(const model::EndMarker& marker,
                                                       Offset offset) {
  ProducerEntry& entry = touch(marker.producer);
  enter_epoch(entry, marker.epoch);
  entry.coordinator_epoch = marker.coordinator_epoch;
  entry.last_timestamp = marker.timestamp;
  if (!entry.has_transaction()) return std::nullopt;
  const Offset first = std::exchange(entry.transaction_start, Offset(-1));
  open_.erase(first);
  ended_[first] = offset;
  if (marker.is_commit) return std::nullopt;
  const Offset stable = open_.empty() ? offset + 1 : open_.begin()->first;
  return AbortedTransaction{marker.producer, first, offset, stable};
}

void ProducerState::replay(const ProducedBatch& batch) {
  GREGOR_ASSERT(staged_.empty());
  apply(batch);
}

std::optional<AbortedTransaction> ProducerState::replay(const model::EndMarker& marker,
                                                        Offset offset) {
  GREGOR_ASSERT(staged_.empty());
  return apply(marker, offset);
}

Result<std::optional<RememberedBatch>> ProducerState::check(const ProducedBatch& batch,
                                                            std::string_view partition) const {
  const ProducerEntry* known = find(batch.producer);
  if (known == nullptr) return std::nullopt;  // anything goes
  if (const auto* duplicate = find_duplicate(*known, batch)) return *duplicate;
  if (batch.epoch < known->epoch) {
    return old_epoch(batch.producer, batch.epoch, known->epoch, partition);
  }
  // Without an epoch nothing is known but that the producer was here.
  const bool is_free = known->epoch == no_epoch;
  const bool is_expected = batch.epoch == known->epoch
                               ? is_next(known->last_sequence(), batch.base_sequence)
                               : batch.base_sequence == 0;
  if (!is_free && !is_expected) {
    return fail(ErrorCode::out_of_order_sequence_number,
                fmt::format("producer {} in {}: sequence {} of epoch {} does not follow {} of "
                            "epoch {}",
                            batch.producer.value(), partition, batch.base_sequence,
                            batch.epoch.value(), known->last_sequence(), known->epoch.value()));
  }
  if (known->has_transaction() && !batch.is_transactional) {
    return fail(ErrorCode::invalid_txn_state,
                fmt::format("producer {} in {}: a batch outside of its transaction that is open",
                            batch.producer.value(), partition));
  }
  return std::nullopt;
}

Result<void> ProducerState::check(const model::EndMarker& marker,
                                  std::string_view partition) const {
  const ProducerEntry* known = find(marker.producer);
  if (known == nullptr) return {};
  if (marker.epoch < known->epoch) {
    return old_epoch(marker.producer, marker.epoch, known->epoch, partition);
  }
  if (marker.coordinator_epoch < known->coordinator_epoch) {
    return fail(ErrorCode::transaction_coordinator_fenced,
                fmt::format("a marker for producer {} in {} of coordinator epoch {}, the last was "
                            "{}",
                            marker.producer.value(), partition, marker.coordinator_epoch,
                            known->coordinator_epoch));
  }
  return {};
}

void ProducerState::note_undo(ProducerId id) {
  Undo& undo = staged_.emplace_back();
  undo.id = id;
  if (const ProducerEntry* known = find(id)) undo.before = *known;
}

void ProducerState::stage(const ProducedBatch& batch, std::int64_t now_ms) {
  expire_some(now_ms, steps_per_append);
  note_undo(batch.producer);
  apply(batch);
  ProducerEntry& entry = entries_.back();
  entry.used_ms = now_ms;
  if (entry.transaction_start == batch.first) staged_.back().began = batch.first;
}

std::optional<AbortedTransaction> ProducerState::stage(const model::EndMarker& marker,
                                                       Offset offset, std::int64_t now_ms) {
  note_undo(marker.producer);
  const auto aborted = apply(marker, offset);
  entries_.back().used_ms = now_ms;
  Undo& undo = staged_.back();
  if (undo.before) undo.ended = undo.before->transaction_start;
  return aborted;
}

void ProducerState::written_one() {
  GREGOR_ASSERT(!staged_.empty());
  staged_.pop_front();
}

void ProducerState::take_back() {
  if (is_planted(PlantedBug::keep_failed_sequences)) return staged_.clear();
  for (; !staged_.empty(); staged_.pop_back()) {
    Undo& undo = staged_.back();
    if (undo.began >= Offset(0)) open_.erase(undo.began);
    if (undo.ended >= Offset(0)) {
      ended_.erase(undo.ended);
      open_.emplace(undo.ended, undo.id);
    }
    const auto found = by_id_.find(undo.id);
    if (undo.before) {
      touch(undo.id) = *undo.before;
    } else if (found != by_id_.end()) {
      found->second->transaction_start = Offset(-1);
      erase(found->second);
    }
  }
}

std::optional<Offset> ProducerState::first_unstable() const {
  std::optional<Offset> first;
  if (!open_.empty()) first = open_.begin()->first;
  if (!ended_.empty()) {
    const Offset of_ended = ended_.begin()->first;
    first = first ? std::min(*first, of_ended) : of_ended;
  }
  return first;
}

void ProducerState::drop_ended(Offset high_watermark) {
  std::erase_if(ended_, [&](const auto& ended) { return ended.second < high_watermark; });
}

const ProducerEntry* ProducerState::find(ProducerId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &*found->second;
}

std::vector<ProducerEntry> ProducerState::written_entries() const {
  std::unordered_map<ProducerId, const Undo*> first_undo;
  for (const auto& undo : staged_) first_undo.emplace(undo.id, &undo);
  std::vector<ProducerEntry> written;
  written.reserve(entries_.size());
  for (const auto& entry : entries_) {
    if (!first_undo.contains(entry.id)) written.push_back(entry);
  }
  for (const auto& [id, undo] : first_undo) {
    if (undo->before) written.push_back(*undo->before);
  }
  return written;
}

std::vector<EndedTransaction> ProducerState::ended() const {
  std::vector<EndedTransaction> all;
  for (const auto& [first, marker] : ended_) all.push_back({first, marker});
  return all;
}

}  // namespace gregor::storage
