#include "model/batch_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/crc32c.h"
#include "model/varint.h"

namespace gregor::model {
namespace {

namespace layout = batch_layout;

constexpr std::size_t batch_bytes_max = std::numeric_limits<std::int32_t>::max();

std::int32_t length_of(ByteView bytes) {
  GREGOR_ASSERT(bytes.size() <= batch_bytes_max);
  return static_cast<std::int32_t>(bytes.size());
}

std::size_t size_with_length(const std::optional<ByteView>& bytes) {
  if (!bytes) return varint_size(std::int32_t{-1});
  return varint_size(length_of(*bytes)) + bytes->size();
}

void append_with_length(std::vector<std::byte>& out, const std::optional<ByteView>& bytes) {
  append_varint(out, bytes ? length_of(*bytes) : -1);
  if (bytes) out.insert(out.end(), bytes->begin(), bytes->end());
}

std::int64_t wrapping_sub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

template <class T>
void put(std::vector<std::byte>& batch, std::size_t at, T value) {
  store_be(batch.data() + at, value);
}

/// Length, codec bits and CRC of a batch whose other fields and records are in place.
void seal(std::vector<std::byte>& batch, Codec codec) {
  put(batch, layout::length_at, static_cast<std::int32_t>(batch.size() - layout::prefix_bytes));
  const auto attributes = load_be<std::int16_t>(batch.data() + layout::attributes_at);
  const int without_codec = attributes & ~batch_attributes::codec_mask;
  put(batch, layout::attributes_at,
      static_cast<std::int16_t>(without_codec | static_cast<int>(codec)));
  put(batch, layout::crc_at, crc32c(ByteView(batch).subspan(layout::attributes_at)));
}

/// A batch of the header (which is still to be filled or sealed) and the compressed records.
Result<std::vector<std::byte>> join(ByteView header,
                                    const Result<std::vector<std::byte>>& records) {
  if (!records) return fail(records.error());
  std::vector<std::byte> batch;
  batch.reserve(layout::header_bytes + records->size());
  batch.insert(batch.end(), header.begin(), header.begin() + layout::header_bytes);
  batch.insert(batch.end(), records->begin(), records->end());
  return batch;
}

tl::unexpected<Error> too_large(std::size_t size) {
  return fail(ErrorCode::message_too_large, fmt::format("a batch of {} bytes", size));
}

}  // namespace

BatchBuilder::BatchBuilder(const BatchOptions& options)
    : options_(options), bytes_(layout::header_bytes) {}

void BatchBuilder::add(const RecordData& record) {
  const std::int32_t offset_delta = record.offset_delta.value_or(last_offset_delta_ + 1);
  GREGOR_ASSERT(offset_delta > last_offset_delta_);
  if (record_count_ == 0) base_timestamp_ = record.timestamp;
  const std::int64_t timestamp_delta =
      wrapping_sub(record.timestamp.value(), base_timestamp_.value());
  const auto header_count = static_cast<std::int32_t>(record.headers.size());

  std::size_t size = sizeof(std::int8_t) + varint_size(timestamp_delta) +
                     varint_size(offset_delta) + size_with_length(record.key) +
                     size_with_length(record.value) + varint_size(header_count);
  for (const HeaderView& header : record.headers) {
    size += size_with_length(as_bytes(header.key)) + size_with_length(header.value);
  }
  GREGOR_ASSERT(size <= batch_bytes_max);
  const std::size_t before = bytes_.size();
  append_varint(bytes_, static_cast<std::int32_t>(size));
  const std::size_t body_at = bytes_.size();
  bytes_.push_back(std::byte{0});
  append_varint(bytes_, timestamp_delta);
  append_varint(bytes_, offset_delta);
  append_with_length(bytes_, record.key);
  append_with_length(bytes_, record.value);
  append_varint(bytes_, header_count);
  add_headers(record.headers);
  GREGOR_ASSERT(bytes_.size() == body_at + size && body_at > before);

  ++record_count_;
  last_offset_delta_ = offset_delta;
  max_timestamp_ = std::max(max_timestamp_, record.timestamp);
}

void BatchBuilder::add_headers(std::span<const HeaderView> headers) {
  for (const HeaderView& header : headers) {
    append_with_length(bytes_, as_bytes(header.key));
    append_with_length(bytes_, header.value);
  }
}

void BatchBuilder::write_header(std::vector<std::byte>& batch) const {
  const bool is_append_time = options_.timestamp_type == TimestampType::log_append_time;
  int attributes = 0;
  if (is_append_time) attributes |= batch_attributes::log_append_time;
  if (options_.is_transactional) attributes |= batch_attributes::transactional;
  if (options_.is_control) attributes |= batch_attributes::control;
  put(batch, layout::base_offset_at, options_.base_offset.value());
  put(batch, layout::leader_epoch_at, options_.leader_epoch.value());
  put(batch, layout::magic_at, batch_magic);
  put(batch, layout::attributes_at, static_cast<std::int16_t>(attributes));
  put(batch, layout::last_offset_delta_at, last_offset_delta_);
  put(batch, layout::base_timestamp_at, base_timestamp_.value());
  put(batch, layout::max_timestamp_at,
      (is_append_time ? options_.append_time : max_timestamp_).value());
  put(batch, layout::producer_id_at, options_.producer_id.value());
  put(batch, layout::producer_epoch_at, options_.producer_epoch.value());
  put(batch, layout::base_sequence_at, options_.base_sequence);
  put(batch, layout::record_count_at, record_count_);
  seal(batch, options_.codec);
}

Result<std::vector<std::byte>> BatchBuilder::finish() {
  GREGOR_ASSERT(record_count_ > 0);
  std::vector<std::byte> batch;
  if (options_.codec == Codec::none) {
    batch = std::move(bytes_);
  } else {
    auto joined = join(bytes_, compress(options_.codec, options_.level,
                                        ByteView(bytes_).subspan(layout::header_bytes)));
    if (!joined) return joined;
    batch = std::move(*joined);
  }
  if (batch.size() > batch_bytes_max) return too_large(batch.size());
  write_header(batch);
  bytes_.assign(layout::header_bytes, std::byte{0});
  record_count_ = 0;
  last_offset_delta_ = -1;
  max_timestamp_ = base_timestamp_ = TimestampMs(-1);
  return batch;
}

Result<std::vector<std::byte>> recompress(const RecordBatchView& batch,
                                          const Recompression& wanted) {
  const auto plain = inflate_records(batch, wanted.inflated_bytes_max);
  if (!plain) return plain;
  auto joined = join(batch.bytes(), compress(wanted.codec, wanted.level, *plain));
  if (!joined) return joined;
  if (joined->size() > batch_bytes_max) return too_large(joined->size());
  seal(*joined, wanted.codec);
  return joined;
}

}  // namespace gregor::model
