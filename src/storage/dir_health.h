// How a log dir's disk is doing: whether a write is made on the shard or in the I/O pool, whether
// there is room for it, and whether the dir has failed.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"
#include "runtime/clock.h"

namespace gregor::storage {

/// A file could not be opened since too many are, in this process or on this machine.
[[nodiscard]] bool is_out_of_descriptors(const Error& error);

/// An error that goes away once there is room on the disk, or descriptors are free. Any other error
/// of a change is final for the log dir: what the kernel could not write it forgets, so nothing
/// that follows proves anything.
[[nodiscard]] bool is_passing(const Error& error);

/// Buffered writes are memory copies until the disk falls behind; then the kernel makes the writer
/// wait. A shard must not wait, so after a sign of that the writes go to the I/O pool for a while.
///
/// Thread: any (atomics); shared by all logs of one log dir.
class DirHealth {
 public:
  /// A write that takes longer makes the dir unhealthy.
  static constexpr runtime::Duration slow_write = std::chrono::milliseconds(5);
  /// For how long, after the last slow write, writes go to the I/O pool.
  static constexpr runtime::Duration recovery_time = std::chrono::seconds(1);
  /// Bytes that were written and not synced, as far as this process knows, above which writes go to
  /// the pool: beyond its dirty limit the kernel stops writers without warning.
  static constexpr std::int64_t dirty_bytes_max = std::int64_t{1} << 30;
  /// The kernel writes dirty pages back on its own; of what was written, half is taken to be clean
  /// after this time (its default expiry is 30 s).
  static constexpr runtime::Duration writeback_time = std::chrono::seconds(15);

  DirHealth() = default;
  DirHealth(const DirHealth&) = delete;
  DirHealth& operator=(const DirHealth&) = delete;
  ~DirHealth() { delete failure_.load(); }

  [[nodiscard]] bool is_healthy(runtime::Instant now);
  /// Notes a write of `bytes` that began at `start` and ended at `end`.
  void wrote(std::uint64_t bytes, runtime::Instant start, runtime::Instant end);
  void synced(std::uint64_t bytes);

  /// How many bytes may be appended until the next call; what is written is taken off. Unlimited
  /// before the first call.
  void set_room(std::int64_t bytes) { room_bytes_.store(bytes, std::memory_order_relaxed); }
  [[nodiscard]] bool has_room() const { return room_bytes_.load(std::memory_order_relaxed) > 0; }

  /// The dir is not used any more by this process: an error that is not is_passing(). The first one
  /// stays.
  void fail(const std::string& directory, std::string_view what, const Error& error);
  [[nodiscard]] bool has_failed() const {
    return failure_.load(std::memory_order_acquire) != nullptr;
  }
  /// kafka_storage_error and what happened. Only after has_failed().
  [[nodiscard]] const Error& failure() const;

  /// Bounds the lines about failed writes of this dir, which come with every append while a disk is
  /// full.
  /// @return how many were held back since the last one if a line may be written now, else -1
  [[nodiscard]] std::int64_t admit_line(runtime::Instant now) {
    return failure_lines_.admit(now.time_since_epoch().count());
  }

 private:
  std::atomic<std::int64_t> slow_until_ns_{INT64_MIN};
  std::atomic<std::int64_t> dirty_bytes_{0};
  std::atomic<std::int64_t> halved_at_ns_{INT64_MIN};
  std::atomic<std::int64_t> room_bytes_{INT64_MAX};
  std::atomic<const Error*> failure_{nullptr};  // owned, set once
  log::RateLimit failure_lines_{2};             // a second
};

}  // namespace gregor::storage
