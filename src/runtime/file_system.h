// Files, behind an interface with a real and a simulated version. All calls are synchronous and may
// block: on a shard only small reads and writes of a healthy log dir are made directly, everything
// else goes through Shard::offload.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace gregor::runtime {

/// An open file. It stays readable while a reference is held, even when its name has been removed.
///
/// Thread: any; calls on one file may run at the same time.
/// Errors: kafka_storage_error with os_error set (ENOSPC, EIO, ...).
class File {
 public:
  virtual ~File() = default;
  /// Reads up to out.size() bytes at `position`; fewer only at the end of the file. @return bytes
  /// read.
  [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t position, ByteSpan out) const = 0;
  /// Writes all parts one behind the other at `position` (one pwritev where possible). On an error
  /// an unknown prefix may have been written: the caller cuts the file back before it writes again.
  /// @durable no, see sync_data().
  [[nodiscard]] virtual Result<void> write_at(std::uint64_t position,
                                              std::span<const ByteView> parts) = 0;
  [[nodiscard]] Result<void> write_at(std::uint64_t position, ByteView bytes) {
    return write_at(position, std::span<const ByteView>(&bytes, 1));
  }
  /// fdatasync: contents and size are on the disk when it returns ok. An error is final for this
  /// log dir: pages that failed to be written are no longer dirty, a later success proves nothing.
  [[nodiscard]] virtual Result<void> sync_data() = 0;
  /// Sets the size; a longer size reads as zeros.
  [[nodiscard]] virtual Result<void> truncate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
  /// A hint: true if reading [position, position + size) would not wait for the disk.
  [[nodiscard]] virtual bool is_resident(std::uint64_t position, std::uint64_t size) const = 0;
  /// Descriptor for Stream::send_file, -1 if there is none (simulated files).
  [[nodiscard]] virtual int descriptor() const = 0;
};

struct FileInfo {
  std::string name;  ///< last component, in list(); the asked path in stat()
  std::uint64_t size = 0;
  std::int64_t modified_ms = 0;
  bool is_directory = false;
  bool is_regular =
      false;  ///< false for symlinks, FIFOs, devices: they are never followed or opened
};

/// Room on the volume of a path.
struct SpaceInfo {
  std::uint64_t total_bytes = 0;
  std::uint64_t usable_bytes = 0;  ///< by this process
};

enum class OpenMode {
  read,        ///< must exist
  read_write,  ///< must exist
  create,      ///< read and write; made if absent
  create_new,  ///< read and write; must not exist (os_error EEXIST)
};

/// An exclusive lock on a file, held until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// Thread: any. Errors as File. Paths are UTF-8; a path never follows a symlink in its last
/// component.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  /// The entry of a new file is on disk only after sync_directory of its folder.
  [[nodiscard]] virtual Result<std::shared_ptr<File>> open(const std::string& path,
                                                           OpenMode mode) = 0;
  /// os_error ENOENT if absent.
  [[nodiscard]] virtual Result<FileInfo> stat(const std::string& path) = 0;
  [[nodiscard]] virtual Result<SpaceInfo> space(const std::string& path) = 0;
  /// Entries without "." and "..", sorted by name.
  [[nodiscard]] virtual Result<std::vector<FileInfo>> list(const std::string& directory) = 0;
  /// Makes one directory (mode 0750); ok if it is there already.
  [[nodiscard]] virtual Result<void> create_directory(const std::string& path) = 0;
  /// Atomic; replaces an existing file.
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// Removes a file or an empty directory; ok if absent.
  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
  /// Makes earlier creates, renames and removes in this directory durable.
  [[nodiscard]] virtual Result<void> sync_directory(const std::string& path) = 0;
  /// Takes an exclusive, non-blocking lock on `path` (made if absent); os_error EWOULDBLOCK if
  /// another process has it.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
};

}  // namespace gregor::runtime
