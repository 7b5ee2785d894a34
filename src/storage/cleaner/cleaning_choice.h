// Which part of a log may be compacted, and whether it is worth it. Rules only; no I/O.
// Source: Kafka's LogCleanerManager as described in docs/formats/compaction.md; KIP-58, KIP-354.
#pragma once

#include <optional>

#include "model/ids.h"
#include "storage/log_cleaning.h"

namespace gregor::storage {

/// What a cleaning of a log would be about.
struct CleaningChoice {
  model::Offset first_dirty;  ///< keys from here on are looked at
  model::Offset end;          ///< base of the first segment that is left alone
  std::uint64_t clean_bytes = 0;
  std::uint64_t cleanable_bytes = 0;
  bool is_overdue = false;  ///< max.compaction.lag.ms

  [[nodiscard]] double dirty_ratio() const;
};

/// @param checkpoint  the first dirty offset as the last cleaning left it
/// @param log_end  a checkpoint behind it is not believed
[[nodiscard]] CleaningChoice choose_cleaning(const CleaningFacts& facts,
                                             std::optional<model::Offset> checkpoint,
                                             model::TimestampMs now);

/// True if it should be done now: overdue, or dirtier than min.cleanable.dirty.ratio.
[[nodiscard]] bool is_worth_cleaning(const CleaningChoice& choice,
                                     const config::TopicConfig& config);

}  // namespace gregor::storage
