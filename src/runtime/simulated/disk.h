// Disk: the simulated disk of one node. It outlives crashes; faults are injected here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_function.h"
#include "runtime/clock.h"
#include "runtime/simulated/directory_tree.h"
#include "runtime/simulated/event_queue.h"
#include "runtime/simulated/prng.h"
#include "runtime/simulated/scheduler.h"

namespace gregor::runtime::simulated {

enum class FileOperation : std::uint8_t {
  open,  ///< of a file that is there
  read,
  stat,  ///< stat and size
  list,
  create,  ///< open or lock that makes a file
  write,
  sync_data,
  truncate,
  create_directory,
  rename,
  remove,
  sync_directory,
  lock,
};
inline constexpr std::size_t file_operation_count = 13;

/// True for operations that may change what a crash leaves; a crash point counts only these.
[[nodiscard]] bool is_effectful(FileOperation operation);

/// What an operation may do.
struct Admission {
  bool apply = true;                     ///< false: no effect
  int os_error = 0;                      ///< what it answers after its effect
  std::uint64_t bytes_max = UINT64_MAX;  ///< a write stops here
  bool crash = false;                    ///< then it calls Disk::reach_crash_point()
};

/// Thread: one. Nothing here takes virtual time: what may block is offloaded, and that takes
/// io_delay.
class Disk {
 public:
  Disk(Scheduler& scheduler, std::string name);
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // For tests and fault injection.

  /// The n-th operation of this kind from now (1 = the next) fails with `os_error`; a write may
  /// have written a prefix.
  void fail_nth(FileOperation operation, std::uint64_t n, int os_error);
  void clear_failures() { failures_.clear(); }
  /// Contents beyond it: ENOSPC.
  void set_bytes_max(std::uint64_t bytes) { bytes_max_ = bytes; }
  [[nodiscard]] std::uint64_t bytes_max() const { return bytes_max_; }
  /// Offloaded work of this node takes so much longer from now on.
  void set_extra_delay(Duration delay) { extra_delay_ = delay; }
  /// Operations of this kind asked for by broker code, failed ones too, since the disk was made.
  [[nodiscard]] std::uint64_t count(FileOperation operation) const {
    return counts_[static_cast<std::size_t>(operation)];
  }
  /// Sum of count() over the effectful kinds.
  [[nodiscard]] std::uint64_t effectful_count() const { return effectful_count_; }
  [[nodiscard]] std::uint64_t bytes_used() const { return tree_.bytes(); }
  /// Everything is on the disk, as after sync(2).
  void sync_all() { tree_.sync_all(); }

  // For the file system and the node.

  /// To be asked before each operation of code that runs in `life`.
  [[nodiscard]] Admission admit(const Life& life, FileOperation operation, std::uint64_t bytes = 0);
  void reach_crash_point();
  /// `reached` is called at the n-th effectful operation from now (1 = the next), which may be done
  /// in part.
  void set_crash_point(std::uint64_t n, UniqueFunction<void()> reached);
  void clear_crash_point();
  void lose_power(PowerLoss& report);
  void release_locks() { locks_.clear(); }
  /// @return a token, 0 if the file is locked.
  std::uint64_t lock(const Inode& inode);
  void unlock(std::uint64_t token);
  [[nodiscard]] Duration draw_io_delay();
  [[nodiscard]] bool draw_resident();
  [[nodiscard]] DirectoryTree& tree() { return tree_; }

 private:
  struct Failure {
    FileOperation operation;
    std::uint64_t left;
    int os_error;
  };
  struct Lock {
    std::uint64_t token;
    std::uint64_t inode;
  };
  [[nodiscard]] int take_failure(FileOperation operation);
  [[nodiscard]] bool has_room_for(std::uint64_t bytes);
  [[nodiscard]] Admission draw_crash_admission(FileOperation operation, std::uint64_t bytes);

  Scheduler& scheduler_;
  DirectoryTree tree_;
  Prng crash_numbers_;
  Prng delay_numbers_;
  Prng resident_numbers_;
  std::array<std::uint64_t, file_operation_count> counts_{};
  std::uint64_t effectful_count_ = 0;
  std::vector<Failure> failures_;
  std::uint64_t operations_to_crash_ = 0;  // 0 = no crash point
  UniqueFunction<void()> crash_point_reached_;
  std::vector<Lock> locks_;
  std::uint64_t next_lock_token_ = 1;
  std::uint64_t bytes_max_;
  std::uint64_t bytes_used_at_most_ = 0;
  Duration extra_delay_{0};
};

}  // namespace gregor::runtime::simulated
