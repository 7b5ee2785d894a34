// partition.metadata: the topic id of a partition's folder. Layout: docs/formats/checkpoints.md.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/uuid.h"

namespace gregor::storage {

/// @errors kafka_storage_error: not "version: N" (N >= 0) and "topic_id: <uuid>", or the zero id.
/// Thread: any.
[[nodiscard]] Result<model::Uuid> parse_partition_metadata(std::string_view text);
[[nodiscard]] std::string format_partition_metadata(const model::Uuid& topic_id);

}  // namespace gregor::storage
