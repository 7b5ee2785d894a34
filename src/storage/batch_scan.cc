#include "storage/batch_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/crc32c.h"
#include "model/record_batch.h"

namespace gregor::storage {

namespace layout = model::batch_layout;

Result<BatchHeader> parse_batch_header(ByteView bytes) {
  GREGOR_ASSERT(bytes.size() >= layout::header_bytes);
  const std::byte* at = bytes.data();
  const auto size = model::batch_size_bytes(bytes);
  if (!size) return fail(size.error());
  if (*size < layout::header_bytes) {
    return fail(ErrorCode::corrupt_message, fmt::format("a batch of {} bytes", *size));
  }
  const auto base = load_be<std::int64_t>(at + layout::base_offset_at);
  const auto delta = load_be<std::int32_t>(at + layout::last_offset_delta_at);
  if (base < 0 || delta < 0 || base > std::numeric_limits<std::int64_t>::max() - delta - 1) {
    return fail(ErrorCode::corrupt_message,
                fmt::format("base offset {}, last offset delta {}", base, delta));
  }
  BatchHeader header;
  header.base_offset = model::Offset(base);
  header.last_offset = model::Offset(base + delta);
  header.size_bytes = static_cast<std::uint32_t>(*size);
  header.crc = load_be<std::uint32_t>(at + layout::crc_at);
  header.leader_epoch = model::LeaderEpoch(load_be<std::int32_t>(at + layout::leader_epoch_at));
  header.max_timestamp = model::TimestampMs(load_be<std::int64_t>(at + layout::max_timestamp_at));
  header.attributes = load_be<std::int16_t>(at + layout::attributes_at);
  header.producer = model::ProducerId(load_be<std::int64_t>(at + layout::producer_id_at));
  header.producer_epoch =
      model::ProducerEpoch(load_be<std::int16_t>(at + layout::producer_epoch_at));
  header.base_sequence = load_be<std::int32_t>(at + layout::base_sequence_at);
  header.record_count = load_be<std::int32_t>(at + layout::record_count_at);
  return header;
}

BatchScanner::BatchScanner(const runtime::File& file, std::uint64_t position, std::uint64_t end,
                           std::size_t window_bytes)
    : file_(file), position_(position), end_(end), buffer_(window_bytes) {
  GREGOR_ASSERT(position <= end);
  GREGOR_ASSERT(window_bytes >= layout::header_bytes);
}

Result<ByteView> BatchScanner::window(std::uint64_t position, std::size_t wanted) {
  GREGOR_ASSERT(position < end_);
  const std::uint64_t buffer_end = buffer_position_ + buffer_size_;
  if (position >= buffer_position_ && position + wanted <= buffer_end) {
    return ByteView(buffer_).subspan(position - buffer_position_, buffer_end - position);
  }
  const auto size =
      static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), end_ - position));
  const auto got = file_.read_at(position, ByteSpan(buffer_).first(size));
  if (!got) return fail(got.error());
  buffer_position_ = position;
  buffer_size_ = *got;
  if (*got < std::min(wanted, size)) {
    return fail(ErrorCode::corrupt_message, "the file is shorter than it was");
  }
  return ByteView(buffer_).first(buffer_size_);
}

Result<std::optional<PlacedBatch>> BatchScanner::next(Check check) {
  if (position_ == end_) return std::nullopt;
  if (end_ - position_ < layout::header_bytes) {
    return fail(ErrorCode::corrupt_message, "a cut header");
  }
  const auto bytes = window(position_, layout::header_bytes);
  if (!bytes) return fail(bytes.error());
  const auto header = parse_batch_header(*bytes);
  if (!header) return fail(header.error());
  if (header->size_bytes > end_ - position_) {
    return fail(ErrorCode::corrupt_message, fmt::format("a batch of {} bytes where {} are left",
                                                        header->size_bytes, end_ - position_));
  }
  const PlacedBatch batch{*header, position_};
  if (check == Check::header_and_crc) {
    if (auto checked = check_crc(batch); !checked) return fail(std::move(checked.error()));
  }
  position_ = batch.end_position();
  return batch;
}

Result<void> BatchScanner::check_crc(const PlacedBatch& batch) {
  std::uint32_t crc = 0;
  std::uint64_t at = batch.position + layout::attributes_at;
  while (at < batch.end_position()) {
    const auto bytes = window(at, 1);
    if (!bytes) return fail(bytes.error());
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes->size(), batch.end_position() - at));
    crc = crc32c_extend(crc, bytes->first(size));
    at += size;
  }
  if (crc != batch.header.crc) {
    return fail(ErrorCode::corrupt_message,
                fmt::format("CRC {:08x}, should be {:08x}", batch.header.crc, crc));
  }
  return {};
}

Result<std::vector<std::byte>> BatchScanner::bytes_of(const PlacedBatch& batch) {
  std::vector<std::byte> bytes(batch.header.size_bytes);
  const auto got = file_.read_at(batch.position, bytes);
  if (!got) return fail(got.error());
  if (*got != bytes.size()) {
    return fail(ErrorCode::corrupt_message, "the file is shorter than it was");
  }
  return bytes;
}

}  // namespace gregor::storage
