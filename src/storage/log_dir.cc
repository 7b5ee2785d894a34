#include "storage/log_dir.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/log.h"
#include "storage/batch_scan.h"
#include "storage/failed_sync.h"
#include "storage/file_names.h"
#include "storage/leader_epoch_cache.h"
#include "storage/meta_properties.h"
#include "storage/partition_metadata.h"
#include "storage/small_file.h"

namespace gregor::storage {
namespace {

constexpr int path_depth_max = 64;

/// A directory above the log dir that this process may not open can't be synced, nor was it made by
/// Gregor.
bool is_forbidden(const Error& error) {
  return error.os_error == EACCES || error.os_error == EPERM || error.os_error == EROFS;
}

/// Makes a directory and those above it that are missing. Syncs all entries on the way, also those
/// that are there: a process that crashed may have made them.
Result<void> create_directories(runtime::FileSystem& files, const std::string& path) {
  std::vector<std::string> chain;  // from the path upwards
  std::string at = path;
  for (int depth = 0; depth < path_depth_max; ++depth) {
    chain.push_back(at);
    at = parent_directory(at);
    if (at == "." || at == chain.back()) break;
  }
  bool is_missing = false;
  for (auto next = chain.rbegin(); next != chain.rend(); ++next) {
    if (!is_missing) {
      const auto info = files.stat(*next);
      if (!info && info.error().os_error != ENOENT) return fail(info.error());
      is_missing = !info;
    }
    if (is_missing) {
      if (auto made = files.create_directory(*next); !made) return made;
    }
    auto synced = sync_entries(files, parent_directory(*next));
    if (!synced && (is_missing || !is_forbidden(synced.error()))) return synced;
  }
  return {};
}

/// The path to use: that of a symlink to a directory gets a "/.", so that it is followed.
Result<std::string> settled_path(runtime::FileSystem& files, std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (auto made = create_directories(files, path); !made) return fail(std::move(made.error()));
  const auto info = files.stat(path);
  if (!info) return fail(info.error());
  if (info->is_directory) return path;
  const std::string followed = path + "/.";
  const auto target = files.stat(followed);
  if (target && target->is_directory) return followed;
  return fail(ErrorCode::kafka_storage_error, fmt::format("{} is not a directory", path), ENOTDIR);
}

/// A checkpoint that is no good costs time or knowledge that comes back, so it is no reason to
/// stop. One that the device does not give is not no good: without it deleted records would come
/// back.
Result<void> read_checkpoint(runtime::FileSystem& files, const std::string& directory,
                             std::string_view name, Checkpoint& checkpoint) {
  checkpoint.path = join_path(directory, name);
  auto text = read_small_file(files, checkpoint.path);
  if (!text && is_broken(text.error())) return fail(std::move(text.error()));
  if (!text) {
    log::warn("storage", "{} can't be read and is ignored: {}", checkpoint.path,
              text.error().detail);
    return {};
  }
  if (!*text) return {};
  auto offsets = parse_offset_checkpoint(**text);
  if (!offsets) {
    log::warn("storage", "{} is malformed and is ignored: {}", checkpoint.path,
              offsets.error().detail);
    return {};
  }
  checkpoint.text = std::move(**text);
  checkpoint.current = *offsets;
  checkpoint.offsets = std::move(*offsets);
  return {};
}

/// A damaged file counts as absent: the broker that knows the id writes it anew.
Result<std::optional<model::Uuid>> read_topic_id(runtime::FileSystem& files,
                                                 const std::string& folder) {
  const auto path = join_path(folder, names::partition_metadata);
  const auto text = read_small_file(files, path);
  if (!text) return fail(text.error());
  if (!*text) return std::nullopt;
  const auto id = parse_partition_metadata(**text);
  if (id) return *id;
  log::warn("storage", "{} is ignored: {}", path, id.error().detail);
  return std::nullopt;
}

/// The leader epochs as the headers of all batches say; for a checkpoint that is damaged.
Result<std::vector<EpochStart>> epochs_of_batches(runtime::FileSystem& files,
                                                  const std::string& folder) {
  LeaderEpochCache epochs;
  const auto entries = files.list(folder);
  if (!entries) return fail(entries.error());
  for (const auto& entry : *entries) {
    const auto name = parse_segment_file_name(entry.name);
    if (!name || name->suffix != names::log_suffix || !entry.is_regular) continue;
    const auto log = files.open(join_path(folder, entry.name), runtime::OpenMode::read);
    if (!log) return fail(log.error());
    BatchScanner scanner(**log, 0, entry.size);
    for (;;) {
      const auto batch = scanner.next(BatchScanner::Check::header);
      if (!batch || !*batch) break;  // loading the log says what is wrong there
      const auto& header = (*batch)->header;
      if (header.leader_epoch > epochs.latest()) {
        epochs.assign(header.leader_epoch, header.base_offset);
      }
    }
  }
  return std::vector<EpochStart>(epochs.entries().begin(), epochs.entries().end());
}

Result<std::vector<EpochStart>> read_epochs(runtime::FileSystem& files, const std::string& folder) {
  const auto path = join_path(folder, names::epoch_checkpoint);
  const auto text = read_small_file(files, path);
  if (!text) return fail(text.error());
  if (!*text) return std::vector<EpochStart>();
  auto epochs = parse_epoch_checkpoint(**text);
  if (epochs) return epochs;
  log::warn("storage", "{} is malformed and is made anew from the batches: {}", path,
            epochs.error().detail);
  return epochs_of_batches(files, folder);
}

bool is_left_alone(std::string_view name) {
  return name == "__cluster_metadata-0" || name == "remote-log-index-cache" ||
         is_deleted_folder(name);
}

}  // namespace

std::optional<std::string> disagreement(const MetaProperties& known, const LogDir& dir) {
  const auto path = join_path(dir.path, names::meta_properties);
  const auto& broker_id = dir.meta.broker_id;
  if (known.broker_id && broker_id && *known.broker_id != *broker_id) {
    return fmt::format(
        "Stored node id {} doesn't match previous node id {} in {}. If you moved your data, make "
        "sure that broker.id is right; a new broker needs an empty log dir.",
        *broker_id, *known.broker_id, path);
  }
  const auto& cluster_id = dir.meta.cluster_id;
  if (known.cluster_id && cluster_id && *known.cluster_id != *cluster_id) {
    return fmt::format("Invalid cluster.id in: {}. Expected {}, but read {}", path,
                       *known.cluster_id, *cluster_id);
  }
  return std::nullopt;
}

bool is_broken(const Error& error) {
  const int code = error.os_error;
  return code == EIO || code == EROFS || code == ENXIO || code == ENODEV || code == ESTALE;
}

Result<LogDir> LogDir::open(runtime::FileSystem& files, const std::string& asked) {
  LogDir dir;
  auto settled = settled_path(files, asked);
  if (!settled) return fail(std::move(settled.error()));
  dir.path = std::move(*settled);
  dir.health = std::make_shared<DirHealth>();
  auto lock = files.lock(join_path(dir.path, names::lock));
  if (!lock && lock.error().os_error == EWOULDBLOCK) {
    return fail(
        ErrorCode::kafka_storage_error,
        fmt::format("the log dir {} is in use by another process, which holds its .lock", dir.path),
        EWOULDBLOCK);
  }
  if (!lock) return fail(std::move(lock.error()));
  dir.lock = std::move(*lock);
  const auto meta_path = join_path(dir.path, names::meta_properties);
  const auto text = read_small_file(files, meta_path);
  if (!text) return fail(text.error());
  if (!*text) return dir;
  auto meta = parse_meta_properties(**text, meta_path);
  if (!meta) return fail(std::move(meta.error()));
  dir.meta = std::move(*meta);
  return dir;
}

Result<void> LogDir::take(runtime::FileSystem& files) {
  if (!was_clean) return {};
  if (auto removed = files.remove(join_path(path, names::clean_shutdown)); !removed) return removed;
  return sync_entries(files, path);
}

Result<void> LogDir::begin(runtime::FileSystem& files) {
  const auto marker = join_path(path, names::clean_shutdown);
  const auto info = files.stat(marker);
  if (!info && info.error().os_error != ENOENT) return fail(info.error());
  was_clean = info.has_value();
  if (!was_clean) {
    const auto failed = storage::has_failed_sync(files, path);
    if (!failed) return fail(failed.error());
    has_failed_sync = *failed;
  }
  // Also if there was none: a process that crashed may not have come to syncing a new folder.
  if (auto synced = sync_entries(files, path); !synced) return synced;
  auto read = read_checkpoint(files, path, names::recovery_points, recovery_points);
  if (read) read = read_checkpoint(files, path, names::log_starts, log_starts);
  if (read) read = read_checkpoint(files, path, names::high_watermarks, high_watermarks);
  if (read) read = read_checkpoint(files, path, names::first_dirty, first_dirty);
  return read;
}

Result<FoundFolders> LogDir::find_partitions(runtime::FileSystem& files) const {
  const auto entries = files.list(path);
  if (!entries) return fail(entries.error());
  FoundFolders found;
  for (const auto& entry : *entries) {
    const auto partition = parse_partition_folder(entry.name);
    if (!entry.is_directory) {
      if (partition) log::warn("storage", "{}/{} is not a directory: skipped", path, entry.name);
      continue;
    }
    if (is_left_alone(entry.name)) continue;
    if (auto future = parse_future_folder(entry.name)) {
      auto place = join_path(path, entry.name);
      const auto topic_id = read_topic_id(files, place);
      if (!topic_id) return fail(topic_id.error());
      found.futures.push_back({std::move(future->partition), 0, std::move(place), *topic_id});
      continue;
    }
    if (!partition) {
      log::warn("storage", "{}/{} is not the folder of a partition: skipped", path, entry.name);
      continue;
    }
    const auto folder = join_path(path, entry.name);
    auto epochs = read_epochs(files, folder);
    if (!epochs) return fail(std::move(epochs.error()));
    const auto topic_id = read_topic_id(files, folder);
    if (!topic_id) return fail(topic_id.error());
    found.partitions.push_back({*partition, *topic_id, std::move(*epochs)});
  }
  return found;
}

Result<void> write_checkpoint(runtime::FileSystem& files, Checkpoint& checkpoint,
                              const OffsetsByPartition& offsets) {
  std::string text = format_offset_checkpoint(offsets);
  if (text == checkpoint.text) return {};
  checkpoint.text.clear();  // unknown, if the next line fails
  checkpoint.current.insert(offsets.begin(), offsets.end());
  if (auto wrote = replace_small_file(files, checkpoint.path, text); !wrote) return wrote;
  checkpoint.text = std::move(text);
  checkpoint.current = offsets;
  return {};
}

Result<void> drop_from_checkpoint(runtime::FileSystem& files, Checkpoint& checkpoint,
                                  const model::TopicPartition& partition) {
  if (!checkpoint.current.contains(partition)) return {};
  OffsetsByPartition others = checkpoint.current;
  others.erase(partition);
  return write_checkpoint(files, checkpoint, others);
}

Result<void> remove_folder(runtime::FileSystem& files, const std::string& path) {
  const auto entries = files.list(path);
  if (!entries && entries.error().os_error == ENOENT) return {};
  if (!entries) return fail(entries.error());
  for (const auto& entry : *entries) {
    if (auto removed = files.remove(join_path(path, entry.name)); !removed) return removed;
  }
  if (auto removed = files.remove(path); !removed) return removed;
  return sync_entries(files, parent_directory(path));
}

}  // namespace gregor::storage
