#include "storage/dir_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/assert.h"

namespace gregor::storage {

bool is_out_of_descriptors(const Error& error) {
  return error.os_error == EMFILE || error.os_error == ENFILE;
}

bool is_passing(const Error& error) {
  return error.os_error == ENOSPC || error.os_error == EDQUOT || error.os_error == EFBIG ||
         is_out_of_descriptors(error);
}

void DirHealth::fail(const std::string& directory, std::string_view what, const Error& error) {
  auto failure = std::make_unique<const Error>(
      Error{ErrorCode::kafka_storage_error,
            fmt::format("the log dir {} is offline: {} failed: {}", directory, what, error.detail),
            error.os_error});
  const Error* none = nullptr;
  if (!failure_.compare_exchange_strong(none, failure.get())) return;  // the first one stays
  log::error("storage", "{}; its partitions are not served until the broker starts again",
             failure.release()->detail);
}

const Error& DirHealth::failure() const {
  const Error* failure = failure_.load(std::memory_order_acquire);
  GREGOR_ASSERT(failure != nullptr);
  return *failure;
}

bool DirHealth::is_healthy(runtime::Instant now) {
  const std::int64_t now_ns = now.time_since_epoch().count();
  std::int64_t halved = halved_at_ns_.load(std::memory_order_relaxed);
  if (halved == INT64_MIN || now_ns - halved >= writeback_time.count()) {
    if (halved_at_ns_.compare_exchange_strong(halved, now_ns)) {
      dirty_bytes_.store(dirty_bytes_.load(std::memory_order_relaxed) / 2,
                         std::memory_order_relaxed);
    }
  }
  return now_ns >= slow_until_ns_.load(std::memory_order_relaxed) &&
         dirty_bytes_.load(std::memory_order_relaxed) <= dirty_bytes_max;
}

void DirHealth::wrote(std::uint64_t bytes, runtime::Instant start, runtime::Instant end) {
  dirty_bytes_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  room_bytes_.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  if (end - start > slow_write) {
    slow_until_ns_.store((end + recovery_time).time_since_epoch().count(),
                         std::memory_order_relaxed);
  }
}

void DirHealth::synced(std::uint64_t bytes) {
  const auto before =
      dirty_bytes_.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  // The halving above may have taken these bytes away already.
  if (before < static_cast<std::int64_t>(bytes)) dirty_bytes_.store(0, std::memory_order_relaxed);
}

}  // namespace gregor::storage
