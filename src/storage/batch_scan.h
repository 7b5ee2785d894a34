// Walking the batches of a segment file by their headers, with or without checking their CRCs,
// through a window of fixed size.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "runtime/file_system.h"

namespace gregor::storage {

/// What the header of a batch says that the log needs.
struct BatchHeader {
  model::Offset base_offset;
  model::Offset last_offset;
  std::uint32_t size_bytes = 0;  ///< of the whole batch
  std::uint32_t crc = 0;
  model::LeaderEpoch leader_epoch;
  model::TimestampMs max_timestamp;
  std::int16_t attributes = 0;
  model::ProducerId producer{-1};
  model::ProducerEpoch producer_epoch{-1};
  std::int32_t base_sequence = -1;
  std::int32_t record_count = 0;

  /// Largest timestamp of its records, as the time index counts it: an emptied batch, which keeps
  /// that of the records that it had, has none.
  [[nodiscard]] model::TimestampMs indexed_timestamp() const {
    return record_count == 0 ? model::TimestampMs(-1) : max_timestamp;
  }
  [[nodiscard]] model::Offset next_offset() const { return last_offset + 1; }
};

/// Reads the 61 bytes of a header. Thread: any.
/// @errors corrupt_message: size, magic, offsets that no batch has;
///         unsupported_for_message_format: magic 0 or 1
[[nodiscard]] Result<BatchHeader> parse_batch_header(ByteView header);

/// A batch and where it lies in its segment.
struct PlacedBatch {
  BatchHeader header;
  std::uint64_t position = 0;

  [[nodiscard]] std::uint64_t end_position() const { return position + header.size_bytes; }
};

/// Walks the batches of [position, end) of a file. The file must outlive it. Thread: one at a time.
class BatchScanner {
 public:
  enum class Check { header, header_and_crc };

  /// Windows: small for a look at a few headers, large for reading a segment through.
  static constexpr std::size_t window_bytes_small = 8 * 1024;
  static constexpr std::size_t window_bytes_large = 256 * 1024;

  BatchScanner(const runtime::File& file, std::uint64_t position, std::uint64_t end,
               std::size_t window_bytes = window_bytes_small);

  /// The next batch, or nullopt at the end. After an error position() is where it occurred, and
  /// nothing more may be asked.
  /// @errors corrupt_message: no whole valid batch there; unsupported_for_message_format;
  ///         kafka_storage_error: the file can't be read
  [[nodiscard]] Result<std::optional<PlacedBatch>> next(Check check);

  /// The whole batch that next() gave last, as bytes. Allocates its size.
  [[nodiscard]] Result<std::vector<std::byte>> bytes_of(const PlacedBatch& batch);

  /// Where the next batch begins.
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  /// Bytes from `position` on, at least one and as many as the window holds; at least `wanted` if
  /// that is not more than a header and the range has them.
  [[nodiscard]] Result<ByteView> window(std::uint64_t position, std::size_t wanted);
  [[nodiscard]] Result<void> check_crc(const PlacedBatch& batch);

  const runtime::File& file_;
  std::uint64_t position_;
  const std::uint64_t end_;
  std::vector<std::byte> buffer_;
  std::uint64_t buffer_position_ = 0;
  std::size_t buffer_size_ = 0;
};

}  // namespace gregor::storage
