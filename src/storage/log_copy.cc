#include "storage/log_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "storage/batch_scan.h"
#include "storage/failed_sync.h"
#include "storage/file_names.h"
#include "storage/small_file.h"

namespace gregor::storage {

using model::Offset;

namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
// So much is synced at once at most, also when the log stands still for it.
constexpr std::uint64_t unsynced_bytes_max = std::uint64_t{16} << 20;

constexpr std::array side_suffixes{names::offset_index_suffix, names::time_index_suffix,
                                   names::transaction_index_suffix, names::snapshot_suffix};

std::string path_of(const std::string& directory, Offset base, std::string_view suffix) {
  return join_path(directory, segment_file_name(base, suffix));
}

}  // namespace

/// What the other log dir does not take for good is the end of its use.
Result<void> LogCopy::into_target(Result<void> done, std::string_view what) {
  if (done || is_passing(done.error()) || done.error().os_error == ENOENT) return done;
  health_->fail(parent_directory(to_), what, done.error());
  return done;
}

Result<LogCopy::Step> LogCopy::step(const LogExtent& extent, std::uint64_t bytes_max) {
  if (auto dropped = drop_others(extent); !dropped) return fail(std::move(dropped.error()));
  Step step;
  for (const SegmentExtent& wanted : extent.segments) {
    const bool is_last = wanted.base == extent.segments.back().base;
    const auto at = segments_.find(wanted.base);
    if (at != segments_.end() && at->second.size == wanted.size_bytes &&
        (is_last || at->second.has_side_files)) {
      continue;
    }
    if (step.bytes >= bytes_max) return step;
    if (auto opened = open_source(extent.directory, wanted); !opened) {
      return fail(std::move(opened.error()));
    }
    Copied& copied = segments_.at(wanted.base);
    auto done = copy_some(wanted, copied, bytes_max - step.bytes, step);
    if (!done) return fail(std::move(done.error()));
    if (copied.size < wanted.size_bytes) return step;
    done = sync(wanted.base, copied);
    if (done && !is_last) done = copy_side_files(extent.directory, wanted.base);
    if (!done) return fail(std::move(done.error()));
    copied.has_side_files = !is_last;
  }
  step.is_done = true;
  return step;
}

std::uint64_t LogCopy::missing_bytes(const LogExtent& extent) const {
  std::uint64_t missing = 0;
  for (const SegmentExtent& wanted : extent.segments) {
    const auto at = segments_.find(wanted.base);
    const bool is_there = at != segments_.end() && at->second.identity == wanted.identity;
    missing += wanted.size_bytes - (is_there ? at->second.size : 0);
  }
  return missing;
}

std::uint64_t LogCopy::size_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [base, copied] : segments_) sum += copied.size;
  return sum;
}

Offset LogCopy::end() const {
  if (segments_.empty()) return Offset(-1);
  const auto& [base, copied] = *segments_.rbegin();
  return std::max(base, copied.end);
}

/// Segments that were deleted or compacted since they were copied.
Result<void> LogCopy::drop_others(const LogExtent& extent) {
  for (auto at = segments_.begin(); at != segments_.end();) {
    const auto wanted = std::lower_bound(
        extent.segments.begin(), extent.segments.end(), at->first,
        [](const SegmentExtent& segment, Offset base) { return segment.base < base; });
    const bool is_wanted = wanted != extent.segments.end() && wanted->base == at->first &&
                           wanted->identity == at->second.identity &&
                           wanted->size_bytes >= at->second.size;
    if (is_wanted) {
      ++at;
      continue;
    }
    if (auto dropped = drop_segment(at->first); !dropped) return dropped;
    at = segments_.erase(at);
  }
  return {};
}

Result<void> LogCopy::drop_segment(Offset base) {
  if (source_.base == base) source_ = {};
  auto removed = files_.remove(path_of(to_, base, names::log_suffix));
  for (const auto suffix : side_suffixes) {
    if (removed) removed = files_.remove(path_of(to_, base, suffix));
  }
  return removed;
}

Result<void> LogCopy::open_source(const std::string& directory, const SegmentExtent& wanted) {
  const bool is_open =
      source_.from != nullptr && source_.base == wanted.base && source_.identity == wanted.identity;
  if (is_open) return {};
  source_ = {};
  auto from =
      files_.open(path_of(directory, wanted.base, names::log_suffix), runtime::OpenMode::read);
  if (!from) return fail(std::move(from.error()));
  auto to = files_.open(path_of(to_, wanted.base, names::log_suffix), runtime::OpenMode::create);
  if (!to) return fail(std::move(to.error()));
  segments_.try_emplace(wanted.base).first->second.identity = wanted.identity;
  source_ = {wanted.base, wanted.identity, std::move(*from), std::move(*to)};
  return {};
}

Result<void> LogCopy::copy_some(const SegmentExtent& wanted, Copied& copied,
                                std::uint64_t bytes_max, Step& step) {
  buffer_.resize(buffer_bytes);
  const std::uint64_t end = copied.size + std::min(bytes_max, wanted.size_bytes - copied.size);
  while (copied.size < end) {
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), end - copied.size));
    const auto got = source_.from->read_at(copied.size, ByteSpan(buffer_).first(size));
    if (!got) return fail(got.error());
    if (*got < size) {
      return fail(ErrorCode::kafka_storage_error,
                  fmt::format("the segment at {} is shorter than it was", wanted.base.value()));
    }
    if (!health_->has_room()) {
      return fail(ErrorCode::kafka_storage_error, "the log dir has no room", ENOSPC);
    }
    auto wrote = into_target(source_.to->write_at(copied.size, ByteView(buffer_).first(size)),
                             "writing a copy");
    if (!wrote) return wrote;
    copied.size += size;
    copied.unsynced += size;
    step.bytes += size;
    health_->wrote(size, {}, {});
    if (copied.unsynced < unsynced_bytes_max) continue;
    if (auto synced = sync(wanted.base, copied); !synced) return synced;
  }
  return check(wanted, copied);
}

/// A batch that is not there whole yet is looked at later.
Result<void> LogCopy::check(const SegmentExtent& wanted, Copied& copied) {
  const bool is_whole = copied.size == wanted.size_bytes;
  BatchScanner scanner(*source_.to, copied.checked, copied.size, BatchScanner::window_bytes_large);
  for (;;) {
    const auto batch = scanner.next(BatchScanner::Check::header_and_crc);
    if (!batch && !is_whole && batch.error().code == ErrorCode::corrupt_message) return {};
    if (!batch) {
      return fail(batch.error().code,
                  fmt::format("{} at position {}, as it was copied: {}",
                              segment_file_name(wanted.base, names::log_suffix), copied.checked,
                              batch.error().detail),
                  batch.error().os_error);
    }
    if (!*batch) return {};
    copied.checked = (*batch)->end_position();
    copied.end = (*batch)->header.next_offset();
  }
}

Result<void> LogCopy::sync_target(runtime::File& file) {
  auto synced = into_target(file.sync_data(), "syncing a copy");
  if (!synced) note_failed_sync(files_, parent_directory(to_));
  return synced;
}

Result<void> LogCopy::sync(Offset base, Copied& copied) {
  if (copied.unsynced == 0) return {};
  std::shared_ptr<runtime::File> file = source_.base == base ? source_.to : nullptr;
  if (file == nullptr) {
    auto opened = files_.open(path_of(to_, base, names::log_suffix), runtime::OpenMode::read_write);
    if (!opened) return fail(std::move(opened.error()));
    file = std::move(*opened);
  }
  if (auto synced = sync_target(*file); !synced) return synced;
  health_->synced(copied.unsynced);
  copied.unsynced = 0;
  return {};
}

/// Those that are there.
Result<void> LogCopy::copy_side_files(const std::string& directory, Offset base) {
  for (const auto suffix : side_suffixes) {
    auto copied = copy_file(path_of(directory, base, suffix), path_of(to_, base, suffix));
    if (!copied && copied.error().os_error != ENOENT) return copied;
  }
  return {};
}

/// Those that belong to no segment; the copy has no others than the log then.
Result<void> LogCopy::copy_snapshots(const std::string& directory) {
  const auto is_snapshot = [](const runtime::FileInfo& entry) {
    const auto name = parse_segment_file_name(entry.name);
    return name && name->suffix == names::snapshot_suffix && entry.is_regular;
  };
  const auto theirs = files_.list(directory);
  if (!theirs) return fail(theirs.error());
  const auto ours = files_.list(to_);
  if (!ours) return fail(ours.error());
  const auto is_among = [](const std::vector<runtime::FileInfo>& entries, const std::string& name) {
    return std::ranges::any_of(entries, [&](const auto& entry) { return entry.name == name; });
  };
  for (const auto& entry : *ours) {
    if (!is_snapshot(entry) || is_among(*theirs, entry.name)) continue;
    if (auto removed = files_.remove(join_path(to_, entry.name)); !removed) return removed;
  }
  for (const auto& entry : *theirs) {
    if (!is_snapshot(entry) || is_among(*ours, entry.name)) continue;
    auto copied = copy_file(join_path(directory, entry.name), join_path(to_, entry.name));
    if (!copied) return copied;
  }
  return {};
}

/// @durable yes
Result<void> LogCopy::copy_file(const std::string& from, const std::string& to) {
  const auto source = files_.open(from, runtime::OpenMode::read);
  if (!source) return fail(source.error());
  const auto target = files_.open(to, runtime::OpenMode::create);
  if (!target) return fail(target.error());
  if (auto emptied = (*target)->truncate(0); !emptied) return emptied;
  buffer_.resize(buffer_bytes);
  for (std::uint64_t position = 0;;) {
    const auto got = (*source)->read_at(position, buffer_);
    if (!got) return fail(got.error());
    if (*got == 0) break;
    auto wrote =
        into_target((*target)->write_at(position, ByteView(buffer_).first(*got)), "writing a copy");
    if (!wrote) return wrote;
    position += *got;
  }
  return sync_target(**target);
}

Result<SegmentFiles> LogCopy::complete(const FrozenLog& frozen) {
  const LogExtent& extent = frozen.extent;
  for (;;) {
    auto copied = step(extent, unsynced_bytes_max);
    if (!copied) return fail(std::move(copied.error()));
    if (copied->is_done) break;
  }
  const SegmentPlace last{to_, extent.segments.back().base};
  auto done = copy_side_files(extent.directory, last.base);
  if (done) done = copy_snapshots(extent.directory);
  if (done) {  // this syncs the entries of all files in the folder, so it comes last
    done = into_target(
        replace_small_file(files_, join_path(to_, names::epoch_checkpoint), frozen.epochs),
        "writing leader epochs");
  }
  if (!done) return fail(std::move(done.error()));
  SegmentFiles active;
  for (auto& [path, file] : {std::pair(last.log_path(), &active.log),
                             std::pair(last.offset_index_path(), &active.offset_index),
                             std::pair(last.time_index_path(), &active.time_index)}) {
    auto opened = files_.open(path, runtime::OpenMode::read_write);
    if (!opened) return fail(std::move(opened.error()));
    *file = std::move(*opened);
  }
  source_ = {};
  return active;
}

}  // namespace gregor::storage
