// Index entries that are made but not yet in their files.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "storage/segment_files.h"
#include "storage/segment_tail.h"

namespace gregor::storage {

/// Collects the index entries of one growing segment and writes them behind those that are there.
///
/// Thread: one at a time. A write that fails keeps the entries for the next try: an index that lags
/// behind is not wrong, only slower.
class IndexWriter {
 public:
  IndexWriter() = default;
  /// @param offset_entries, time_entries  in the files so far
  IndexWriter(model::Offset base, std::uint32_t offset_entries, std::uint32_t time_entries)
      : base_(base), offset_entries_(offset_entries), time_entries_(time_entries) {}

  void add(const SegmentTail::Entries& entries);

  /// What is collected, to be handed back to drop_after() when the batches were not written.
  struct Mark {
    std::size_t offset_bytes = 0;
    std::size_t time_bytes = 0;
  };
  [[nodiscard]] Mark mark() const { return {offset_bytes_.size(), time_bytes_.size()}; }
  void drop_after(const Mark& mark);

  [[nodiscard]] bool has_pending() const { return !offset_bytes_.empty() || !time_bytes_.empty(); }
  /// Writes what is collected. May run in the I/O pool while the shard leaves this object alone.
  [[nodiscard]] Result<void> write(const SegmentFiles& files);

  /// Entries in the files.
  [[nodiscard]] std::uint32_t offset_entries() const { return offset_entries_; }
  [[nodiscard]] std::uint32_t time_entries() const { return time_entries_; }

 private:
  model::Offset base_;
  std::uint32_t offset_entries_ = 0;
  std::uint32_t time_entries_ = 0;
  std::vector<std::byte> offset_bytes_;
  std::vector<std::byte> time_bytes_;
};

}  // namespace gregor::storage
