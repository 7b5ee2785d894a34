// SimulatedFileSystem: a node's disk as the code of one life of this node sees it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/file_system.h"
#include "runtime/file_times.h"
#include "runtime/simulated/disk.h"

namespace gregor::runtime::simulated {

/// Thread:  one.
/// Borrows: disk, life and clock, which outlive it and its files. After the life has ended every
/// call fails with EIO and
///          has no effect.
/// Paths:   "/" separates; a relative path starts at the root; ".." is refused with EINVAL; there
/// are no symlinks.
class SimulatedFileSystem final : public FileSystem, public FileTimes {
 public:
  SimulatedFileSystem(Disk& disk, const Life& life, const Clock& clock)
      : view_{disk, life, clock} {}

  Result<std::shared_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<SpaceInfo> space(const std::string& path) override;
  Result<std::vector<FileInfo>> list(const std::string& directory) override;
  Result<void> create_directory(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<void> set_modified(const std::string& path, std::int64_t wall_ms) override;

  /// What its files need.
  struct View {
    Disk& disk;
    const Life& life;
    const Clock& clock;
  };

 private:
  [[nodiscard]] Result<Place> find(const char* what, const std::string& path) const;
  [[nodiscard]] Result<InodePointer> create(const char* what, const Place& place,
                                            const std::string& path);
  template <class Effect>
  Result<void> perform(const char* what, const std::string& path, FileOperation operation,
                       Effect effect);

  View view_;
};

}  // namespace gregor::runtime::simulated
