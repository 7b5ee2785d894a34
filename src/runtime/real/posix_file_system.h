// PosixFileSystem: the file system of the operating system.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/file_system.h"
#include "runtime/file_times.h"

namespace gregor::runtime::real {

/// New files have mode 0640, new directories 0750 (less the umask). Only regular files are ever
/// opened: a FIFO or device can't make open() wait.
///
/// Thread: any.
class PosixFileSystem final : public FileSystem, public FileTimes {
 public:
  [[nodiscard]] Result<std::shared_ptr<File>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Result<FileInfo> stat(const std::string& path) override;
  [[nodiscard]] Result<SpaceInfo> space(const std::string& path) override;
  [[nodiscard]] Result<std::vector<FileInfo>> list(const std::string& directory) override;
  [[nodiscard]] Result<void> create_directory(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> sync_directory(const std::string& path) override;
  /// An open-file-description lock (fcntl F_OFD_SETLK): it excludes other processes, other calls in
  /// this one, and the POSIX locks of Java's FileChannel.tryLock, with which Kafka locks the same
  /// file.
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  [[nodiscard]] Result<void> set_modified(const std::string& path, std::int64_t wall_ms) override;
};

}  // namespace gregor::runtime::real
