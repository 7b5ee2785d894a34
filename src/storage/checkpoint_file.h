// The text checkpoints: offsets of all partitions of a log dir, and the leader epochs of one.
// Layout: docs/formats/checkpoints.md. Text in, text out; files are read and replaced by
// small_file.h.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/ids.h"

namespace gregor::storage {

using OffsetsByPartition = std::map<model::TopicPartition, model::Offset>;

/// Start of a leader epoch: the first offset that was written under it.
struct EpochStart {
  model::LeaderEpoch epoch{-1};
  model::Offset start{-1};
  friend bool operator==(const EpochStart&, const EpochStart&) = default;
};

// Thread: any. @errors kafka_storage_error: wrong version, wrong count, a line that is malformed,
// negative or there twice. An empty text has no entries.
[[nodiscard]] Result<OffsetsByPartition> parse_offset_checkpoint(std::string_view text);
[[nodiscard]] Result<std::vector<EpochStart>> parse_epoch_checkpoint(std::string_view text);

[[nodiscard]] std::string format_offset_checkpoint(const OffsetsByPartition& offsets);
[[nodiscard]] std::string format_epoch_checkpoint(std::span<const EpochStart> epochs);

}  // namespace gregor::storage
