#include "sim/batch_maker.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "model/batch_builder.h"

namespace gregor::sim {
namespace {

constexpr std::size_t record_overhead_bytes = 40;  // lengths, deltas, key
constexpr std::uint64_t timestamp_spread_ms = 1'000;
// More than any segment of a run takes, in so many records of the usual size.
constexpr std::size_t segment_bytes_max = 64 * 1024;
constexpr std::int32_t records_too_large = 400;

}  // namespace

MadeBatch BatchMaker::make(const BatchTarget& target, std::int64_t now_ms) {
  const auto count =
      static_cast<std::int32_t>(numbers_.between(1, static_cast<std::uint64_t>(plan_.records_max)));
  return build(target, now_ms, count, batch_bytes_max_);
}

MadeBatch BatchMaker::build(const BatchTarget& target, std::int64_t now_ms, std::int32_t count,
                            std::size_t bytes_max) {
  model::BatchOptions options;
  options.codec = plan_.codec;
  model::BatchBuilder builder(options);
  MadeBatch made;
  made.sent.where = target.where;
  made.sent.has_append_time = target.has_append_time;
  made.sent.first = make_value(plan_.number, next_counter_);
  made.sent.timestamp =
      model::TimestampMs(now_ms + static_cast<std::int64_t>(numbers_.below(timestamp_spread_ms)));
  for (std::int32_t i = 0; i < count; ++i) {
    std::size_t size =
        numbers_.between(payload_bytes_min, std::max(payload_bytes_min, plan_.payload_bytes_max));
    const std::size_t used = builder.size_bytes() + record_overhead_bytes;
    const std::size_t left = bytes_max > used ? bytes_max - used : 0;
    if (left < payload_bytes_min && i > 0) break;
    size = std::max(payload_bytes_min, std::min(size, left));
    const ValueId value = make_value(plan_.number, next_counter_++);
    const auto key = make_key(value);
    const auto payload = make_payload(value, size);
    model::RecordData record;
    record.timestamp = made.sent.timestamp + i;
    if (key) record.key = ByteView(*key);
    record.value = ByteView(payload);
    builder.add(record);
    ++made.sent.count;
  }
  auto bytes = builder.finish();
  GREGOR_ASSERT(bytes.has_value());
  made.bytes = std::move(*bytes);
  return made;
}

MadeBatch BatchMaker::make_invalid(const BatchTarget& target, std::int64_t now_ms) {
  const bool is_too_large =
      plan_.codec == model::Codec::none && !target.is_compressed_anew && numbers_.chance(0.2);
  if (is_too_large) {
    MadeBatch made = build(target, now_ms, records_too_large, SIZE_MAX);
    if (made.bytes.size() <= segment_bytes_max) spoil(made.bytes);
    made.sent.is_valid = false;
    return made;
  }
  MadeBatch made = make(target, now_ms);
  spoil(made.bytes);
  made.sent.is_valid = false;
  return made;
}

void BatchMaker::spoil(std::vector<std::byte>& bytes) {
  namespace layout = model::batch_layout;
  switch (numbers_.below(4)) {
    case 0:  // one bit of what the CRC covers
    {
      const std::size_t at = numbers_.between(layout::attributes_at, bytes.size() - 1);
      bytes[at] ^= std::byte{1} << static_cast<int>(numbers_.below(8));
      return;
    }
    case 1:  // the CRC itself
      bytes[layout::crc_at] ^= std::byte{0x10};
      return;
    case 2:  // cut, so that the length reaches beyond the end
      bytes.resize(bytes.size() -
                   std::min<std::size_t>(bytes.size() - 20, 1 + numbers_.below(bytes.size() / 2)));
      return;
    default: {  // a count that is not that of the records, under a good CRC
      const auto count = load_be<std::int32_t>(bytes.data() + layout::record_count_at);
      store_be(bytes.data() + layout::record_count_at, count + 1);
      store_be(bytes.data() + layout::last_offset_delta_at, count);
      const auto view = model::RecordBatchView::parse(bytes);
      GREGOR_ASSERT(view.has_value());
      store_be(bytes.data() + layout::crc_at, view->computed_crc());
      return;
    }
  }
}

}  // namespace gregor::sim
