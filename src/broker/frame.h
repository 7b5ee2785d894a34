// Frames as they come from a connection: owned bytes, and the budget that their memory is taken
// from.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "runtime/shard.h"

namespace gregor::broker {

/// The memory that large frames of one shard may take at a time.
///
/// Frames up to small_frame_bytes pass freely (they are bounded by the limits of connections and
/// pipelining). A larger one reserves its size before its body is read, first come first served.
/// One that is larger than the whole budget is admitted when nothing else is. A full budget delays
/// reading and never answering. Thread: one shard.
class FrameBudget {
 public:
  static constexpr std::size_t small_frame_bytes = 64 * 1024;

  FrameBudget(runtime::Shard& shard, std::size_t bytes_max)
      : shard_(shard), bytes_max_(bytes_max) {}
  ~FrameBudget();

  /// Gives its bytes back when destroyed.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(FrameBudget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
    Reservation(Reservation&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Reservation& operator=(Reservation&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Reservation() {
      if (budget_ != nullptr) budget_->release(bytes_);
    }

   private:
    FrameBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  /// Waits until `bytes` fit. Ends at once for a small frame.
  runtime::Task<Reservation> reserve(std::size_t bytes);

  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }
  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter {
    std::size_t bytes;
    runtime::OneShot* turn;
  };
  [[nodiscard]] bool fits(std::size_t bytes) const {
    return used_ == 0 || used_ + bytes <= bytes_max_;
  }
  void release(std::size_t bytes);
  void admit();

  runtime::Shard& shard_;
  const std::size_t bytes_max_;
  std::size_t used_ = 0;
  std::deque<Waiter> waiters_;
};

/// Owned bytes without an initial fill: pages of a large frame are first touched when its bytes
/// arrive, so that a declared length costs no memory. What it has reserved goes back with it.
class FrameBuffer {
 public:
  FrameBuffer() = default;
  explicit FrameBuffer(std::size_t size, FrameBudget::Reservation reservation = {});
  [[nodiscard]] ByteSpan bytes() { return {data_.get(), size_}; }
  [[nodiscard]] ByteView bytes() const { return {data_.get(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t size_ = 0;
  FrameBudget::Reservation reservation_;
};

}  // namespace gregor::broker
