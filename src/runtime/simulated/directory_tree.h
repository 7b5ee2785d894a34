// DirectoryTree: the names of a simulated disk, as the cache has them and as the disk has them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/simulated/file_image.h"

namespace gregor::runtime::simulated {

/// A file or a directory. It lives as long as a name, an un-synced operation or an open file refers
/// to it.
struct Inode {
  std::uint64_t number = 0;
  bool is_directory = false;
  std::int64_t modified_ms = 0;
  FileImage contents;                                     ///< of a file
  std::map<std::string, std::shared_ptr<Inode>> entries;  ///< of a directory, as the cache has them
  std::map<std::string, std::shared_ptr<Inode>> durable;  ///< of a directory, as the disk has them
};
using InodePointer = std::shared_ptr<Inode>;

/// Where a path leads to: a directory that is there, and a name in it that may not be.
struct Place {
  InodePointer directory;
  std::string name;    ///< empty: the root
  InodePointer inode;  ///< null if there is none
};

/// Thread: one.
/// Model:  a metadata journal that keeps the operations on one directory in order. An operation is
/// on the disk after
///         sync() of a directory that it changed, together with the earlier ones that it rests on;
///         before that a power loss keeps a random prefix. An operation on two directories (rename)
///         is kept whole or not at all.
class DirectoryTree {
 public:
  DirectoryTree();

  /// @param os_error set if the place is empty: ENOENT, ENOTDIR, EINVAL (".."), ENAMETOOLONG
  [[nodiscard]] std::optional<Place> find(std::string_view path, int& os_error) const;
  /// Adds a new file or directory; there must be none of this name.
  InodePointer create(const Place& place, bool is_directory);
  /// @return 0 or ENOENT, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL
  [[nodiscard]] int rename(const Place& from, const Place& to);
  /// @return 0 or ENOTEMPTY, EBUSY (the root)
  [[nodiscard]] int remove(const Place& place);
  void sync(const Inode& directory);
  void sync_all();
  void lose_power(Prng& prng, PowerLoss& report);
  /// The sum of the sizes, without holes, of all files that have a name.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Change {
    InodePointer directory;
    std::string name;
    InodePointer inode;  // null: the name is removed
  };
  struct Operation {
    std::vector<Change> changes;
    bool keep = false;
  };
  void record(std::vector<Change> changes);
  void close_upwards();
  std::uint64_t apply_kept();
  void draw_kept(Prng& prng);
  [[nodiscard]] bool holds(const Inode& ancestor, const Inode& inode) const;

  InodePointer root_;
  std::vector<Operation> journal_;  // not on the disk yet, oldest first
  std::uint64_t next_number_ = 2;
};

}  // namespace gregor::runtime::simulated
