#include "model/end_marker.h"

#include <fmt/format.h>

#include <array>

#include "base/assert.h"
#include "model/batch_builder.h"
#include "model/record.h"

namespace gregor::model {
namespace {

constexpr std::int16_t abort_type = 0;
constexpr std::int16_t commit_type = 1;
constexpr std::size_t key_bytes = 4;    // version, type
constexpr std::size_t value_bytes = 6;  // version, coordinator epoch
constexpr std::size_t inflated_control_bytes_max = 64 * 1024;

tl::unexpected<Error> unreadable(const std::string& what) {
  return fail(ErrorCode::corrupt_message, "a control batch: " + what);
}

}  // namespace

std::vector<std::byte> make_end_marker_batch(const EndMarker& marker) {
  std::array<std::byte, key_bytes> key;
  store_be<std::int16_t>(key.data(), 0);
  store_be(key.data() + 2, marker.is_commit ? commit_type : abort_type);
  std::array<std::byte, value_bytes> value;
  store_be<std::int16_t>(value.data(), 0);
  store_be(value.data() + 2, marker.coordinator_epoch);
  BatchBuilder builder({.producer_id = marker.producer,
                        .producer_epoch = marker.epoch,
                        .is_transactional = true,
                        .is_control = true});
  builder.add({.timestamp = marker.timestamp, .key = ByteView(key), .value = ByteView(value)});
  auto batch = builder.finish();
  GREGOR_ASSERT(batch.has_value());
  return std::move(*batch);
}

Result<std::optional<EndMarker>> read_end_marker(const RecordBatchView& batch) {
  if (batch.record_count() <= 0) return std::nullopt;
  const auto plain = inflate_records(batch, inflated_control_bytes_max);
  if (!plain) return unreadable(plain.error().detail);
  RecordCursor records(*plain);
  const auto record = records.next();
  if (!record) return unreadable(record.error().detail);
  if (!*record) return unreadable("no record");
  const auto& key = (*record)->key();
  if (!key || key->size() < key_bytes) return unreadable("a short key");
  if (load_be<std::int16_t>(key->data()) < 0) return unreadable("the version of its key");
  const auto type = load_be<std::int16_t>(key->data() + 2);
  if (type != abort_type && type != commit_type) return std::nullopt;
  const auto& value = (*record)->value();
  if (!value || value->size() < value_bytes) return unreadable("a short value");
  if (load_be<std::int16_t>(value->data()) < 0) return unreadable("the version of its value");
  EndMarker marker;
  marker.producer = batch.producer_id();
  marker.epoch = batch.producer_epoch();
  marker.coordinator_epoch = load_be<std::int32_t>(value->data() + 2);
  marker.is_commit = type == commit_type;
  marker.timestamp = record_timestamp(batch, **record);
  return marker;
}

}  // namespace gregor::model
