// SparseBytes: a growing row of bytes in pages; pages never written are zeros and take no memory.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace gregor::runtime::simulated {

/// Thread: one. Invariant: bytes of the last page beyond size() are zeros.
class SparseBytes {
 public:
  static constexpr std::uint64_t page_size = 4096;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Size without the pages that were never written.
  [[nodiscard]] std::uint64_t allocated() const;
  /// @return the bytes read; fewer than asked at the end.
  std::size_t read(std::uint64_t position, ByteSpan out) const;
  /// Grows if it has to.
  void write(std::uint64_t position, ByteView bytes);
  void resize(std::uint64_t size);

 private:
  using Page = std::array<std::byte, page_size>;
  std::vector<std::unique_ptr<Page>> pages_;
  std::uint64_t size_ = 0;
  std::uint64_t allocated_pages_ = 0;
};

}  // namespace gregor::runtime::simulated
