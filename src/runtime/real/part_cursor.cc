#include "runtime/real/part_cursor.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::runtime::real {

std::size_t PartCursor::fill(std::span<iovec> vectors, std::size_t bytes_max) const {
  std::size_t count = 0;
  std::size_t offset = offset_;
  for (std::size_t i = index_; i < parts_.size() && count < vectors.size() && bytes_max > 0; ++i) {
    const ByteView rest = parts_[i].subspan(offset);
    offset = 0;
    if (rest.empty()) continue;
    const std::size_t length = std::min(rest.size(), bytes_max);
    vectors[count++] = {const_cast<std::byte*>(rest.data()), length};  // the kernel only reads
    bytes_max -= length;
  }
  return count;
}

void PartCursor::advance(std::size_t bytes) {
  while (bytes > 0) {
    GREGOR_ASSERT(!at_end());
    const std::size_t step = std::min(bytes, parts_[index_].size() - offset_);
    offset_ += step;
    bytes -= step;
    skip_empty();
  }
}

}  // namespace gregor::runtime::real
