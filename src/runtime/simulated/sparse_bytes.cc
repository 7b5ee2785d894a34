#include "runtime/simulated/sparse_bytes.h"

#include <algorithm>

namespace gregor::runtime::simulated {

std::uint64_t SparseBytes::allocated() const {
  if (allocated_pages_ == 0) return 0;
  const std::uint64_t unused = pages_.back() ? pages_.size() * page_size - size_ : 0;
  return allocated_pages_ * page_size - unused;
}

std::size_t SparseBytes::read(std::uint64_t position, ByteSpan out) const {
  if (position >= size_) return 0;
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - position));
  for (std::size_t done = 0; done < count;) {
    const std::uint64_t offset = (position + done) % page_size;
    const auto piece =
        static_cast<std::size_t>(std::min<std::uint64_t>(count - done, page_size - offset));
    const auto& page = pages_[(position + done) / page_size];
    if (page) {
      std::copy_n(page->begin() + static_cast<std::ptrdiff_t>(offset), piece,
                  out.begin() + static_cast<std::ptrdiff_t>(done));
    } else {
      std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(done), piece, std::byte{0});
    }
    done += piece;
  }
  return count;
}

void SparseBytes::write(std::uint64_t position, ByteView bytes) {
  if (bytes.empty()) return;
  if (position + bytes.size() > size_) resize(position + bytes.size());
  while (!bytes.empty()) {
    const std::uint64_t offset = position % page_size;
    const auto piece =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), page_size - offset));
    auto& page = pages_[position / page_size];
    if (!page) {
      page = std::make_unique<Page>();
      ++allocated_pages_;
    }
    std::copy_n(bytes.begin(), piece, page->begin() + static_cast<std::ptrdiff_t>(offset));
    bytes = bytes.subspan(piece);
    position += piece;
  }
}

void SparseBytes::resize(std::uint64_t size) {
  const std::uint64_t count = (size + page_size - 1) / page_size;
  for (std::uint64_t i = count; i < pages_.size(); ++i) {
    if (pages_[i]) --allocated_pages_;
  }
  pages_.resize(count);
  const std::uint64_t used = size % page_size;
  if (size < size_ && used != 0 && pages_.back()) {
    std::fill(pages_.back()->begin() + static_cast<std::ptrdiff_t>(used), pages_.back()->end(),
              std::byte{0});
  }
  size_ = size;
}

}  // namespace gregor::runtime::simulated
