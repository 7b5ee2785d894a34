// Writing the files of a cleaned segment: batches, indexes, transaction index.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/record_batch.h"
#include "runtime/file_system.h"
#include "storage/index_writer.h"
#include "storage/log_cleaning.h"
#include "storage/segment_files.h"
#include "storage/segment_tail.h"
#include "storage/transaction_index.h"

namespace gregor::storage {

/// Thread: one at a time, the I/O pool. Memory: a buffer of 1 MiB.
class CleanedWriter {
 public:
  /// Makes the files, named "*.cleaned"; what lies there goes.
  [[nodiscard]] static Result<CleanedWriter> create(runtime::FileSystem& files,
                                                    const std::string& directory,
                                                    model::Offset base,
                                                    std::int64_t index_interval_bytes);

  /// @param batch  one whole batch, behind those before it
  /// @errors kafka_storage_error; message_too_large: beyond what a segment may hold
  [[nodiscard]] Result<void> add(ByteView batch);
  /// Ends the indexes and puts all on the disk, but not the entries of the files.
  /// @param aborted  the transaction index
  /// @param modified_ms  when the last of the segments that it is made of was changed: how old
  ///                     records without a timestamp are
  /// @return without `replaced`
  [[nodiscard]] Result<CleanedSegment> finish(const std::vector<AbortedTransaction>& aborted,
                                              std::int64_t modified_ms);

  [[nodiscard]] std::uint64_t size_bytes() const { return tail_.size_bytes; }

 private:
  CleanedWriter(runtime::FileSystem& files, std::string directory, model::Offset base,
                std::int64_t index_interval_bytes);
  [[nodiscard]] Result<void> write_buffer();
  [[nodiscard]] Result<void> sync(std::int64_t modified_ms);

  runtime::FileSystem* files_;
  std::string directory_;
  std::int64_t index_interval_bytes_;
  SegmentFiles made_;
  SegmentTail tail_;
  IndexWriter index_writer_;
  std::vector<std::byte> buffer_;
  std::uint64_t written_bytes_ = 0;
};

}  // namespace gregor::storage
