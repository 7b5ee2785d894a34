// Whole small files: read with a limit, replaced atomically.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/file_system.h"

namespace gregor::storage {

/// Limit of every text file in a log dir; Kafka's largest has a line per partition of the dir.
inline constexpr std::size_t small_file_bytes_max = std::size_t{64} << 20;

/// The content; nullopt if there is no such file. Thread: the I/O pool.
/// @errors kafka_storage_error: not readable, or larger than small_file_bytes_max
[[nodiscard]] Result<std::optional<std::string>> read_small_file(runtime::FileSystem& files,
                                                                 const std::string& path);

/// Writes "<path>.tmp", syncs it, renames it to `path` and syncs the directory: after a crash there
/// is the old content or the new one. Thread: the I/O pool; one writer per path. @durable yes.
[[nodiscard]] Result<void> replace_small_file(runtime::FileSystem& files, const std::string& path,
                                              std::string_view content);

/// As replace_small_file without the last step, for a folder whose caller syncs it later.
[[nodiscard]] Result<void> replace_small_file_unsynced(runtime::FileSystem& files,
                                                       const std::string& path,
                                                       std::string_view content);

/// sync_directory, but for the planted bug.
[[nodiscard]] Result<void> sync_entries(runtime::FileSystem& files, const std::string& directory);

}  // namespace gregor::storage
