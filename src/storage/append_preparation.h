// What an append does before it needs the log: cutting the batch out of the request, validating it,
// and recompressing it if the topic asks for that. No state, so it may run in the I/O pool.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "config/topic_config.h"
#include "model/batch_validation.h"
#include "storage/partition_log.h"
#include "storage/producer_state.h"

namespace gregor::storage {

/// A batch that may be appended but for its offset and epoch.
struct PreparedBatch {
  ByteSpan bytes;                ///< the batch: in the request, or in `owned`
  std::vector<std::byte> owned;  ///< a recompressed batch, else empty
  model::BatchFacts facts;
  ProducedBatch producer;  ///< without its offsets; no producer id: not to be judged
  std::optional<model::EndMarker> marker;  ///< it is this one's
};

struct PreparationOptions {
  const config::TopicConfig* config = nullptr;  ///< borrowed
  std::string_view partition;                   ///< "topic-0", for texts; borrowed
  model::TimestampMs now{0};
};

/// True if preparing this field takes longer than a shard should stand still: a large compressed
/// batch, or one to recompress. Thread: any.
[[nodiscard]] bool is_slow_to_prepare(ByteView records_field, const config::TopicConfig& config);

/// Changes the batch in place (timestamps of LogAppendTime, a wrong max timestamp). Thread: any.
/// @errors as PartitionLog::append
[[nodiscard]] AppendResult<PreparedBatch> prepare_append(ByteSpan records_field,
                                                         const PreparationOptions& options);

/// The batch of a marker, with the time of `options`. Thread: any.
[[nodiscard]] PreparedBatch prepare_end_marker(model::EndMarker marker,
                                               const PreparationOptions& options);

}  // namespace gregor::storage
