// What a leader checks before it takes a producer's batch, and what a follower and the recovery
// check. A batch that a consumer could not read is never accepted, so every record is walked,
// through a window if they are compressed.
//
// Kafka's answers are kept, with these exceptions, all of them stricter: codec bits 5 to 7 are
// unsupported_compression_type and compressed garbage is corrupt_message (Kafka:
// unknown_server_error for both); offset deltas that are not 0, 1, 2 ... are invalid_record (Kafka
// takes them); so are lengths below -1 (Kafka takes some of them for null); records that inflate
// beyond a limit are message_too_large (Kafka has no limit); bytes behind the end of a compressed
// stream are corrupt_message. Source: the protocol guide; KIP-98; KIP-467 (errors per record);
// KIP-937.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/compression.h"
#include "model/record_batch.h"

namespace gregor::model {

/// A record that is the reason why its batch was refused; for RecordErrors of a Produce reply.
struct RecordError {
  std::int32_t batch_index = 0;  ///< which record of the batch, from 0
  std::string message;
};

/// Why a produced batch was refused.
struct BatchRejection {
  Error error;
  /// False if the batch was refused before the log was looked at: the reply's LogStartOffset is
  /// then -1.
  bool log_consulted = false;
  /// The bad records, the first record_errors_max of them; if there are any, error.detail is the
  /// reply's ErrorMessage.
  std::vector<RecordError> records;
};

template <class T>
using Validated = tl::expected<T, BatchRejection>;

struct ProduceRules {
  bool zstd_allowed = true;  ///< Produce v7 and later
};

/// Cuts the one batch out of the records field of a Produce request (v3+); bytes behind it that are
/// no whole batch are left away. Looks at the header only. Thread: any.
/// @errors invalid_record: no whole batch, more than one, magic 0 or 1; corrupt_message: length
/// below the minimum,
///         magic above 2 or negative, also of what follows the batch; unsupported_compression_type:
///         zstd not allowed
[[nodiscard]] Validated<ByteView> single_produced_batch(ByteView records_field,
                                                        const ProduceRules& rules);

/// What the topic and the broker ask of a produced batch.
struct ValidationOptions {
  TimestampType timestamp_type = TimestampType::create_time;  ///< message.timestamp.type
  TimestampMs now{0};                                         ///< wall clock of the leader
  /// message.timestamp.before.max.ms and .after.max.ms: how far a CreateTime may lie from `now`.
  std::int64_t timestamp_before_max_ms = std::numeric_limits<std::int64_t>::max();
  std::int64_t timestamp_after_max_ms = std::numeric_limits<std::int64_t>::max();
  bool keys_required = false;             ///< cleanup.policy has "compact"
  std::size_t batch_bytes_max = 1048588;  ///< max.message.bytes; the whole batch, as it came
  /// Limit of what the records may inflate to.
  std::size_t inflated_bytes_max = inflated_bytes_max_default;
  /// Limit of the list of bad records; Kafka has none, and a small request could ask for a huge
  /// reply.
  std::size_t record_errors_max = 1000;
  std::string_view partition = "";  ///< "topic-0", for texts
};

/// What is known of a batch once it was validated.
struct BatchFacts {
  Codec codec = Codec::none;
  std::int32_t record_count = 0;
  /// Of the records that have a timestamp; -1 if none has.
  TimestampMs min_timestamp{-1};
  TimestampMs max_timestamp{-1};
  /// First record with the max timestamp; -1 if no record has one.
  std::int32_t max_timestamp_offset_delta = -1;
  bool all_keys_present = false;
  /// The header's max timestamp or timestamp type is not what the records say: with CreateTime,
  /// set_create_time(batch, max_timestamp) is due.
  bool header_needs_fix = false;
  std::size_t inflated_bytes = 0;  ///< of the records section
};

/// Validates one produced batch, whole and alone (single_produced_batch). Costs a CRC and a walk
/// over the records: a few ns per record and what it takes to inflate them. Thread: any; a
/// compressed batch may well go to the I/O pool.
///
/// @errors invalid_record: base offset not 0, counts, control batch, sequence, any record;
/// message_too_large: the batch
///         above batch_bytes_max, or its records above inflated_bytes_max; corrupt_message: length,
///         magic, CRC, garbage in a compressed stream; unsupported_compression_type;
///         invalid_timestamp; invalid_producer_epoch: below -1
[[nodiscard]] Validated<BatchFacts> validate_batch(ByteView batch,
                                                   const ValidationOptions& options);

/// Checks the first batch of `run` as it came from a leader or from the disk: shape, CRC, counts
/// that can be. Records are not walked; any base offset >= 0, no records at all (compaction) and
/// control batches are fine. Thread: any.
/// @return the batch; the next one begins behind it
/// @errors as RecordBatchView::parse; corrupt_message: CRC, counts, offsets
[[nodiscard]] Result<RecordBatchView> check_batch(ByteView run);

}  // namespace gregor::model
