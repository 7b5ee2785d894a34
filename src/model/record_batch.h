// Record batches of format v2 (magic 2): where the fields of the header lie, a view without a copy,
// a cursor over a run of batches, and the changes that a leader makes in place. Records themselves:
// record.h. Checks: batch_validation.h.
//
//   at  field                  type     notes
//    0  base offset            int64    0 from a producer, set by the leader; not under the CRC
//    8  batch length           int32    bytes after this field: 49 + size of the records
//   12  partition leader epoch int32    set by the leader; not under the CRC
//   16  magic                  int8     2
//   17  CRC                    uint32   CRC-32C of bytes 21 .. end
//   21  attributes             int16    bits 0-2 codec, 3 timestamp type, 4 transactional, 5
//   control, 6 delete horizon 23  last offset delta      int32    offset of the last record - base
//   offset; survives compaction 27  base timestamp         int64    ms; record timestamps are
//   deltas to it 35  max timestamp          int64    largest of the records; the append time of all
//   if bit 3 is set 43  producer id            int64    -1 none 51  producer epoch         int16 -1
//   none 53  base sequence          int32    -1 none 57  records count          int32    0 is
//   possible after compaction 61  records                bytes    plain, or one compressed stream
//
// Source: the protocol guide, "Record batch"; KIP-98, KIP-32 (timestamp type), KIP-534 (delete
// horizon).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "model/compression.h"
#include "model/ids.h"

namespace gregor::model {

/// Positions of the header's fields, see the table above; bytes from the start of the batch.
namespace batch_layout {
inline constexpr std::size_t base_offset_at = 0;
inline constexpr std::size_t length_at = base_offset_at + sizeof(std::int64_t);
inline constexpr std::size_t leader_epoch_at = length_at + sizeof(std::int32_t);
inline constexpr std::size_t magic_at = leader_epoch_at + sizeof(std::int32_t);
inline constexpr std::size_t crc_at = magic_at + sizeof(std::int8_t);
inline constexpr std::size_t attributes_at = crc_at + sizeof(std::uint32_t);
inline constexpr std::size_t last_offset_delta_at = attributes_at + sizeof(std::int16_t);
inline constexpr std::size_t base_timestamp_at = last_offset_delta_at + sizeof(std::int32_t);
inline constexpr std::size_t max_timestamp_at = base_timestamp_at + sizeof(std::int64_t);
inline constexpr std::size_t producer_id_at = max_timestamp_at + sizeof(std::int64_t);
inline constexpr std::size_t producer_epoch_at = producer_id_at + sizeof(std::int64_t);
inline constexpr std::size_t base_sequence_at = producer_epoch_at + sizeof(std::int16_t);
inline constexpr std::size_t record_count_at = base_sequence_at + sizeof(std::int32_t);
inline constexpr std::size_t header_bytes = record_count_at + sizeof(std::int32_t);
static_assert(length_at == 8 && leader_epoch_at == 12 && magic_at == 16 && crc_at == 17);
static_assert(attributes_at == 21 && last_offset_delta_at == 23 && base_timestamp_at == 27);
static_assert(max_timestamp_at == 35 && producer_id_at == 43 && producer_epoch_at == 51);
static_assert(base_sequence_at == 53 && record_count_at == 57 && header_bytes == 61);

/// Base offset and length, which the length does not count.
inline constexpr std::size_t prefix_bytes = leader_epoch_at;
/// Enough to know the size and the format of a batch, in every format.
inline constexpr std::size_t sized_prefix_bytes = crc_at;
/// Smallest legal value of the length field.
inline constexpr std::int32_t length_min = header_bytes - prefix_bytes;
static_assert(prefix_bytes == 12 && sized_prefix_bytes == 17 && length_min == 49);
}  // namespace batch_layout

/// Bits of the attributes field.
namespace batch_attributes {
inline constexpr std::int16_t codec_mask = 0x07;
inline constexpr std::int16_t log_append_time = 0x08;
inline constexpr std::int16_t transactional = 0x10;
inline constexpr std::int16_t control = 0x20;
inline constexpr std::int16_t delete_horizon = 0x40;
}  // namespace batch_attributes

inline constexpr std::int8_t batch_magic = 2;

/// Who gives a record its timestamp: the producer, or the leader when it appends.
enum class TimestampType : std::uint8_t { create_time = 0, log_append_time = 1 };

/// Whole size in bytes of the batch that starts with `prefix`, of which 17 bytes must be there; the
/// batch itself need not be. Thread: any.
/// @errors corrupt_message: fewer than 17 bytes, length below the minimum or above 2^31-13, magic
/// none of 0, 1, 2;
///         unsupported_for_message_format: magic 0 or 1, the formats of before Kafka 0.11
[[nodiscard]] Result<std::size_t> batch_size_bytes(ByteView prefix);

/// The header and the records of one whole v2 batch, without a copy: bytes are borrowed and must
/// outlive the view.
///
/// Nothing but the shape is checked: 61 bytes are there, the length fits, magic is 2. Every field
/// may still hold anything (validate_batch, check_batch). Thread: any.
class RecordBatchView {
 public:
  /// The first batch of `run`, which may go on with other batches.
  /// @errors as batch_size_bytes, and corrupt_message if the batch reaches beyond the run
  [[nodiscard]] static Result<RecordBatchView> parse(ByteView run);

  [[nodiscard]] ByteView bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size_bytes() const { return bytes_.size(); }
  /// The records section as it stands there: compressed if a codec is set.
  [[nodiscard]] ByteView records() const { return bytes_.subspan(batch_layout::header_bytes); }

  [[nodiscard]] Offset base_offset() const {
    return Offset(load<std::int64_t>(batch_layout::base_offset_at));
  }
  /// Offset of the last record that was produced; wraps if the header is garbage.
  [[nodiscard]] Offset last_offset() const;
  /// Where the next batch may begin: last_offset() + 1.
  [[nodiscard]] Offset next_offset() const;
  [[nodiscard]] std::int32_t batch_length() const {
    return load<std::int32_t>(batch_layout::length_at);
  }
  [[nodiscard]] LeaderEpoch leader_epoch() const {
    return LeaderEpoch(load<std::int32_t>(batch_layout::leader_epoch_at));
  }
  [[nodiscard]] std::int8_t magic() const { return load<std::int8_t>(batch_layout::magic_at); }
  [[nodiscard]] std::uint32_t crc() const { return load<std::uint32_t>(batch_layout::crc_at); }
  /// What the CRC field should hold; reads the whole batch.
  [[nodiscard]] std::uint32_t computed_crc() const;
  [[nodiscard]] bool crc_is_valid() const { return crc() == computed_crc(); }

  [[nodiscard]] std::int16_t attributes() const {
    return load<std::int16_t>(batch_layout::attributes_at);
  }
  /// 0 to 7, of which 5 to 7 are no codec.
  [[nodiscard]] int codec_bits() const { return attributes() & batch_attributes::codec_mask; }
  /// nullopt for 5 to 7.
  [[nodiscard]] std::optional<Codec> codec() const { return codec_from_bits(codec_bits()); }
  [[nodiscard]] TimestampType timestamp_type() const {
    return has(batch_attributes::log_append_time) ? TimestampType::log_append_time
                                                  : TimestampType::create_time;
  }
  [[nodiscard]] bool is_transactional() const { return has(batch_attributes::transactional); }
  [[nodiscard]] bool is_control() const { return has(batch_attributes::control); }
  [[nodiscard]] bool has_delete_horizon() const { return has(batch_attributes::delete_horizon); }

  [[nodiscard]] std::int32_t last_offset_delta() const {
    return load<std::int32_t>(batch_layout::last_offset_delta_at);
  }
  /// Base of the timestamp deltas; the delete horizon if has_delete_horizon().
  [[nodiscard]] TimestampMs base_timestamp() const {
    return TimestampMs(load<std::int64_t>(batch_layout::base_timestamp_at));
  }
  [[nodiscard]] TimestampMs max_timestamp() const {
    return TimestampMs(load<std::int64_t>(batch_layout::max_timestamp_at));
  }
  /// Timestamp of a record with this delta: with LogAppendTime the max timestamp, whatever the
  /// delta. Wraps.
  [[nodiscard]] TimestampMs record_timestamp(std::int64_t delta) const;

  [[nodiscard]] ProducerId producer_id() const {
    return ProducerId(load<std::int64_t>(batch_layout::producer_id_at));
  }
  [[nodiscard]] bool has_producer_id() const { return producer_id() >= ProducerId(0); }
  [[nodiscard]] ProducerEpoch producer_epoch() const {
    return ProducerEpoch(load<std::int16_t>(batch_layout::producer_epoch_at));
  }
  [[nodiscard]] std::int32_t base_sequence() const {
    return load<std::int32_t>(batch_layout::base_sequence_at);
  }
  [[nodiscard]] std::int32_t record_count() const {
    return load<std::int32_t>(batch_layout::record_count_at);
  }

 private:
  explicit RecordBatchView(ByteView bytes) : bytes_(bytes) {}
  template <class T>
  [[nodiscard]] T load(std::size_t at) const {
    return load_be<T>(bytes_.data() + at);
  }
  [[nodiscard]] bool has(std::int16_t bit) const { return (attributes() & bit) != 0; }

  ByteView bytes_;
};

/// Walks the batches of a run (a segment, a records field of a fetch reply). Borrows the run.
/// Thread: any.
class BatchCursor {
 public:
  explicit BatchCursor(ByteView run) : rest_(run) {}

  /// The next whole batch, or nullopt at the end; if the last batch is cut, rest() then still holds
  /// its beginning.
  /// @errors as batch_size_bytes; the cursor stays where it was
  [[nodiscard]] Result<std::optional<RecordBatchView>> next();

  /// What has not been walked yet.
  [[nodiscard]] ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
};

// Changes in place. `batch` holds exactly one whole v2 batch (RecordBatchView::parse took it).
// Thread: any, one at a time.

/// The CRC does not cover it and stays good.
void set_base_offset(ByteSpan batch, Offset offset);
/// The CRC does not cover it and stays good.
void set_leader_epoch(ByteSpan batch, LeaderEpoch epoch);
/// LogAppendTime: `now` becomes the timestamp of every record. Sets the attribute bit, the max
/// timestamp and the CRC.
void set_append_time(ByteSpan batch, TimestampMs now);
/// CreateTime: clears the attribute bit and sets the max timestamp. Computes the CRC anew if that
/// changed anything.
/// @return true if it did
bool set_create_time(ByteSpan batch, TimestampMs max_timestamp);

}  // namespace gregor::model
