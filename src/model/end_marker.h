// End markers: the control batches that end a producer's transaction in a partition, commit or
// abort. One record; key: int16 version 0, int16 type; value: int16 version 0, int32 coordinator
// epoch. Source: KIP-98.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "model/record_batch.h"

namespace gregor::model {

struct EndMarker {
  ProducerId producer{-1};
  ProducerEpoch epoch{-1};
  std::int32_t coordinator_epoch = -1;  ///< fences old transaction coordinators
  bool is_commit = false;
  TimestampMs timestamp{-1};
};

/// The control batch of a marker, with base offset 0 and no leader epoch. Thread: any.
[[nodiscard]] std::vector<std::byte> make_end_marker_batch(const EndMarker& marker);

/// What a control batch says; nullopt if compaction took its record away, or if it is of another
/// kind than an end marker. Thread: any.
/// @param batch  a control batch, CRC checked
/// @errors corrupt_message: the record can't be read
[[nodiscard]] Result<std::optional<EndMarker>> read_end_marker(const RecordBatchView& batch);

}  // namespace gregor::model
