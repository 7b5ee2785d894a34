// What a log dir remembers of a sync that failed. The kernel forgets what it could not write, but
// goes on to show it to whoever reads, also to the next process: that would take it for written,
// append behind it, sync that, and lose both with the power. So a failed sync leaves a file in the
// log dir, which lives in the page cache as long as what it is about; recovery then writes once
// more what lies beyond the recovery points.
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/file_system.h"

namespace gregor::storage {

/// Leaves the note; that it can't be left is logged. Thread: the I/O pool.
/// @durable no: with the page cache it has done its work
void note_failed_sync(runtime::FileSystem& files, const std::string& log_dir);

/// True if a note is there. @errors kafka_storage_error
[[nodiscard]] Result<bool> has_failed_sync(runtime::FileSystem& files, const std::string& log_dir);

/// After a stop in order everything is on the disk. @errors kafka_storage_error
[[nodiscard]] Result<void> forget_failed_sync(runtime::FileSystem& files,
                                              const std::string& log_dir);

/// Writes [from, end) of a file as it reads, and syncs it. @errors kafka_storage_error @durable yes
[[nodiscard]] Result<void> write_again(runtime::File& file, std::uint64_t from, std::uint64_t end);

}  // namespace gregor::storage
