#include "runtime/simulated/disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"

namespace gregor::runtime::simulated {

bool is_effectful(FileOperation operation) {
  switch (operation) {
    case FileOperation::open:
    case FileOperation::read:
    case FileOperation::stat:
    case FileOperation::list:
    case FileOperation::lock:
      return false;
    case FileOperation::create:
    case FileOperation::write:
    case FileOperation::sync_data:
    case FileOperation::truncate:
    case FileOperation::create_directory:
    case FileOperation::rename:
    case FileOperation::remove:
    case FileOperation::sync_directory:
      return true;
  }
  GREGOR_ASSERT(false);
}

Disk::Disk(Scheduler& scheduler, std::string name)
    : scheduler_(scheduler),
      crash_numbers_(scheduler.split("disk.crash." + name)),
      delay_numbers_(scheduler.split("disk.delay." + name)),
      resident_numbers_(scheduler.split("disk.resident." + name)),
      bytes_max_(scheduler.options().disk_bytes_max) {}

void Disk::fail_nth(FileOperation operation, std::uint64_t n, int os_error) {
  GREGOR_ASSERT(n > 0 && os_error != 0);
  failures_.push_back({operation, n, os_error});
}

Admission Disk::admit(const Life& life, FileOperation operation, std::uint64_t bytes) {
  if (life.outside) {
    bytes_used_at_most_ += bytes;
    return {};
  }
  if (!life.alive) return {.apply = false, .os_error = EIO};
  ++counts_[static_cast<std::size_t>(operation)];
  if (is_effectful(operation)) {
    ++effectful_count_;
    if (operations_to_crash_ > 0 && --operations_to_crash_ == 0) {
      return draw_crash_admission(operation, bytes);
    }
  }
  const int os_error = take_failure(operation);
  if (os_error != 0) {
    const bool is_write = operation == FileOperation::write && bytes > 0;
    return {.apply = is_write,
            .os_error = os_error,
            .bytes_max = is_write ? crash_numbers_.below(bytes) : 0};
  }
  if (operation == FileOperation::write && !has_room_for(bytes)) {
    const std::uint64_t used = tree_.bytes();
    return {.os_error = ENOSPC, .bytes_max = bytes_max_ > used ? bytes_max_ - used : 0};
  }
  return {};
}

// Counts all files only when the sum of what was written since the last count may not fit.
bool Disk::has_room_for(std::uint64_t bytes) {
  bytes_used_at_most_ += bytes;
  if (bytes_used_at_most_ <= bytes_max_) return true;
  bytes_used_at_most_ = tree_.bytes() + bytes;
  return bytes_used_at_most_ <= bytes_max_;
}

// The operation was on its way when the machine stopped: done, not done, or a write in part.
Admission Disk::draw_crash_admission(FileOperation operation, std::uint64_t bytes) {
  Admission admission{.os_error = EIO, .crash = true};
  admission.apply = crash_numbers_.chance(0.67);
  if (operation == FileOperation::write && bytes > 0 && crash_numbers_.chance(0.5)) {
    admission.bytes_max = crash_numbers_.below(bytes);
  }
  return admission;
}

int Disk::take_failure(FileOperation operation) {
  int os_error = 0;
  for (Failure& failure : failures_) {
    if (failure.operation == operation && --failure.left == 0 && os_error == 0)
      os_error = failure.os_error;
  }
  std::erase_if(failures_, [](const Failure& failure) { return failure.left == 0; });
  return os_error;
}

void Disk::set_crash_point(std::uint64_t n, UniqueFunction<void()> reached) {
  GREGOR_ASSERT(n > 0);
  operations_to_crash_ = n;
  crash_point_reached_ = std::move(reached);
}

void Disk::clear_crash_point() {
  operations_to_crash_ = 0;
  crash_point_reached_ = {};
}

void Disk::reach_crash_point() {
  UniqueFunction<void()> reached = std::exchange(crash_point_reached_, {});
  GREGOR_ASSERT(reached);
  reached();
}

void Disk::lose_power(PowerLoss& report) { tree_.lose_power(crash_numbers_, report); }

std::uint64_t Disk::lock(const Inode& inode) {
  const bool held = std::any_of(locks_.begin(), locks_.end(),
                                [&](const Lock& lock) { return lock.inode == inode.number; });
  if (held) return 0;
  locks_.push_back({next_lock_token_, inode.number});
  return next_lock_token_++;
}

void Disk::unlock(std::uint64_t token) {
  std::erase_if(locks_, [token](const Lock& lock) { return lock.token == token; });
}

Duration Disk::draw_io_delay() {
  const WorldOptions& options = scheduler_.options();
  const auto drawn =
      delay_numbers_.between(static_cast<std::uint64_t>(options.io_delay.min.count()),
                             static_cast<std::uint64_t>(options.io_delay.max.count()));
  Duration delay = Duration(drawn) + extra_delay_;
  if (delay_numbers_.chance(options.slow_disk_probability)) delay += options.slow_disk_delay;
  return delay;
}

bool Disk::draw_resident() {
  return !resident_numbers_.chance(scheduler_.options().not_resident_probability);
}

}  // namespace gregor::runtime::simulated
