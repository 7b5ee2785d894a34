#include "model/record_batch.h"

#include <fmt/format.h>

#include <limits>

#include "base/assert.h"
#include "base/crc32c.h"

namespace gregor::model {
namespace {

namespace layout = batch_layout;

// Size on the wire of an empty message of format v0; what is shorter is none of the three formats.
constexpr std::int32_t length_min_of_any_format = 14;

std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::uint32_t crc_of(ByteView batch) { return crc32c(batch.subspan(layout::attributes_at)); }

void set_times(ByteSpan batch, std::int16_t attributes, TimestampMs max_timestamp) {
  store_be(batch.data() + layout::attributes_at, attributes);
  store_be(batch.data() + layout::max_timestamp_at, max_timestamp.value());
  store_be(batch.data() + layout::crc_at, crc_of(batch));
}

}  // namespace

Result<std::size_t> batch_size_bytes(ByteView prefix) {
  if (prefix.size() < layout::sized_prefix_bytes) {
    return fail(ErrorCode::corrupt_message,
                fmt::format("{} bytes are no batch header", prefix.size()));
  }
  const auto length = load_be<std::int32_t>(prefix.data() + layout::length_at);
  if (length < length_min_of_any_format) {
    return fail(
        ErrorCode::corrupt_message,
        fmt::format("Record size {} is less than the minimum record overhead (14)", length));
  }
  constexpr auto length_max =
      std::numeric_limits<std::int32_t>::max() - static_cast<std::int32_t>(layout::prefix_bytes);
  if (length > length_max) {
    return fail(ErrorCode::corrupt_message, fmt::format("a batch length of {}", length));
  }
  const auto magic = load_be<std::int8_t>(prefix.data() + layout::magic_at);
  if (magic == 0 || magic == 1) {
    return fail(ErrorCode::unsupported_for_message_format,
                fmt::format("message format v{} is not supported", magic));
  }
  if (magic != batch_magic) {
    return fail(ErrorCode::corrupt_message,
                fmt::format("Invalid magic found in record: {}", magic));
  }
  if (length < layout::length_min) {
    return fail(ErrorCode::corrupt_message,
                fmt::format("a batch length of {} is less than a batch header", length));
  }
  return layout::prefix_bytes + static_cast<std::size_t>(length);
}

Result<RecordBatchView> RecordBatchView::parse(ByteView run) {
  const auto size = batch_size_bytes(run);
  if (!size) return fail(size.error());
  if (*size > run.size()) {
    return fail(ErrorCode::corrupt_message,
                fmt::format("a batch of {} bytes, of which only {} are there", *size, run.size()));
  }
  GREGOR_ASSERT(*size >= layout::header_bytes);
  return RecordBatchView(run.first(*size));
}

Offset RecordBatchView::last_offset() const {
  return Offset(wrapping_add(base_offset().value(), last_offset_delta()));
}

Offset RecordBatchView::next_offset() const {
  return Offset(wrapping_add(last_offset().value(), 1));
}

std::uint32_t RecordBatchView::computed_crc() const { return crc_of(bytes_); }

TimestampMs RecordBatchView::record_timestamp(std::int64_t delta) const {
  if (timestamp_type() == TimestampType::log_append_time) return max_timestamp();
  return TimestampMs(wrapping_add(base_timestamp().value(), delta));
}

Result<std::optional<RecordBatchView>> BatchCursor::next() {
  if (rest_.size() < layout::sized_prefix_bytes) return std::nullopt;
  const auto size = batch_size_bytes(rest_);
  if (!size) return fail(size.error());
  if (*size > rest_.size()) return std::nullopt;
  const auto batch = RecordBatchView::parse(rest_);
  if (!batch) return fail(batch.error());
  rest_ = rest_.subspan(*size);
  return *batch;
}

void set_base_offset(ByteSpan batch, Offset offset) {
  GREGOR_ASSERT(batch.size() >= layout::header_bytes);
  store_be(batch.data() + layout::base_offset_at, offset.value());
}

void set_leader_epoch(ByteSpan batch, LeaderEpoch epoch) {
  GREGOR_ASSERT(batch.size() >= layout::header_bytes);
  store_be(batch.data() + layout::leader_epoch_at, epoch.value());
}

void set_append_time(ByteSpan batch, TimestampMs now) {
  GREGOR_ASSERT(batch.size() >= layout::header_bytes);
  const auto attributes = load_be<std::int16_t>(batch.data() + layout::attributes_at);
  set_times(batch, static_cast<std::int16_t>(attributes | batch_attributes::log_append_time), now);
}

bool set_create_time(ByteSpan batch, TimestampMs max_timestamp) {
  GREGOR_ASSERT(batch.size() >= layout::header_bytes);
  const auto attributes = load_be<std::int16_t>(batch.data() + layout::attributes_at);
  const auto wanted = static_cast<std::int16_t>(attributes & ~batch_attributes::log_append_time);
  const auto present = load_be<std::int64_t>(batch.data() + layout::max_timestamp_at);
  if (wanted == attributes && present == max_timestamp.value()) return false;
  set_times(batch, wanted, max_timestamp);
  return true;
}

}  // namespace gregor::model
