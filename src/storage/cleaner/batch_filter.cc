#include "storage/cleaner/batch_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "base/crc32c.h"
#include "model/compression.h"
#include "model/varint.h"

namespace gregor::storage {
namespace {

namespace layout = model::batch_layout;
namespace attributes = model::batch_attributes;
using model::Offset;
using model::RecordBatchView;
using model::TimestampMs;

constexpr std::size_t batch_bytes_max = std::numeric_limits<std::int32_t>::max();

tl::unexpected<Error> damaged(const RecordBatchView& batch, std::string_view what) {
  return fail(ErrorCode::corrupt_message,
              fmt::format("the batch at offset {}: {}", batch.base_offset().value(), what));
}

/// The records section, not compressed; in `inflated` if it had to be.
Result<ByteView> plain_records(const RecordBatchView& batch, std::vector<std::byte>& inflated) {
  if (batch.codec() == model::Codec::none) return batch.records();
  auto plain = model::inflate_records(batch);
  if (!plain) return fail(std::move(plain.error()));
  inflated = std::move(*plain);
  return ByteView(inflated);
}

/// Calls `visit(record, its bytes)` for each record. @errors invalid_record, corrupt_message
template <class Visit>
Result<void> for_each_record(const RecordBatchView& batch, ByteView plain, Visit visit) {
  model::RecordCursor cursor(plain);
  std::int32_t count = 0;
  for (;; ++count) {
    const ByteView before = cursor.rest();
    const auto record = cursor.next();
    if (!record) return damaged(batch, record.error().detail);
    if (!*record) break;
    const std::int32_t delta = (*record)->offset_delta();
    if (delta < 0 || delta > batch.last_offset_delta()) return damaged(batch, "an offset");
    visit(**record, before.first((*record)->size_bytes()));
  }
  if (count != batch.record_count()) return damaged(batch, "the number of its records");
  return {};
}

void append_bytes(std::vector<std::byte>& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// The record with another timestamp delta.
void append_rebased(std::vector<std::byte>& out, ByteView record, std::int64_t timestamp_delta) {
  const std::byte* end = record.data() + record.size();
  std::int32_t length = 0;
  std::int64_t old_delta = 0;
  const std::byte* at = model::read_varint(record.data(), end, length);
  GREGOR_ASSERT(at != nullptr && at != end);
  const std::byte record_attributes = *at++;
  at = model::read_varint(at, end, old_delta);
  GREGOR_ASSERT(at != nullptr);
  const ByteView rest(at, end);
  const std::size_t size = 1 + model::varint_size(timestamp_delta) + rest.size();
  model::append_varint(out, static_cast<std::int32_t>(size));
  out.push_back(record_attributes);
  model::append_varint(out, timestamp_delta);
  append_bytes(out, rest);
}

std::int64_t wrapping_sub(TimestampMs a, TimestampMs b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a.value()) -
                                   static_cast<std::uint64_t>(b.value()));
}

template <class T>
void put(std::vector<std::byte>& batch, std::size_t at, T value) {
  store_be(batch.data() + at, value);
}

void seal(std::vector<std::byte>& batch) {
  put(batch, layout::length_at, static_cast<std::int32_t>(batch.size() - layout::prefix_bytes));
  put(batch, layout::crc_at, crc32c(ByteView(batch).subspan(layout::attributes_at)));
}

}  // namespace

Result<bool> KeyCollector::add(const RecordBatchView& batch) {
  const Offset next = batch.next_offset();
  if (batch.is_control()) {
    const auto read = ledger_.control_read(batch, true);
    if (!read) return fail(read.error());
  } else if (!ledger_.data_read(batch) && next > from_) {
    const auto plain = plain_records(batch, plain_);
    if (!plain) return fail(plain.error());
    bool has_room = true;
    const auto walked =
        for_each_record(batch, *plain, [&](const model::RecordView& record, ByteView) {
          const Offset offset = batch.base_offset() + record.offset_delta();
          if (!has_room || !record.key() || offset < from_) return;
          has_room = map_.put(*record.key(), offset);
        });
    if (!walked) return fail(walked.error());
    if (!has_room) return false;
  }
  end_ = std::max(end_, next);
  return true;
}

BatchFilter::BatchFilter(const OffsetMap& map, FilterRules rules,
                         std::vector<AbortedTransaction> aborted)
    : map_(map),
      end_(rules.end),
      now_(rules.now),
      delete_retention_ms_(rules.delete_retention_ms),
      ledger_(std::move(aborted)) {
  GREGOR_ASSERT(delete_retention_ms_ >= 0);
  for (const auto& producer : rules.producers) producers_.emplace(producer.id, producer);
}

/// The batch that says how far its producer's sequence numbers have come, or the marker that says
/// its epoch.
bool BatchFilter::is_last_of_producer(const RecordBatchView& batch) const {
  if (!batch.has_producer_id()) return false;
  const auto found = producers_.find(batch.producer_id());
  if (found == producers_.end()) return false;
  const ActiveProducer& last = found->second;
  if (last.last_data) return batch.last_offset() == *last.last_data;
  return batch.is_control() && batch.producer_epoch() == last.epoch;
}

bool BatchFilter::is_past_horizon(const RecordBatchView& batch) const {
  return batch.has_delete_horizon() && now_ >= batch.base_timestamp();
}

TimestampMs BatchFilter::new_horizon() const {
  const std::int64_t room = std::numeric_limits<std::int64_t>::max() - now_.value();
  return now_ + std::min(delete_retention_ms_, room);
}

bool BatchFilter::stays(const RecordBatchView& batch, const model::RecordView& record) const {
  if (batch.is_control()) return true;
  if (!record.key()) return false;
  if (!record.value() && is_past_horizon(batch)) return false;
  return batch.base_offset() + record.offset_delta() >= map_.find(*record.key());
}

Result<void> BatchFilter::select(const RecordBatchView& batch) {
  selected_.records.clear();
  selected_.max_timestamp = TimestampMs(-1);
  selected_.has_tombstone = false;
  const auto plain = plain_records(batch, inflated_);
  if (!plain) return fail(plain.error());
  return for_each_record(batch, *plain, [&](const model::RecordView& record, ByteView bytes) {
    if (!stays(batch, record)) return;
    selected_.records.push_back(bytes);
    selected_.max_timestamp =
        std::max(selected_.max_timestamp, model::record_timestamp(batch, record));
    selected_.has_tombstone |= !batch.is_control() && !record.value();
  });
}

Result<ByteView> BatchFilter::filter(const RecordBatchView& batch, bool keeps_end) {
  const bool is_settled = batch.last_offset() < end_;
  bool may_go = false;
  if (batch.is_control()) {
    const auto read = ledger_.control_read(batch, is_settled);
    if (!read) return fail(read.error());
    may_go = *read;
  } else {
    may_go = ledger_.data_read(batch);
  }
  if (!is_settled) return batch.bytes();
  const bool leaves_trace = keeps_end || is_last_of_producer(batch);
  const bool all_go = may_go && (!batch.is_control() || is_past_horizon(batch));
  if (all_go) return leaves_trace ? emptied(batch) : ByteView{};
  if (auto selected = select(batch); !selected) return fail(std::move(selected.error()));
  if (selected_.records.empty()) return leaves_trace ? emptied(batch) : ByteView{};
  const bool awaits_horizon = selected_.has_tombstone || (batch.is_control() && may_go);
  const bool sets_horizon = awaits_horizon && !batch.has_delete_horizon();
  const bool is_whole = std::cmp_equal(selected_.records.size(), batch.record_count());
  if (is_whole && !sets_horizon) return batch.bytes();
  return rebuilt(batch, sets_horizon);
}

/// The selected records in a batch that keeps its offsets and its producer's numbers.
Result<ByteView> BatchFilter::rebuilt(const RecordBatchView& batch, bool sets_horizon) {
  const auto codec = batch.codec();
  GREGOR_ASSERT(codec.has_value());
  const ByteView header = batch.bytes().first(layout::header_bytes);
  const bool is_plain = codec == model::Codec::none;
  out_.assign(header.begin(), header.end());
  plain_.clear();
  std::vector<std::byte>& records = is_plain ? out_ : plain_;
  if (sets_horizon) {
    // The base timestamp becomes the horizon, the timestamps themselves stay.
    const TimestampMs horizon = new_horizon();
    for (const ByteView bytes : selected_.records) {
      model::RecordCursor cursor(bytes);
      const auto record = cursor.next();
      GREGOR_ASSERT(record.has_value() && record->has_value());
      const TimestampMs timestamp = model::record_timestamp(batch, **record);
      append_rebased(records, bytes, wrapping_sub(timestamp, horizon));
    }
    put(out_, layout::base_timestamp_at, horizon.value());
    put(out_, layout::attributes_at,
        static_cast<std::int16_t>(batch.attributes() | attributes::delete_horizon));
  } else {
    for (const ByteView bytes : selected_.records) append_bytes(records, bytes);
  }
  if (!is_plain) {
    const auto packed = model::compress(*codec, std::nullopt, plain_);
    if (!packed) return fail(packed.error());
    append_bytes(out_, *packed);
  }
  if (out_.size() > batch_bytes_max) return damaged(batch, "too large once rewritten");
  if (batch.timestamp_type() == model::TimestampType::create_time) {
    put(out_, layout::max_timestamp_at, selected_.max_timestamp.value());
  }
  put(out_, layout::record_count_at, static_cast<std::int32_t>(selected_.records.size()));
  seal(out_);
  return ByteView(out_);
}

/// The header alone: offsets, producer, epoch, sequence.
ByteView BatchFilter::emptied(const RecordBatchView& batch) {
  if (batch.record_count() == 0) return batch.bytes();
  const ByteView header = batch.bytes().first(layout::header_bytes);
  out_.assign(header.begin(), header.end());
  constexpr int gone = attributes::codec_mask | attributes::delete_horizon;
  put(out_, layout::attributes_at, static_cast<std::int16_t>(batch.attributes() & ~gone));
  put(out_, layout::base_timestamp_at, std::int64_t{-1});
  put(out_, layout::record_count_at, std::int32_t{0});
  seal(out_);
  return ByteView(out_);
}

}  // namespace gregor::storage
