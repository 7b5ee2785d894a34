#include "runtime/real/free_memory.h"

#include <malloc.h>

#include <algorithm>

namespace gregor::runtime::real {
namespace {

constexpr Duration interval = std::chrono::seconds(10);
// Below this a look costs more than the memory is worth.
constexpr std::uint64_t margin = std::uint64_t{8} << 20;

std::uint64_t free_in_heap() { return ::mallinfo2().fordblks; }

}  // namespace

FreeMemory::Look FreeMemory::look(std::uint64_t before, std::uint64_t margin_bytes) {
  const std::uint64_t now = free_in_heap();
  if (now <= before + margin_bytes) return {std::min(now, before), false};
  const bool was_returned = ::malloc_trim(0) == 1;
  return {free_in_heap(), was_returned};
}

void FreeMemory::start() {
  shard_.start_timer(shard_.clock().now() + interval, [this] {
    shard_.submit_io([this] { last_ = look(last_.free_bytes, margin); }, [this] { start(); });
  });
}

}  // namespace gregor::runtime::real
