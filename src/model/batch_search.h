// Looking up records by time inside of one batch, for the log's lookups by timestamp. Compressed
// batches are streamed.
#pragma once

#include <cstddef>
#include <optional>

#include "base/result.h"
#include "model/compression.h"
#include "model/ids.h"
#include "model/record_batch.h"

namespace gregor::model {

struct FoundRecord {
  Offset offset;
  TimestampMs timestamp;
  friend bool operator==(const FoundRecord&, const FoundRecord&) = default;
};

struct TimestampQuery {
  TimestampMs at_least{0};
  Offset from{0};  ///< records below are passed over (log start)
  std::size_t inflated_bytes_max = inflated_bytes_max_default;
};

/// The first record, by offset, with offset >= query.from and timestamp >= query.at_least; nullopt
/// if there is none. Walks the records only if the header's max timestamp allows a match. Thread:
/// any.
/// @errors corrupt_message, invalid_record, message_too_large, unsupported_compression_type: the
/// batch can't be read
[[nodiscard]] Result<std::optional<FoundRecord>> find_timestamp(const RecordBatchView& batch,
                                                                const TimestampQuery& query);

/// The first record that carries the header's max timestamp (with LogAppendTime: the first record);
/// nullopt if no record has a timestamp or compaction took that record away. @errors as
/// find_timestamp. Thread: any.
[[nodiscard]] Result<std::optional<FoundRecord>> find_max_timestamp(
    const RecordBatchView& batch, std::size_t inflated_bytes_max = inflated_bytes_max_default);

}  // namespace gregor::model
