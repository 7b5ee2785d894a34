// Reading a segment through, batch by batch, each checked against its CRC.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/record_batch.h"
#include "runtime/file_system.h"

namespace gregor::storage {

/// Thread: one at a time, the I/O pool. Memory: a buffer of 1 MiB, or of the largest batch.
class BatchReader {
 public:
  static constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
  /// A larger batch can't be cleaned.
  static constexpr std::size_t batch_bytes_max = std::size_t{256} << 20;

  /// @param path  for texts
  BatchReader(std::shared_ptr<const runtime::File> file, std::uint64_t size_bytes,
              std::string path);

  /// The next batch, good until the next call; nullopt at the end.
  /// @errors corrupt_message: damage, with the path and the position; kafka_storage_error;
  /// unsupported_for_message_format
  [[nodiscard]] Result<std::optional<model::RecordBatchView>> next();

  /// Where the next batch begins.
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  [[nodiscard]] Result<ByteView> at_least(std::size_t wanted);
  [[nodiscard]] tl::unexpected<Error> damaged(const Error& why) const;

  const std::shared_ptr<const runtime::File> file_;
  const std::uint64_t size_bytes_;
  const std::string path_;
  std::uint64_t position_ = 0;
  std::vector<std::byte> buffer_;
  std::uint64_t buffer_position_ = 0;
  std::size_t buffered_ = 0;
};

}  // namespace gregor::storage
