#include "runtime/real/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "runtime/real/posix_file.h"
#include "runtime/real/process.h"

namespace gregor::runtime::real {
namespace {

constexpr mode_t file_mode = 0640;
constexpr mode_t directory_mode = 0750;
constexpr int common_flags = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;

tl::unexpected<Error> failure(std::string_view what, std::string_view path, int os_error) {
  return fail(os_failure(ErrorCode::kafka_storage_error, what, path, os_error));
}

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::read_write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT;
    case OpenMode::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  GREGOR_ASSERT(false);
}

// What errno says about opening something that is not a regular file.
int refusal_of(mode_t mode) {
  if (S_ISREG(mode)) return 0;
  if (S_ISLNK(mode)) return ELOOP;
  if (S_ISDIR(mode)) return EISDIR;
  return EINVAL;
}

/// @return the descriptor of a regular file; never waits for the other end of a FIFO.
Result<int> open_regular(const std::string& path, int flags) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0 && (flags & O_EXCL) == 0) {
    const int refusal = refusal_of(status.st_mode);
    if (refusal == EINVAL) {
      return fail(ErrorCode::kafka_storage_error, "open " + path + ": not a regular file", EINVAL);
    }
    if (refusal != 0) return failure("open", path, refusal);
  }
  // O_NONBLOCK covers the case that a FIFO took the name's place in between.
  const int descriptor = ::open(path.c_str(), flags | common_flags | O_NONBLOCK, file_mode);
  if (descriptor < 0) return failure("open", path, errno);
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) ||
      ::fcntl(descriptor, F_SETFL, 0) != 0) {
    ::close(descriptor);
    return fail(ErrorCode::kafka_storage_error, "open " + path + ": not a regular file", EINVAL);
  }
  return descriptor;
}

FileInfo info_of(std::string name, const struct stat& status) {
  FileInfo info;
  info.name = std::move(name);
  info.size = static_cast<std::uint64_t>(status.st_size);
  info.modified_ms =
      static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1000 + status.st_mtim.tv_nsec / 1'000'000;
  info.is_directory = S_ISDIR(status.st_mode);
  info.is_regular = S_ISREG(status.st_mode);
  return info;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Result<Directory> open_directory(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | common_flags);
  if (descriptor < 0) return failure("open directory", path, errno);
  Directory directory(::fdopendir(descriptor));
  if (!directory) {
    const int os_error = errno;
    ::close(descriptor);
    return failure("open directory", path, os_error);
  }
  return directory;
}

class HeldLock final : public FileLock {
 public:
  explicit HeldLock(int descriptor) : descriptor_(descriptor) {}
  ~HeldLock() override { ::close(descriptor_); }  // gives the lock back
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;

 private:
  const int descriptor_;
};

}  // namespace

Result<std::shared_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode) {
  auto descriptor = open_regular(path, flags_of(mode));
  if (!descriptor) return fail(std::move(descriptor.error()));
  return std::make_shared<PosixFile>(*descriptor, path);
}

Result<FileInfo> PosixFileSystem::stat(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return failure("stat", path, errno);
  return info_of(path, status);
}

Result<SpaceInfo> PosixFileSystem::space(const std::string& path) {
  struct statvfs volume {};
  if (::statvfs(path.c_str(), &volume) != 0) return failure("statvfs", path, errno);
  const std::uint64_t block = volume.f_frsize;
  return SpaceInfo{volume.f_blocks * block, volume.f_bavail * block};
}

Result<std::vector<FileInfo>> PosixFileSystem::list(const std::string& directory) {
  auto opened = open_directory(directory);
  if (!opened) return fail(std::move(opened.error()));
  std::vector<FileInfo> entries;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(opened->get());
    if (entry == nullptr && errno != 0) return failure("list", directory, errno);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat status {};
    if (::fstatat(::dirfd(opened->get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // removed since readdir saw it
      return failure("stat", directory + "/" + entry->d_name, errno);
    }
    entries.push_back(info_of(std::string(name), status));
  }
  std::sort(entries.begin(), entries.end(),
            [](const FileInfo& a, const FileInfo& b) { return a.name < b.name; });
  return entries;
}

Result<void> PosixFileSystem::create_directory(const std::string& path) {
  if (::mkdir(path.c_str(), directory_mode) == 0) return {};
  const int os_error = errno;
  struct stat status {};
  const bool is_there =
      os_error == EEXIST && ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  if (!is_there) return failure("create directory", path, os_error);
  return {};
}

Result<void> PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failure("rename", from + " to " + to, errno);
  return {};
}

Result<void> PosixFileSystem::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return {};
  // Linux says EISDIR for a directory, POSIX EPERM.
  if ((errno == EISDIR || errno == EPERM) && ::rmdir(path.c_str()) == 0) return {};
  if (errno == ENOENT) return {};
  return failure("remove", path, errno);
}

Result<void> PosixFileSystem::sync_directory(const std::string& path) {
  auto opened = open_directory(path);
  if (!opened) return fail(std::move(opened.error()));
  if (::fsync(::dirfd(opened->get())) != 0) return failure("fsync of directory", path, errno);
  return {};
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path) {
  auto descriptor = open_regular(path, O_RDWR | O_CREAT);
  if (!descriptor) return fail(std::move(descriptor.error()));
  auto held = std::make_unique<HeldLock>(*descriptor);
  struct flock whole_file {};
  whole_file.l_type = F_WRLCK;
  whole_file.l_whence = SEEK_SET;
  if (::fcntl(*descriptor, F_OFD_SETLK, &whole_file) != 0) {
    return failure("lock", path, errno == EACCES || errno == EAGAIN ? EWOULDBLOCK : errno);
  }
  return held;
}

Result<void> PosixFileSystem::set_modified(const std::string& path, std::int64_t wall_ms) {
  const std::int64_t seconds = wall_ms >= 0 ? wall_ms / 1000 : (wall_ms - 999) / 1000;
  const std::array<timespec, 2> times{
      {{0, UTIME_OMIT}, {seconds, (wall_ms - seconds * 1000) * 1'000'000}}};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    return failure("set the time of", path, errno);
  return {};
}

}  // namespace gregor::runtime::real
