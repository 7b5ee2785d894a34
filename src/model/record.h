// The records inside of a batch: views without a copy, and a cursor over a records section that is
// not compressed.
//
//   length varint | attributes int8 | timestamp delta varlong | offset delta varint | key length
//   varint (-1 = null), key | value length varint (-1 = null), value | header count varint | { key
//   length varint, key, value length varint
//   (-1 = null), value } *
//
// Source: the protocol guide, "Record". Numbers: varint.h. Whole batches and compressed ones:
// record_walk.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/compression.h"
#include "model/record_batch.h"

namespace gregor::model {

/// Smallest record: its length byte, and six more for no key, no value, no headers.
inline constexpr std::size_t record_bytes_min = 7;

/// One header of a record; the key is UTF-8 by convention, not checked. Borrowed bytes.
struct HeaderView {
  std::string_view key;
  std::optional<ByteView> value;
};

/// Walks the headers of a RecordView, whose bytes were checked: it can't fail. Borrows. Thread:
/// any.
class HeaderCursor {
 public:
  HeaderCursor(ByteView headers, std::int32_t count) : rest_(headers), left_(count) {}
  /// nullopt at the end.
  [[nodiscard]] std::optional<HeaderView> next();

 private:
  [[nodiscard]] std::optional<ByteView> take_bytes();

  ByteView rest_;
  std::int32_t left_;
};

/// One record; every length in it was checked by the cursor that made it. Borrowed bytes. Thread:
/// any.
class RecordView {
 public:
  /// Offset of the record = base offset of the batch + this.
  [[nodiscard]] std::int32_t offset_delta() const { return offset_delta_; }
  /// See RecordBatchView::record_timestamp.
  [[nodiscard]] std::int64_t timestamp_delta() const { return timestamp_delta_; }
  /// nullopt = null, which is not the same as empty.
  [[nodiscard]] const std::optional<ByteView>& key() const { return key_; }
  [[nodiscard]] const std::optional<ByteView>& value() const { return value_; }
  [[nodiscard]] std::int32_t header_count() const { return header_count_; }
  /// In the order in which they were produced; keys may repeat.
  [[nodiscard]] HeaderCursor headers() const { return {headers_, header_count_}; }
  /// Not used by Kafka; any value.
  [[nodiscard]] std::int8_t attributes() const { return attributes_; }
  /// With its length field.
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }

 private:
  friend class RecordCursor;

  std::int64_t timestamp_delta_ = 0;
  std::int32_t offset_delta_ = 0;
  std::int32_t header_count_ = 0;
  std::optional<ByteView> key_;
  std::optional<ByteView> value_;
  ByteView headers_;
  std::size_t size_bytes_ = 0;
  std::int8_t attributes_ = 0;
};

/// Walks a records section that is not compressed (or was inflated). Borrows it. Thread: any.
class RecordCursor {
 public:
  explicit RecordCursor(ByteView records) : rest_(records) {}

  /// The next record, or nullopt once all bytes are used up. How many there are is not known here:
  /// the batch header says.
  /// @errors invalid_record: a length or count that does not fit; the cursor stays where it was
  [[nodiscard]] Result<std::optional<RecordView>> next();

  [[nodiscard]] ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
};

/// The records section of a batch as plain bytes, for RecordCursor; copies when there is no codec.
/// @errors unsupported_compression_type (codec bits 5 to 7), corrupt_message, message_too_large;
/// see Decompressor
[[nodiscard]] Result<std::vector<std::byte>> inflate_records(
    const RecordBatchView& batch, std::size_t inflated_bytes_max = inflated_bytes_max_default);

/// Timestamp of a record of `batch`; -1 = none.
[[nodiscard]] TimestampMs record_timestamp(const RecordBatchView& batch, const RecordView& record);

}  // namespace gregor::model
