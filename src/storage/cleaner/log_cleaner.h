// One cleaning of one log.
#pragma once

#include <atomic>
#include <limits>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "storage/cleaner/cleaning_choice.h"
#include "storage/cleaner/cleaning_job.h"
#include "storage/partition_log.h"

namespace gregor::storage {

struct CleanerOptions {
  MapLimits map;
  double bytes_per_second = std::numeric_limits<double>::max();  ///< read and written together
  /// Set by any thread: give up. Borrowed; may be null.
  const std::atomic<bool>* is_stopping = nullptr;
};

/// What is to be cleaned of a log.
struct CleaningPlan {
  CleaningFacts facts;
  CleaningChoice choice;
};

/// What came of it, also if it ended with an error.
struct CleaningOutcome {
  CleaningTally tally;
  std::uint64_t segments_before = 0;  ///< of those that were replaced
  std::uint64_t segments_after = 0;
  model::Offset cleaned_end;               ///< once it is done: the next checkpoint
  std::vector<std::string> deleted_files;  ///< "*.deleted", to be removed some time later
};

/// True if a cleaning that ended so may go well next time, without anybody's doing: it was cut off,
/// or there was no room, or there were no descriptors.
[[nodiscard]] bool may_be_cleaned_later(const Error& error);

/// Cleans the part of the log that was chosen, and swaps the new segments in one by one. The work
/// is done in the I/O pool, some MiB at a time; appends and reads go on. Until it ends, the log
/// does not finish closing; it notices soon that it should end.
///
/// Thread: the shard of the log. The log must outlive it.
/// @param outcome  filled as it goes; must outlive it
/// @errors operation_not_attempted: the log is being closed or was changed by others, or
/// is_stopping: nothing is wrong; corrupt_message, message_too_large: this log can't be cleaned;
/// kafka_storage_error
/// @durable each segment before the next one is begun
runtime::Task<Result<void>> clean_log(runtime::Shard& shard, PartitionLog& log, CleaningPlan plan,
                                      CleanerOptions options, CleaningOutcome& outcome);

}  // namespace gregor::storage
