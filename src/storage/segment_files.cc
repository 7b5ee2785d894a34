#include "storage/segment_files.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/assert.h"
#include "base/log.h"
#include "model/record_batch.h"
#include "storage/file_names.h"
#include "storage/index_writer.h"

namespace gregor::storage {
namespace {

using runtime::OpenMode;

Result<void> open_into(runtime::FileSystem& files, const std::string& path, OpenMode mode,
                       std::shared_ptr<runtime::File>& slot) {
  auto file = files.open(path, mode);
  if (!file) return fail(std::move(file.error()));
  slot = std::move(*file);
  return {};
}

/// A half-written entry at the end (a kill between two pages) is not an entry.
template <class Entry>
Result<IndexView<Entry>> view_of(const std::shared_ptr<runtime::File>& file, model::Offset base) {
  const auto size = file->size();
  if (!size) return fail(size.error());
  return IndexView<Entry>{file, base, static_cast<std::uint32_t>(*size / Entry::size_bytes)};
}

struct IndexEnds {
  std::uint32_t offset_entries = 0;
  std::uint32_t time_entries = 0;
  std::optional<OffsetEntry> offset;
  std::optional<TimeEntry> time;
};

Result<IndexEnds> read_index_ends(const SegmentFiles& files, model::Offset base) {
  const auto offset_view = view_of<OffsetEntry>(files.offset_index, base);
  if (!offset_view) return fail(offset_view.error());
  const auto time_view = view_of<TimeEntry>(files.time_index, base);
  if (!time_view) return fail(time_view.error());
  const auto offset = offset_view->last();
  if (!offset) return fail(offset.error());
  const auto time = time_view->last();
  if (!time) return fail(time.error());
  return IndexEnds{offset_view->count, time_view->count, *offset, *time};
}

/// True if the last entries of both indexes can be true.
bool is_plausible(const IndexEnds& ends, model::Offset base, std::uint64_t log_bytes) {
  const auto& offset = ends.offset;
  if (offset && (offset->offset < base || offset->position == 0 || offset->position >= log_bytes)) {
    return false;
  }
  return !ends.time || (ends.time->timestamp >= model::TimestampMs(0) && ends.time->offset >= base);
}

/// True for an error that says what lies in a file, not that it can't be read.
bool is_damage(const Error& error) { return error.code != ErrorCode::kafka_storage_error; }

/// Walks the headers from the end of `tail` on. @return true if that led to the end of the file
Result<bool> walk_headers(const SegmentFiles& files, std::uint64_t log_bytes,
                          std::int64_t interval_bytes, SegmentTail& tail, IndexWriter& writer) {
  BatchScanner scanner(*files.log, tail.size_bytes, log_bytes);
  for (;;) {
    auto batch = scanner.next(BatchScanner::Check::header);
    if (!batch && !is_damage(batch.error())) return fail(std::move(batch.error()));
    if (!batch) return false;
    if (!*batch) return true;
    const auto& header = (*batch)->header;
    if (tail.misplaced(header.base_offset, header.last_offset) != nullptr) return false;
    writer.add(tail.add({header.last_offset, header.indexed_timestamp(), header.size_bytes},
                        interval_bytes));
  }
}

/// Builds both indexes of a segment from its headers, up to the first batch that is none.
Result<SegmentTail> rebuild_indexes(const SegmentFiles& files, model::Offset base,
                                    std::uint64_t log_bytes, std::int64_t interval_bytes) {
  if (auto cut = files.offset_index->truncate(0); !cut) return fail(std::move(cut.error()));
  if (auto cut = files.time_index->truncate(0); !cut) return fail(std::move(cut.error()));
  SegmentTail tail = SegmentTail::empty(base);
  IndexWriter writer(base, 0, 0);
  const auto walked = walk_headers(files, log_bytes, interval_bytes, tail, writer);
  if (!walked) return fail(walked.error());
  writer.add({std::nullopt, tail.close()});
  if (auto wrote = writer.write(files); !wrote) return fail(std::move(wrote.error()));
  return tail;
}

/// Opens the three files. @return true if an index was missing and has been made
Result<bool> open_files(runtime::FileSystem& files, const SegmentPlace& place, SegmentFiles& out) {
  if (auto opened = open_into(files, place.log_path(), OpenMode::read_write, out.log); !opened) {
    return fail(std::move(opened.error()));
  }
  bool made = false;
  const auto open_index = [&files, &made](const std::string& path,
                                          std::shared_ptr<runtime::File>& slot) -> Result<void> {
    auto opened = open_into(files, path, OpenMode::read_write, slot);
    if (opened || opened.error().os_error != ENOENT) return opened;
    made = true;
    return open_into(files, path, OpenMode::create, slot);
  };
  if (auto opened = open_index(place.offset_index_path(), out.offset_index); !opened) {
    return fail(std::move(opened.error()));
  }
  if (auto opened = open_index(place.time_index_path(), out.time_index); !opened) {
    return fail(std::move(opened.error()));
  }
  return made;
}

void say_rebuilding(const SegmentPlace& place) {
  log::warn("storage", "{}: indexes are missing or damaged: building them anew", place.log_path());
}

/// The header at `position`; nullopt if there is none that could be one.
Result<std::optional<BatchHeader>> header_at(const runtime::File& log, std::uint64_t position,
                                             std::uint64_t log_bytes) {
  BatchScanner scanner(log, position, log_bytes, model::batch_layout::header_bytes);
  auto batch = scanner.next(BatchScanner::Check::header);
  if (!batch && !is_damage(batch.error())) return fail(std::move(batch.error()));
  if (!batch || !*batch) return std::nullopt;
  return (*batch)->header;
}

/// The tail as the index entries say, before the batch of the last offset entry.
SegmentTail tail_at(const IndexEnds& ends, model::Offset base) {
  SegmentTail tail = SegmentTail::empty(base);
  tail.offset_entries = ends.offset_entries;
  tail.time_entries = ends.time_entries;
  if (ends.time) {
    tail.max_timestamp = *ends.time;
    tail.last_time_entry = ends.time->timestamp;
  }
  if (ends.offset) tail.size_bytes = ends.offset->position;
  return tail;
}

}  // namespace

std::string SegmentPlace::log_path() const {
  return join_path(directory, segment_file_name(base, names::log_suffix));
}
std::string SegmentPlace::offset_index_path() const {
  return join_path(directory, segment_file_name(base, names::offset_index_suffix));
}
std::string SegmentPlace::time_index_path() const {
  return join_path(directory, segment_file_name(base, names::time_index_suffix));
}
std::string SegmentPlace::transaction_index_path() const {
  return join_path(directory, segment_file_name(base, names::transaction_index_suffix));
}

Result<SegmentFiles> create_segment_files(runtime::FileSystem& files, const SegmentPlace& place) {
  SegmentFiles made;
  struct Slot {
    std::string path;
    std::shared_ptr<runtime::File>* file;
  };
  // The .log comes last: a .log with indexes is a segment, indexes without one are leftovers.
  const std::array<Slot, 3> slots{Slot{place.offset_index_path(), &made.offset_index},
                                  Slot{place.time_index_path(), &made.time_index},
                                  Slot{place.log_path(), &made.log}};
  for (const auto& slot : slots) {
    auto opened = open_into(files, slot.path, OpenMode::create_new, *slot.file);
    if (!opened && opened.error().os_error == EEXIST) {
      if (auto removed = files.remove(slot.path); !removed) return fail(std::move(removed.error()));
      opened = open_into(files, slot.path, OpenMode::create_new, *slot.file);
    }
    if (!opened) return fail(std::move(opened.error()));
  }
  if (auto removed = files.remove(place.transaction_index_path()); !removed) {
    return fail(std::move(removed.error()));
  }
  return made;
}

Result<model::TimestampMs> first_batch_timestamp(const runtime::File& log,
                                                 std::uint64_t log_bytes) {
  const auto first = header_at(log, 0, log_bytes);
  if (!first) return fail(first.error());
  return *first ? (*first)->max_timestamp : model::TimestampMs(-1);
}

Result<OpenedSegment> open_segment(runtime::FileSystem& files, const SegmentPlace& place,
                                   std::uint64_t log_bytes, std::int64_t index_interval_bytes) {
  OpenedSegment opened;
  const auto made = open_files(files, place, opened.files);
  if (!made) return fail(made.error());
  auto ends = read_index_ends(opened.files, place.base);
  if (!ends) return fail(std::move(ends.error()));
  if (*made || !is_plausible(*ends, place.base, log_bytes)) {
    say_rebuilding(place);
    const auto tail = rebuild_indexes(opened.files, place.base, log_bytes, index_interval_bytes);
    if (!tail) return fail(tail.error());
    ends = read_index_ends(opened.files, place.base);
    if (!ends) return fail(std::move(ends.error()));
  }
  opened.offset_entries = ends->offset_entries;
  opened.time_entries = ends->time_entries;
  opened.last_time = ends->time.value_or(TimeEntry{model::TimestampMs(-1), place.base});
  return opened;
}

Result<SegmentEnd> open_last_segment(runtime::FileSystem& files, const SegmentPlace& place,
                                     std::int64_t index_interval_bytes) {
  SegmentEnd end;
  const auto made = open_files(files, place, end.files);
  if (!made) return fail(made.error());
  const auto size = end.files.log->size();
  if (!size) return fail(size.error());
  const auto ends = read_index_ends(end.files, place.base);
  if (!ends) return fail(ends.error());
  bool is_trusted = !*made && is_plausible(*ends, place.base, *size);
  if (is_trusted && ends->offset) {
    const auto indexed = header_at(*end.files.log, ends->offset->position, *size);
    if (!indexed) return fail(indexed.error());
    is_trusted = *indexed && (*indexed)->last_offset == ends->offset->offset;
  }
  if (!is_trusted) {
    say_rebuilding(place);
    const auto tail = rebuild_indexes(end.files, place.base, *size, index_interval_bytes);
    if (!tail) return fail(tail.error());
    end.tail = *tail;
    end.is_whole = end.tail.size_bytes == *size;
    return end;
  }
  end.tail = tail_at(*ends, place.base);
  IndexWriter writer(place.base, ends->offset_entries, ends->time_entries);
  const auto reached = walk_headers(end.files, *size, index_interval_bytes, end.tail, writer);
  if (!reached) return fail(reached.error());
  end.is_whole = *reached;
  if (!end.is_whole) return end;
  if (auto wrote = writer.write(end.files); !wrote) return fail(std::move(wrote.error()));
  const auto first = first_batch_timestamp(*end.files.log, *size);
  if (!first) return fail(first.error());
  end.tail.first_batch_timestamp = *first;
  return end;
}

}  // namespace gregor::storage
