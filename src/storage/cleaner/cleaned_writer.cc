#include "storage/cleaner/cleaned_writer.h"

#include <fmt/format.h>

#include <utility>

#include "base/assert.h"
#include "runtime/file_times.h"
#include "storage/file_names.h"
#include "storage/segment_swap.h"

namespace gregor::storage {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;

Result<std::shared_ptr<runtime::File>> create_empty(runtime::FileSystem& files,
                                                    const std::string& path) {
  auto file = files.open(path, runtime::OpenMode::create);
  if (!file) return file;
  if (auto emptied = (*file)->truncate(0); !emptied) return fail(std::move(emptied.error()));
  return file;
}

}  // namespace

CleanedWriter::CleanedWriter(runtime::FileSystem& files, std::string directory, model::Offset base,
                             std::int64_t index_interval_bytes)
    : files_(&files),
      directory_(std::move(directory)),
      index_interval_bytes_(index_interval_bytes),
      tail_(SegmentTail::empty(base)),
      index_writer_(base, 0, 0) {
  buffer_.reserve(buffer_bytes);
}

Result<CleanedWriter> CleanedWriter::create(runtime::FileSystem& files,
                                            const std::string& directory, model::Offset base,
                                            std::int64_t index_interval_bytes) {
  CleanedWriter writer(files, directory, base, index_interval_bytes);
  if (auto removed = discard_cleaned(files, directory, base); !removed) {
    return fail(std::move(removed.error()));
  }
  auto log = create_empty(files, cleaned_path(directory, base, names::log_suffix));
  if (!log) return fail(std::move(log.error()));
  auto offsets = create_empty(files, cleaned_path(directory, base, names::offset_index_suffix));
  if (!offsets) return fail(std::move(offsets.error()));
  auto times = create_empty(files, cleaned_path(directory, base, names::time_index_suffix));
  if (!times) return fail(std::move(times.error()));
  writer.made_ = {std::move(*log), std::move(*offsets), std::move(*times)};
  return writer;
}

Result<void> CleanedWriter::add(ByteView bytes) {
  const auto batch = model::RecordBatchView::parse(bytes);
  GREGOR_ASSERT(batch.has_value() && batch->size_bytes() == bytes.size());
  if (batch->base_offset() < tail_.next_offset) {
    return fail(ErrorCode::corrupt_message,
                fmt::format("{}: offset {} lies behind {}", directory_,
                            batch->base_offset().value(), tail_.next_offset.value()));
  }
  const std::int64_t span = batch->last_offset() - tail_.base;
  if (tail_.size_bytes + bytes.size() > segment_bytes_limit ||
      span > std::int64_t{segment_bytes_limit}) {
    return fail(ErrorCode::message_too_large,
                fmt::format("{}: what is left does not fit into a segment", directory_));
  }
  if (buffer_.size() + bytes.size() > buffer_bytes) {
    if (auto wrote = write_buffer(); !wrote) return wrote;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  const bool is_empty = batch->record_count() == 0;
  const auto timestamp = is_empty ? model::TimestampMs(-1) : batch->max_timestamp();
  index_writer_.add(
      tail_.add({batch->last_offset(), timestamp, bytes.size()}, index_interval_bytes_));
  return {};
}

Result<void> CleanedWriter::write_buffer() {
  if (buffer_.empty()) return {};
  if (auto wrote = made_.log->write_at(written_bytes_, buffer_); !wrote) return wrote;
  written_bytes_ += buffer_.size();
  buffer_.clear();
  return {};
}

/// The time first: it goes to the disk with what was written.
Result<void> CleanedWriter::sync(std::int64_t modified_ms) {
  for (const std::string_view suffix :
       {names::log_suffix, names::offset_index_suffix, names::time_index_suffix}) {
    const auto path = cleaned_path(directory_, tail_.base, suffix);
    if (auto set = runtime::set_modified(*files_, path, modified_ms); !set) return set;
  }
  for (const auto& file : {made_.log, made_.offset_index, made_.time_index}) {
    if (auto synced = file->sync_data(); !synced) return synced;
  }
  return {};
}

Result<CleanedSegment> CleanedWriter::finish(const std::vector<AbortedTransaction>& aborted,
                                             std::int64_t modified_ms) {
  if (auto wrote = write_buffer(); !wrote) return fail(std::move(wrote.error()));
  GREGOR_ASSERT(written_bytes_ == tail_.size_bytes);
  index_writer_.add({std::nullopt, tail_.close()});
  if (auto wrote = index_writer_.write(made_); !wrote) return fail(std::move(wrote.error()));
  if (auto synced = sync(modified_ms); !synced) return fail(std::move(synced.error()));
  if (!aborted.empty()) {
    const auto path = cleaned_path(directory_, tail_.base, names::transaction_index_suffix);
    auto wrote = append_aborted(*files_, path, 0, aborted);
    if (!wrote) return fail(std::move(wrote.error()));
    const auto file = files_->open(path, runtime::OpenMode::read_write);
    if (!file) return fail(file.error());
    if (auto synced = (*file)->sync_data(); !synced) return fail(std::move(synced.error()));
  }
  CleanedSegment cleaned;
  cleaned.size_bytes = tail_.size_bytes;
  cleaned.offset_entries = index_writer_.offset_entries();
  cleaned.time_entries = index_writer_.time_entries();
  cleaned.aborted_count = static_cast<std::uint32_t>(aborted.size());
  cleaned.largest_time = tail_.max_timestamp;
  return cleaned;
}

}  // namespace gregor::storage
