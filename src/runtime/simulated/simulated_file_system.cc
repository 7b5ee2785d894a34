#include "runtime/simulated/simulated_file_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace gregor::runtime::simulated {
namespace {

using View = SimulatedFileSystem::View;

// What a file system with 32-bit block numbers would refuse; bounds the memory for holes.
constexpr std::uint64_t file_bytes_max = 16ULL << 30;

tl::unexpected<Error> failure(std::string_view what, const std::string& path, int os_error) {
  return fail(ErrorCode::kafka_storage_error,
              fmt::format("{} {}: {}", what, path, std::strerror(os_error)), os_error);
}

/// Asks the disk, performs `effect` (which gives an errno) as far as allowed, and crashes the node
/// if it is time.
template <class Effect>
int perform_on(const View& view, const Admission& admission, Effect effect) {
  int os_error = 0;
  if (admission.apply) os_error = effect();
  if (admission.crash) view.disk.reach_crash_point();
  return admission.os_error != 0 ? admission.os_error : os_error;
}

class SimulatedFile final : public File {
 public:
  SimulatedFile(const View& view, InodePointer inode, std::string path, bool writable)
      : view_(view), inode_(std::move(inode)), path_(std::move(path)), writable_(writable) {}

  Result<std::size_t> read_at(std::uint64_t position, ByteSpan out) const override {
    const Admission admission = view_.disk.admit(view_.life, FileOperation::read);
    if (admission.os_error != 0) return failure("read", path_, admission.os_error);
    return inode_->contents.read(position, out);
  }

  Result<void> write_at(std::uint64_t position, std::span<const ByteView> parts) override {
    if (!writable_) return failure("write", path_, EBADF);
    std::uint64_t size = 0;
    for (const ByteView& part : parts) size += part.size();
    if (position > file_bytes_max - size) return failure("write", path_, EFBIG);
    const Admission admission = view_.disk.admit(view_.life, FileOperation::write, size);
    return finish("write", admission, [&] {
      std::uint64_t left = std::min(size, admission.bytes_max);
      for (const ByteView& part : parts) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, part.size()));
        inode_->contents.write(position, part.first(count));
        position += count;
        left -= count;
      }
      inode_->modified_ms = view_.clock.wall_ms();
    });
  }

  Result<void> sync_data() override {
    const Admission admission = view_.disk.admit(view_.life, FileOperation::sync_data);
    if (!admission.apply && view_.life.alive && !admission.crash) inode_->contents.fail_sync();
    return finish("fdatasync", admission, [&] { inode_->contents.sync(); });
  }

  Result<void> truncate(std::uint64_t size) override {
    if (!writable_) return failure("truncate", path_, EBADF);
    if (size > file_bytes_max) return failure("truncate", path_, EFBIG);
    const Admission admission = view_.disk.admit(view_.life, FileOperation::truncate);
    return finish("truncate", admission, [&] {
      inode_->contents.truncate(size);
      inode_->modified_ms = view_.clock.wall_ms();
    });
  }

  Result<std::uint64_t> size() const override {
    const Admission admission = view_.disk.admit(view_.life, FileOperation::stat);
    if (admission.os_error != 0) return failure("size of", path_, admission.os_error);
    return inode_->contents.size();
  }

  bool is_resident(std::uint64_t, std::uint64_t) const override {
    return view_.disk.draw_resident();
  }
  int descriptor() const override { return -1; }

 private:
  template <class Effect>
  Result<void> finish(std::string_view what, const Admission& admission, Effect effect) {
    const int os_error = perform_on(view_, admission, [&] {
      effect();
      return 0;
    });
    if (os_error != 0) return failure(what, path_, os_error);
    return {};
  }

  View view_;
  const InodePointer inode_;
  const std::string path_;
  const bool writable_;
};

class SimulatedLock final : public FileLock {
 public:
  SimulatedLock(Disk& disk, std::uint64_t token) : disk_(disk), token_(token) {}
  SimulatedLock(const SimulatedLock&) = delete;
  SimulatedLock& operator=(const SimulatedLock&) = delete;
  ~SimulatedLock() override { disk_.unlock(token_); }  // no effect if a crash has released it

 private:
  Disk& disk_;
  const std::uint64_t token_;
};

FileInfo info_of(std::string name, const Inode& inode) {
  FileInfo info;
  info.name = std::move(name);
  info.size = inode.contents.size();
  info.modified_ms = inode.modified_ms;
  info.is_directory = inode.is_directory;
  info.is_regular = !inode.is_directory;
  return info;
}

}  // namespace

Result<Place> SimulatedFileSystem::find(const char* what, const std::string& path) const {
  int os_error = EIO;
  if (!view_.life.alive) return failure(what, path, os_error);
  auto place = view_.disk.tree().find(path, os_error);
  if (!place) return failure(what, path, os_error);
  return std::move(*place);
}

template <class Effect>
Result<void> SimulatedFileSystem::perform(const char* what, const std::string& path,
                                          FileOperation operation, Effect effect) {
  const Admission admission = view_.disk.admit(view_.life, operation);
  const int os_error = perform_on(view_, admission, effect);
  if (os_error != 0) return failure(what, path, os_error);
  return {};
}

Result<InodePointer> SimulatedFileSystem::create(const char* what, const Place& place,
                                                 const std::string& path) {
  InodePointer inode;
  const auto made = perform(what, path, FileOperation::create, [&] {
    inode = view_.disk.tree().create(place, false);
    inode->modified_ms = view_.clock.wall_ms();
    return 0;
  });
  if (!made) return fail(made.error());
  return inode;
}

Result<std::shared_ptr<File>> SimulatedFileSystem::open(const std::string& path, OpenMode mode) {
  auto place = find("open", path);
  if (!place) return fail(std::move(place.error()));
  const bool may_create = mode == OpenMode::create || mode == OpenMode::create_new;
  InodePointer inode = place->inode;
  if (inode || !may_create) {
    const Admission admission = view_.disk.admit(view_.life, FileOperation::open);
    if (admission.os_error != 0) return failure("open", path, admission.os_error);
    if (!inode) return failure("open", path, ENOENT);
    if (mode == OpenMode::create_new) return failure("open", path, EEXIST);
    if (inode->is_directory) return failure("open", path, EISDIR);
  } else {
    auto created = create("open", *place, path);
    if (!created) return fail(std::move(created.error()));
    inode = std::move(*created);
  }
  return std::make_shared<SimulatedFile>(view_, std::move(inode), path, mode != OpenMode::read);
}

Result<FileInfo> SimulatedFileSystem::stat(const std::string& path) {
  const Admission admission = view_.disk.admit(view_.life, FileOperation::stat);
  if (admission.os_error != 0) return failure("stat", path, admission.os_error);
  auto place = find("stat", path);
  if (!place) return fail(std::move(place.error()));
  if (!place->inode) return failure("stat", path, ENOENT);
  return info_of(path, *place->inode);
}

Result<SpaceInfo> SimulatedFileSystem::space(const std::string& path) {
  const Admission admission = view_.disk.admit(view_.life, FileOperation::stat);
  if (admission.os_error != 0) return failure("space of", path, admission.os_error);
  const std::uint64_t used = view_.disk.bytes_used();
  const std::uint64_t total = view_.disk.bytes_max();
  return SpaceInfo{total, total > used ? total - used : 0};
}

Result<std::vector<FileInfo>> SimulatedFileSystem::list(const std::string& directory) {
  const Admission admission = view_.disk.admit(view_.life, FileOperation::list);
  if (admission.os_error != 0) return failure("list", directory, admission.os_error);
  auto place = find("list", directory);
  if (!place) return fail(std::move(place.error()));
  if (!place->inode) return failure("list", directory, ENOENT);
  if (!place->inode->is_directory) return failure("list", directory, ENOTDIR);
  std::vector<FileInfo> entries;
  for (const auto& [name, inode] : place->inode->entries) entries.push_back(info_of(name, *inode));
  return entries;
}

Result<void> SimulatedFileSystem::create_directory(const std::string& path) {
  return perform("create directory", path, FileOperation::create_directory, [&] {
    int os_error = 0;
    const auto place = view_.disk.tree().find(path, os_error);
    if (!place) return os_error;
    if (place->inode) return place->inode->is_directory ? 0 : EEXIST;
    view_.disk.tree().create(*place, true)->modified_ms = view_.clock.wall_ms();
    return 0;
  });
}

Result<void> SimulatedFileSystem::rename(const std::string& from, const std::string& to) {
  return perform("rename", from + " to " + to, FileOperation::rename, [&] {
    int os_error = 0;
    const auto source = view_.disk.tree().find(from, os_error);
    if (!source) return os_error;
    const auto target = view_.disk.tree().find(to, os_error);
    if (!target) return os_error;
    return view_.disk.tree().rename(*source, *target);
  });
}

Result<void> SimulatedFileSystem::remove(const std::string& path) {
  return perform("remove", path, FileOperation::remove, [&] {
    int os_error = 0;
    const auto place = view_.disk.tree().find(path, os_error);
    if (!place) return os_error == ENOENT ? 0 : os_error;
    return place->inode ? view_.disk.tree().remove(*place) : 0;
  });
}

Result<void> SimulatedFileSystem::sync_directory(const std::string& path) {
  return perform("fsync of directory", path, FileOperation::sync_directory, [&] {
    int os_error = 0;
    const auto place = view_.disk.tree().find(path, os_error);
    if (!place) return os_error;
    if (!place->inode) return ENOENT;
    if (!place->inode->is_directory) return ENOTDIR;
    view_.disk.tree().sync(*place->inode);
    return 0;
  });
}

// (Power losses leave it as it is: nothing depends on that.)
Result<void> SimulatedFileSystem::set_modified(const std::string& path, std::int64_t wall_ms) {
  const Admission admission = view_.disk.admit(view_.life, FileOperation::stat);
  if (admission.os_error != 0) return failure("set the time of", path, admission.os_error);
  auto place = find("set the time of", path);
  if (!place) return fail(std::move(place.error()));
  if (!place->inode) return failure("set the time of", path, ENOENT);
  place->inode->modified_ms = wall_ms;
  return {};
}

Result<std::unique_ptr<FileLock>> SimulatedFileSystem::lock(const std::string& path) {
  auto place = find("lock", path);
  if (!place) return fail(std::move(place.error()));
  if (place->inode && place->inode->is_directory) return failure("lock", path, EISDIR);
  InodePointer inode = place->inode;
  if (!inode) {
    auto created = create("lock", *place, path);
    if (!created) return fail(std::move(created.error()));
    inode = std::move(*created);
  }
  const Admission admission = view_.disk.admit(view_.life, FileOperation::lock);
  if (admission.os_error != 0) return failure("lock", path, admission.os_error);
  const std::uint64_t token = view_.disk.lock(*inode);
  if (token == 0) return failure("lock", path, EWOULDBLOCK);
  return std::make_unique<SimulatedLock>(view_.disk, token);
}

}  // namespace gregor::runtime::simulated
