#include "storage/index_writer.h"

#include "base/assert.h"

namespace gregor::storage {
namespace {

/// Appends `bytes` behind the `count` entries that `file` holds.
Result<void> write_behind(runtime::File& file, std::vector<std::byte>& bytes,
                          std::size_t entry_bytes, std::uint32_t& count) {
  if (bytes.empty()) return {};
  if (auto wrote = file.write_at(std::uint64_t{count} * entry_bytes, bytes); !wrote) return wrote;
  count += static_cast<std::uint32_t>(bytes.size() / entry_bytes);
  bytes.clear();
  return {};
}

}  // namespace

void IndexWriter::add(const SegmentTail::Entries& entries) {
  if (entries.offset) {
    const auto bytes = encode(*entries.offset, base_);
    offset_bytes_.insert(offset_bytes_.end(), bytes.begin(), bytes.end());
  }
  if (entries.time) {
    const auto bytes = encode(*entries.time, base_);
    time_bytes_.insert(time_bytes_.end(), bytes.begin(), bytes.end());
  }
}

void IndexWriter::drop_after(const Mark& mark) {
  GREGOR_ASSERT(mark.offset_bytes <= offset_bytes_.size());
  GREGOR_ASSERT(mark.time_bytes <= time_bytes_.size());
  offset_bytes_.resize(mark.offset_bytes);
  time_bytes_.resize(mark.time_bytes);
}

Result<void> IndexWriter::write(const SegmentFiles& files) {
  auto wrote =
      write_behind(*files.offset_index, offset_bytes_, OffsetEntry::size_bytes, offset_entries_);
  if (!wrote) return wrote;
  return write_behind(*files.time_index, time_bytes_, TimeEntry::size_bytes, time_entries_);
}

}  // namespace gregor::storage
