#include "runtime/frame_memory.h"

#include <array>
#include <cstdint>
#include <new>

namespace gregor::runtime::frame_memory {
namespace {

// Sanitizers have to see each frame come and go.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool is_kept = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool is_kept = false;
#else
constexpr bool is_kept = true;
#endif
#else
constexpr bool is_kept = true;
#endif

constexpr std::size_t step_bytes = 64;
constexpr std::size_t frame_bytes_max = 4096;  // larger ones come from operator new
constexpr std::size_t classes = frame_bytes_max / step_bytes;
// A thread keeps at most classes * kept_bytes_max, 1 MiB.
constexpr std::size_t kept_bytes_max = 16 * 1024;

std::size_t class_of(std::size_t size) { return (size + step_bytes - 1) / step_bytes - 1; }
std::size_t bytes_of(std::size_t frame_class) { return (frame_class + 1) * step_bytes; }

struct FreeFrame {
  FreeFrame* next;
};

// What one thread keeps. Frames that other threads give back late, when it has ended, go straight
// back to operator delete.
class Kept {
 public:
  Kept() = default;
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() {
    has_ended_ = true;
    for (std::size_t i = 0; i < classes; ++i) {
      while (void* frame = take(i)) ::operator delete(frame);
    }
  }

  void* take(std::size_t frame_class) {
    List& list = lists_[frame_class];
    FreeFrame* const first = list.first;
    if (first == nullptr) return nullptr;
    list.first = first->next;
    --list.count;
    return first;
  }

  bool keep(void* frame, std::size_t frame_class) {
    List& list = lists_[frame_class];
    if (has_ended_ || list.count * bytes_of(frame_class) >= kept_bytes_max) return false;
    list.first = ::new (frame) FreeFrame{list.first};
    ++list.count;
    return true;
  }

 private:
  struct List {
    FreeFrame* first = nullptr;
    std::size_t count = 0;
  };
  std::array<List, classes> lists_{};
  bool has_ended_ = false;
};

constinit thread_local Kept kept;

}  // namespace

void* take(std::size_t size) {
  if (!is_kept || size == 0 || size > frame_bytes_max) return ::operator new(size);
  const std::size_t frame_class = class_of(size);
  void* const frame = kept.take(frame_class);
  return frame != nullptr ? frame : ::operator new(bytes_of(frame_class));
}

void give_back(void* frame, std::size_t size) {
  const bool was_kept =
      is_kept && size > 0 && size <= frame_bytes_max && kept.keep(frame, class_of(size));
  if (!was_kept) ::operator delete(frame);
}

}  // namespace gregor::runtime::frame_memory
