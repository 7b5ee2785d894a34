// When files were changed last, for those who have to set it: a file made of others keeps the time
// of the newest of them. Not part of FileSystem, which is what everybody needs.
#pragma once

#include <cstdint>
#include <string>

#include "base/assert.h"
#include "base/result.h"
#include "runtime/file_system.h"

namespace gregor::runtime {

/// What both versions of FileSystem are as well. Thread: any.
class FileTimes {
 public:
  /// @param path  a regular file
  /// @param wall_ms  milliseconds since 1970
  /// @errors as FileSystem. @durable with the next sync_data() of changed contents; a clean stop of
  /// the machine
  [[nodiscard]] virtual Result<void> set_modified(const std::string& path,
                                                  std::int64_t wall_ms) = 0;

 protected:
  ~FileTimes() = default;
};

[[nodiscard]] inline Result<void> set_modified(FileSystem& files, const std::string& path,
                                               std::int64_t wall_ms) {
  auto* const times = dynamic_cast<FileTimes*>(&files);
  GREGOR_ASSERT(times != nullptr);
  return times->set_modified(path, wall_ms);
}

}  // namespace gregor::runtime
