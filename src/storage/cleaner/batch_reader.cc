#include "storage/cleaner/batch_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gregor::storage {

namespace layout = model::batch_layout;

BatchReader::BatchReader(std::shared_ptr<const runtime::File> file, std::uint64_t size_bytes,
                         std::string path)
    : file_(std::move(file)), size_bytes_(size_bytes), path_(std::move(path)) {}

tl::unexpected<Error> BatchReader::damaged(const Error& why) const {
  return fail(why.code, fmt::format("{}, position {}: {}", path_, position_, why.detail));
}

/// The bytes from position_ on: as many as are at hand, and `wanted` of them unless the segment
/// ends before.
Result<ByteView> BatchReader::at_least(std::size_t wanted) {
  const std::uint64_t left = size_bytes_ - position_;
  const auto needed = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left));
  if (position_ + needed > buffer_position_ + buffered_) {
    buffer_.resize(std::max(buffer_bytes, needed));
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), left));
    const auto got = file_->read_at(position_, ByteSpan(buffer_).first(size));
    if (!got) return fail(got.error());
    buffer_position_ = position_;
    buffered_ = *got;
    if (*got < needed) {
      return damaged({ErrorCode::corrupt_message, "the file is shorter than it was", 0});
    }
  }
  const auto skipped = static_cast<std::size_t>(position_ - buffer_position_);
  return ByteView(buffer_).first(buffered_).subspan(skipped);
}

Result<std::optional<model::RecordBatchView>> BatchReader::next() {
  if (position_ == size_bytes_) return std::nullopt;
  auto bytes = at_least(layout::header_bytes);
  if (!bytes) return fail(std::move(bytes.error()));
  const auto size = model::batch_size_bytes(*bytes);
  if (!size) return damaged(size.error());
  if (*size > size_bytes_ - position_ || *size > batch_bytes_max) {
    return damaged({ErrorCode::corrupt_message, fmt::format("a batch of {} bytes", *size), 0});
  }
  bytes = at_least(*size);
  if (!bytes) return fail(std::move(bytes.error()));
  auto batch = model::RecordBatchView::parse(bytes->first(*size));
  if (!batch) return damaged(batch.error());
  if (!batch->crc_is_valid()) return damaged({ErrorCode::corrupt_message, "its CRC is wrong", 0});
  if (batch->base_offset() < model::Offset(0) || batch->last_offset_delta() < 0) {
    return damaged({ErrorCode::corrupt_message, "its offsets", 0});
  }
  position_ += *size;
  return *batch;
}

}  // namespace gregor::storage
