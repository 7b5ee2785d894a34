#include "model/batch_validation.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/record_walk.h"

namespace gregor::model {
namespace {

enum class Stage { before_log, in_log };

constexpr std::size_t shown_record_errors_max = 3;

tl::unexpected<BatchRejection> reject(Stage stage, ErrorCode code, std::string detail) {
  return tl::unexpected<BatchRejection>(
      BatchRejection{{code, std::move(detail)}, stage == Stage::in_log, {}});
}

tl::unexpected<BatchRejection> reject(Stage stage, Error error) {
  return reject(stage, error.code, std::move(error.detail));
}

std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

/// a - b, held at the ends of the range.
std::int64_t saturating_sub(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return a < b ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

bool is_in_time(std::int64_t timestamp, const ValidationOptions& options) {
  const std::int64_t now = options.now.value();
  return saturating_sub(now, timestamp) <= options.timestamp_before_max_ms &&
         saturating_sub(timestamp, now) <= options.timestamp_after_max_ms;
}

/// What the one pass over the records collects. Kept small: it runs for every record.
struct Tally {
  std::int64_t base_timestamp = 0;
  std::int64_t min_timestamp = std::numeric_limits<std::int64_t>::max();
  // Kafka starts here too: a batch whose timestamps are all below -1 has the max timestamp -1.
  std::int64_t max_timestamp = -1;
  std::int32_t max_timestamp_index = -1;
  bool has_null_key = false;
  bool has_no_timestamp = false;

  /// Whether a record has a timestamp. (INT64_MAX is one, too, and then the max timestamp.)
  [[nodiscard]] bool has_timestamps() const {
    return max_timestamp_index >= 0 || min_timestamp != std::numeric_limits<std::int64_t>::max();
  }

  const char* operator()(const WalkedRecord& record) {
    if (record.offset_delta != record.index) return "an offset delta is not the record's index";
    has_null_key |= record.key_length < 0;
    const std::int64_t timestamp = wrapping_add(base_timestamp, record.timestamp_delta);
    if (timestamp > max_timestamp) {
      max_timestamp = timestamp;
      max_timestamp_index = record.index;
    }
    if (timestamp == -1) {
      has_no_timestamp = true;
    } else {
      min_timestamp = std::min(min_timestamp, timestamp);
    }
    return nullptr;
  }
};

/// The second pass, over a batch with bad records: which ones, and why.
class BadRecords {
 public:
  BadRecords(const RecordBatchView& batch, const ValidationOptions& options)
      : options_(options),
        base_timestamp_(batch.base_timestamp().value()),
        claims_append_time_(batch.timestamp_type() == TimestampType::log_append_time) {}

  const char* operator()(const WalkedRecord& record) {
    if (options_.keys_required && record.key_length < 0) {
      add(record.index,
          fmt::format("Compacted topic cannot accept message without key in topic partition {}.",
                      options_.partition));
      return nullptr;  // one reason per record, as Kafka
    }
    const std::int64_t timestamp = wrapping_add(base_timestamp_, record.timestamp_delta);
    if (options_.timestamp_type == TimestampType::create_time && timestamp != -1) {
      if (!is_in_time(timestamp, options_)) add_out_of_range(record.index, timestamp);
    } else if (claims_append_time_) {
      has_bad_time_ = true;
      add(record.index,
          fmt::format("Invalid timestamp type in message with offset {}. Producer should not set "
                      "timestamp type to LogAppendTime.",
                      record.index));
    }
    return nullptr;
  }

  [[nodiscard]] tl::unexpected<BatchRejection> rejection() && {
    BatchRejection rejection;
    rejection.log_consulted = true;
    if (has_bad_time_) {
      rejection.error = {ErrorCode::invalid_timestamp,
                         "One or more records have been rejected due to invalid timestamp"};
    } else {
      rejection.error = {ErrorCode::invalid_record, summary()};
    }
    rejection.records = std::move(listed_);
    return tl::unexpected<BatchRejection>(std::move(rejection));
  }

 private:
  void add_out_of_range(std::int32_t index, std::int64_t timestamp) {
    has_bad_time_ = true;
    const std::int64_t now = options_.now.value();
    add(index,
        fmt::format("Timestamp {} of message with offset {} is out of range. The timestamp should "
                    "be within [{}, {}]",
                    timestamp, index, saturating_sub(now, options_.timestamp_before_max_ms),
                    saturating_sub(now, saturating_sub(0, options_.timestamp_after_max_ms))));
  }

  void add(std::int32_t index, std::string message) {
    ++count_;
    if (listed_.size() < options_.record_errors_max) listed_.push_back({index, std::move(message)});
  }

  [[nodiscard]] std::string summary() const {
    std::string shown;
    for (std::size_t i = 0; i < std::min(listed_.size(), shown_record_errors_max); ++i) {
      shown += fmt::format("{}RecordError(batchIndex={}, message='{}')", i == 0 ? "" : ", ",
                           listed_[i].batch_index, listed_[i].message);
    }
    return fmt::format(
        "One or more records have been rejected due to {} record errors in total, and only "
        "showing the first three errors at most: [{}]",
        count_, shown);
  }

  const ValidationOptions& options_;
  const std::int64_t base_timestamp_;
  const bool claims_append_time_;
  std::size_t count_ = 0;
  bool has_bad_time_ = false;
  std::vector<RecordError> listed_;
};

bool has_bad_records(const RecordBatchView& batch, const Tally& tally,
                     const ValidationOptions& options) {
  if (options.keys_required && tally.has_null_key) return true;
  const bool claims_append_time = batch.timestamp_type() == TimestampType::log_append_time;
  if (options.timestamp_type == TimestampType::log_append_time) return claims_append_time;
  if (claims_append_time && tally.has_no_timestamp) return true;
  if (!tally.has_timestamps()) return false;
  if (!is_in_time(tally.min_timestamp, options)) return true;
  return tally.max_timestamp_index >= 0 && !is_in_time(tally.max_timestamp, options);
}

Validated<void> check_produced_header(const RecordBatchView& batch,
                                      const ValidationOptions& options) {
  if (batch.base_offset() != Offset(0)) {
    return reject(Stage::in_log, ErrorCode::invalid_record,
                  fmt::format("The baseOffset of the record batch in the append to {} should be 0, "
                              "but it is {}",
                              options.partition, batch.base_offset().value()));
  }
  if (batch.size_bytes() > options.batch_bytes_max) {
    return reject(Stage::before_log, ErrorCode::message_too_large,
                  fmt::format("The record batch size in the append to {} is {} bytes which exceeds "
                              "the maximum configured value of {}.",
                              options.partition, batch.size_bytes(), options.batch_bytes_max));
  }
  if (!batch.crc_is_valid()) {
    return reject(Stage::before_log, ErrorCode::corrupt_message,
                  fmt::format("Record is corrupt (stored crc = {}, computed crc = {}) in topic "
                              "partition {}.",
                              batch.crc(), batch.computed_crc(), options.partition));
  }
  const std::int32_t count = batch.record_count();
  if (count <= 0 || batch.last_offset_delta() != count - 1) {
    return reject(Stage::in_log, ErrorCode::invalid_record,
                  fmt::format("a batch of {} records with the last offset delta {}", count,
                              batch.last_offset_delta()));
  }
  if (batch.is_control()) {
    return reject(Stage::in_log, ErrorCode::invalid_record,
                  "Clients are not allowed to write control records");
  }
  if (batch.has_producer_id() && batch.base_sequence() < 0) {
    return reject(Stage::in_log, ErrorCode::invalid_record,
                  fmt::format("Invalid sequence number {} in record batch with producerId {}",
                              batch.base_sequence(), batch.producer_id().value()));
  }
  return {};
}

BatchFacts facts_of(const RecordBatchView& batch, const Tally& tally) {
  BatchFacts facts;
  facts.codec = *batch.codec();
  facts.record_count = batch.record_count();
  facts.max_timestamp = TimestampMs(tally.max_timestamp);
  facts.max_timestamp_offset_delta = tally.max_timestamp_index;
  if (tally.has_timestamps()) facts.min_timestamp = TimestampMs(tally.min_timestamp);
  facts.all_keys_present = !tally.has_null_key;
  facts.header_needs_fix = batch.timestamp_type() != TimestampType::create_time ||
                           batch.max_timestamp() != facts.max_timestamp;
  return facts;
}

}  // namespace

Validated<ByteView> single_produced_batch(ByteView records_field, const ProduceRules& rules) {
  constexpr Stage stage = Stage::before_log;
  // A length alone is judged even if no magic follows it, as Kafka does.
  constexpr std::int32_t length_min_of_any_format = 14;
  std::optional<RecordBatchView> first;
  for (ByteView rest = records_field; rest.size() >= batch_layout::prefix_bytes;) {
    const auto length = load_be<std::int32_t>(rest.data() + batch_layout::length_at);
    if (length < length_min_of_any_format) {
      return reject(
          stage, ErrorCode::corrupt_message,
          fmt::format("Record size {} is less than the minimum record overhead (14)", length));
    }
    if (rest.size() < batch_layout::sized_prefix_bytes) break;
    const auto size = batch_size_bytes(rest);
    if (!size && size.error().code == ErrorCode::unsupported_for_message_format) {
      return reject(stage, ErrorCode::invalid_record,
                    "Produce requests are only allowed to contain record batches with magic 2");
    }
    if (!size) return reject(stage, size.error());
    if (*size > rest.size()) break;
    if (first) {
      return reject(stage, ErrorCode::invalid_record,
                    "Produce requests are only allowed to contain exactly one record batch per "
                    "partition");
    }
    const auto batch = RecordBatchView::parse(rest);
    if (!batch) return reject(stage, batch.error());
    first = *batch;
    rest = rest.subspan(*size);
  }
  if (!first) {
    return reject(stage, ErrorCode::invalid_record,
                  "Produce requests must have at least one whole record batch per partition");
  }
  if (!rules.zstd_allowed && first->codec() == Codec::zstd) {
    return reject(stage, ErrorCode::unsupported_compression_type,
                  "zstd is not allowed in Produce requests before version 7");
  }
  return first->bytes();
}

Validated<BatchFacts> validate_batch(ByteView bytes, const ValidationOptions& options) {
  const auto batch = RecordBatchView::parse(bytes);
  if (!batch) return reject(Stage::before_log, batch.error());
  if (batch->size_bytes() != bytes.size()) {
    return reject(Stage::before_log, ErrorCode::invalid_record, "bytes behind the batch");
  }
  auto header = check_produced_header(*batch, options);
  if (!header) return tl::unexpected<BatchRejection>(std::move(header.error()));

  Tally tally;
  tally.base_timestamp = batch->base_timestamp().value();
  auto inflated = walk_batch(*batch, options.inflated_bytes_max, tally);
  if (!inflated) return reject(Stage::in_log, std::move(inflated.error()));
  if (has_bad_records(*batch, tally, options)) {
    BadRecords bad(*batch, options);
    auto listed = walk_batch(*batch, options.inflated_bytes_max, bad);
    if (!listed) return reject(Stage::in_log, std::move(listed.error()));
    return std::move(bad).rejection();
  }
  if (batch->has_producer_id() && batch->producer_epoch() < ProducerEpoch(-1)) {
    return reject(Stage::in_log, ErrorCode::invalid_producer_epoch,
                  fmt::format("producer epoch {}", batch->producer_epoch().value()));
  }
  BatchFacts facts = facts_of(*batch, tally);
  facts.inflated_bytes = *inflated;
  return facts;
}

Result<RecordBatchView> check_batch(ByteView run) {
  const auto batch = RecordBatchView::parse(run);
  if (!batch) return batch;
  if (!batch->crc_is_valid()) {
    return fail(ErrorCode::corrupt_message,
                fmt::format("CRC {:08x}, should be {:08x}", batch->crc(), batch->computed_crc()));
  }
  const std::int32_t count = batch->record_count();
  const std::int32_t last = batch->last_offset_delta();
  // Compaction leaves gaps but never takes the last offset away.
  if (count < 0 || last < 0 || count - 1 > last) {
    return fail(ErrorCode::corrupt_message,
                fmt::format("a batch of {} records with the last offset delta {}", count, last));
  }
  const std::int64_t base = batch->base_offset().value();
  if (base < 0 || base > std::numeric_limits<std::int64_t>::max() - last - 1) {
    return fail(ErrorCode::corrupt_message, fmt::format("a base offset of {}", base));
  }
  if (!batch->codec()) {
    return fail(ErrorCode::corrupt_message, fmt::format("codec {}", batch->codec_bits()));
  }
  return batch;
}

}  // namespace gregor::model
