// Building v2 batches: from records, or from another batch when a topic asks for another codec.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/compression.h"
#include "model/ids.h"
#include "model/record.h"
#include "model/record_batch.h"

namespace gregor::model {

/// The header of the batch to be.
struct BatchOptions {
  Codec codec = Codec::none;
  std::optional<int> level = std::nullopt;  ///< see compress()
  Offset base_offset{0};
  LeaderEpoch leader_epoch{-1};
  /// With LogAppendTime, `append_time` is the max timestamp.
  TimestampType timestamp_type = TimestampType::create_time;
  TimestampMs append_time{-1};
  ProducerId producer_id{-1};
  ProducerEpoch producer_epoch{-1};
  std::int32_t base_sequence = -1;
  bool is_transactional = false;
  bool is_control = false;
};

/// One record to be added; all of it is copied.
struct RecordData {
  TimestampMs timestamp{-1};
  std::optional<ByteView> key = std::nullopt;    ///< nullopt = null
  std::optional<ByteView> value = std::nullopt;  ///< nullopt = null, a tombstone
  std::span<const HeaderView> headers = {};
  /// nullopt = one above the record before; else must be above it (compaction leaves gaps).
  std::optional<std::int32_t> offset_delta = std::nullopt;
};

/// Collects records and makes a batch of them:
///
///   BatchBuilder builder({.codec = Codec::lz4});
///   builder.add({.timestamp = now, .value = as_bytes("hello")});
///   const auto batch = builder.finish();
///
/// Thread: one at a time. Memory: the records, not compressed, until finish().
class BatchBuilder {
 public:
  explicit BatchBuilder(const BatchOptions& options);

  void add(const RecordData& record);

  [[nodiscard]] std::int32_t record_count() const { return record_count_; }
  /// Of the batch if it were not compressed.
  [[nodiscard]] std::size_t size_bytes() const { return bytes_.size(); }

  /// The whole batch with its CRC. At least one record must have been added. The builder is empty
  /// again afterwards.
  /// @errors message_too_large: more than 2^31-13 bytes; unknown_server_error: see compress()
  [[nodiscard]] Result<std::vector<std::byte>> finish();

 private:
  void add_headers(std::span<const HeaderView> headers);
  void write_header(std::vector<std::byte>& batch) const;

  const BatchOptions options_;
  std::vector<std::byte> bytes_;  // room for the header, then the records
  std::int32_t record_count_ = 0;
  std::int32_t last_offset_delta_ = -1;
  TimestampMs base_timestamp_{-1};
  TimestampMs max_timestamp_{-1};
};

struct Recompression {
  Codec codec = Codec::none;
  std::optional<int> level = std::nullopt;
  std::size_t inflated_bytes_max = inflated_bytes_max_default;
};

/// The same records under another codec. The header is kept but for length, codec bits and CRC.
/// Thread: any; slow.
/// @param batch  one whole batch, validated or from the log
/// @errors as Decompressor and compress(); message_too_large: the result has more than 2^31-13
/// bytes
[[nodiscard]] Result<std::vector<std::byte>> recompress(const RecordBatchView& batch,
                                                        const Recompression& wanted);

}  // namespace gregor::model
