// The end of a move to another log dir: while the log stands still its copy is completed and takes
// the place of its folder. Between log_copy.h, which knows files, and log_dirs.h, which knows dirs.
#pragma once

#include <cstdint>

#include "storage/log_copy.h"
#include "storage/log_dirs.h"

namespace gregor::storage {

/// For PartitionLog::relocate(). Thread: the I/O pool, as LogCopy's.
/// @param missing_max  bytes that may be missing for the log to wait for them
/// @return done: as relocate() is to give it; operation_not_attempted: more is missing
[[nodiscard]] Relocation complete_move(LogDirs& dirs, LogCopy& copy, const FolderMove& move,
                                       const FrozenLog& frozen, std::uint64_t missing_max);

}  // namespace gregor::storage
