#include "storage/folder_swap.h"

#include <cerrno>

#include "storage/file_names.h"
#include "storage/partition_metadata.h"
#include "storage/small_file.h"

namespace gregor::storage {
namespace {

/// Sets or removes the entry of one partition.
Result<void> write_entry(runtime::FileSystem& files, Checkpoint& checkpoint,
                         const model::TopicPartition& partition,
                         const std::optional<model::Offset>& offset) {
  OffsetsByPartition offsets = checkpoint.current;
  offsets.erase(partition);
  if (offset) offsets.emplace(partition, *offset);
  if (offsets == checkpoint.current) return {};
  return write_checkpoint(files, checkpoint, offsets);
}

}  // namespace

Result<void> make_future(runtime::FileSystem& files, const std::string& directory,
                         const std::string& unique_suffix, model::Uuid topic_id) {
  auto made = files.create_directory(directory);
  if (made) {
    made = replace_small_file_unsynced(files, join_path(directory, names::partition_metadata),
                                       format_partition_metadata(topic_id));
  }
  if (made)
    made = replace_small_file(files, join_path(directory, names::moved_mark), unique_suffix);
  if (made) made = sync_entries(files, directory);
  if (made) made = sync_entries(files, parent_directory(directory));
  return made;
}

Result<ChosenFolder> choose_folder(runtime::FileSystem& files, const std::string& first,
                                   const std::string& second) {
  auto mark = read_small_file(files, join_path(first, names::moved_mark));
  if (!mark) return fail(std::move(mark.error()));
  auto other = read_small_file(files, join_path(second, names::moved_mark));
  if (!other) return fail(std::move(other.error()));
  ChosenFolder chosen;
  chosen.is_decided = mark->has_value() != other->has_value();
  if (!chosen.is_decided) return chosen;
  chosen.is_second = other->has_value();
  chosen.unique_suffix = chosen.is_second ? **other : **mark;
  return chosen;
}

Result<void> retire_superseded(runtime::FileSystem& files, const std::string& log_dir,
                               const SupersededFolder& folder) {
  const auto renamed =
      files.rename(join_path(log_dir, model::to_string(folder.partition)),
                   join_path(log_dir, deleted_folder_name(folder.partition, folder.unique_suffix)));
  if (!renamed) return renamed;
  return sync_entries(files, log_dir);
}

SettledMove FolderSwap::run(const SettledPositions& positions) {
  SettledMove settled;
  settled.done = drop_old_mark();
  if (settled.done) settled.done = write_checkpoints(positions);
  if (!settled.done) return settled;
  const auto name = model::to_string(move_.partition);
  settled.directory = join_path(to_.path, name);
  settled.done = files_.rename(move_.directory, settled.directory);
  if (!settled.done) return settled;
  settled.is_halfway = true;
  settled.done = sync_entries(files_, to_.path);
  if (!settled.done) return settled;
  is_at_source_ = true;
  settled.retired =
      join_path(from_.path, deleted_folder_name(move_.partition, move_.unique_suffix));
  settled.done = files_.rename(join_path(from_.path, name), settled.retired);
  if (settled.done) settled.done = sync_entries(files_, from_.path);
  settled.is_halfway = !settled.done;
  return settled;
}

/// What an earlier move left in the old folder would speak for that one.
Result<void> FolderSwap::drop_old_mark() {
  const auto folder = join_path(from_.path, model::to_string(move_.partition));
  const auto mark = join_path(folder, names::moved_mark);
  is_at_source_ = true;
  const auto info = files_.stat(mark);
  Result<void> done;
  if (info) {
    done = files_.remove(mark);
    if (done) done = sync_entries(files_, folder);
  } else if (info.error().os_error != ENOENT) {
    done = fail(info.error());
  }
  if (done) is_at_source_ = false;
  return done;
}

/// Recovery points first, as always: a start must not lie behind the end that recovery finds.
Result<void> FolderSwap::write_checkpoints(const SettledPositions& positions) {
  const auto& partition = move_.partition;
  std::optional<model::Offset> first_dirty;
  const auto known = from_.first_dirty.current.find(partition);
  if (known != from_.first_dirty.current.end()) first_dirty = known->second;
  auto wrote = write_entry(files_, to_.recovery_points, partition, positions.log_end);
  if (wrote) wrote = write_entry(files_, to_.log_starts, partition, positions.log_start);
  if (wrote) wrote = write_entry(files_, to_.high_watermarks, partition, positions.high_watermark);
  if (wrote) wrote = write_entry(files_, to_.first_dirty, partition, first_dirty);
  return wrote;
}

Result<void> FolderSwap::clean_up() {
  const auto folder = join_path(to_.path, model::to_string(move_.partition));
  is_at_source_ = false;
  auto done = files_.remove(join_path(folder, names::moved_mark));
  if (done) done = sync_entries(files_, folder);
  if (!done) return done;
  is_at_source_ = true;
  for (Checkpoint* checkpoint :
       {&from_.recovery_points, &from_.log_starts, &from_.high_watermarks, &from_.first_dirty}) {
    if (done) done = drop_from_checkpoint(files_, *checkpoint, move_.partition);
  }
  return done;
}

}  // namespace gregor::storage
