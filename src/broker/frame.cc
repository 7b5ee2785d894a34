#include "broker/frame.h"

#include <cstdlib>
#include <new>
#include <utility>

namespace gregor::broker {

FrameBuffer::FrameBuffer(std::size_t size, FrameBudget::Reservation reservation)
    : size_(size), reservation_(std::move(reservation)) {
  if (size == 0) return;
  auto* data = static_cast<std::byte*>(std::malloc(size));
  if (data == nullptr) throw std::bad_alloc();
  data_.reset(data);
}

void FrameBuffer::Free::operator()(std::byte* data) const { std::free(data); }

FrameBudget::~FrameBudget() = default;

runtime::Task<FrameBudget::Reservation> FrameBudget::reserve(std::size_t bytes) {
  if (bytes <= small_frame_bytes) co_return Reservation();
  if (waiters_.empty() && fits(bytes)) {
    used_ += bytes;
    co_return Reservation(this, bytes);
  }
  runtime::OneShot turn(shard_);
  waiters_.push_back({bytes, &turn});
  co_await turn.wait();  // admit() has taken the bytes
  co_return Reservation(this, bytes);
}

void FrameBudget::release(std::size_t bytes) {
  GREGOR_ASSERT(bytes <= used_);
  used_ -= bytes;
  admit();
}

void FrameBudget::admit() {
  while (!waiters_.empty() && fits(waiters_.front().bytes)) {
    const Waiter next = waiters_.front();
    waiters_.pop_front();
    used_ += next.bytes;
    next.turn->set();
  }
}

}  // namespace gregor::broker
