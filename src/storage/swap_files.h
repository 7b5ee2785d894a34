// What interrupted deletions and compactions left in a partition's folder.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/file_system.h"

namespace gregor::storage {

/// True for a name of which finish_swaps would take notice. Thread: any.
[[nodiscard]] bool is_leftover(std::string_view name);

/// Removes "*.deleted" and "*.cleaned" files and completes or undoes "*.swap" ones: a swap whose
/// base offset is at or above the smallest .cleaned one belongs to an unfinished split and goes;
/// any other replaces the segments whose offsets it covers. Thread: as load_log.
/// @return true if directory entries were changed; the caller syncs the directory
/// @errors kafka_storage_error
[[nodiscard]] Result<bool> finish_swaps(runtime::FileSystem& files, const std::string& directory);

}  // namespace gregor::storage
