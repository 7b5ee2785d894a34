// PartCursor: where a gathering write stands in its parts; makes the iovecs for the next system
// call.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "base/bytes.h"

namespace gregor::runtime::real {

/// Borrows the parts and their bytes.
class PartCursor {
 public:
  explicit PartCursor(std::span<const ByteView> parts) : parts_(parts) { skip_empty(); }

  [[nodiscard]] bool at_end() const { return index_ == parts_.size(); }
  /// Fills `vectors` with what comes next, up to `bytes_max` bytes in all. @return the number
  /// filled.
  [[nodiscard]] std::size_t fill(std::span<iovec> vectors, std::size_t bytes_max) const;
  /// Goes on by `bytes`, which the last fill() covered.
  void advance(std::size_t bytes);

 private:
  void skip_empty() {
    while (index_ < parts_.size() && offset_ == parts_[index_].size()) {
      ++index_;
      offset_ = 0;
    }
  }

  std::span<const ByteView> parts_;
  std::size_t index_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace gregor::runtime::real
