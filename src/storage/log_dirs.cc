#include "storage/log_dirs.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/assert.h"
#include "base/log.h"
#include "storage/file_names.h"
#include "storage/log_dir.h"
#include "storage/log_loader.h"
#include "storage/meta_properties.h"
#include "storage/small_file.h"

namespace gregor::storage {
namespace {

tl::unexpected<Error> refuse(std::string detail) {
  return fail(ErrorCode::kafka_storage_error, std::move(detail));
}

/// What two dirs, or a dir and the broker, don't agree on; nullopt if they do. Absent agrees.
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

std::optional<model::Offset> offset_in(const Checkpoint& checkpoint,
                                       const model::TopicPartition& partition) {
  const auto found = checkpoint.offsets.find(partition);
  if (found == checkpoint.offsets.end()) return std::nullopt;
  return found->second;
}

/// The one implementation of LogDirs.
///
/// mutex_ guards where_, is_taken_, generation_ and the checkpoints and serialises create() and
/// take(); it is held during their disk work, which runs in the I/O pool and not on the data path.
class OpenLogDirs final : public LogDirs {
 public:
  OpenLogDirs(runtime::FileSystem& files, std::vector<LogDir> dirs,
              std::shared_ptr<ProducerRules> producers)
      : files_(files), dirs_(std::move(dirs)), producers_(std::move(producers)) {
    for (const auto& dir : dirs_) paths_.push_back(dir.path);
  }

  Result<void> begin() {
    for (auto& dir : dirs_) {
      if (auto agreed = agree(dir); !agreed) return agreed;
    }
    for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
      if (auto begun = dirs_[i].begin(files_); !begun) return begun;
      if (auto found = take_partitions(i); !found) return found;
    }
    return {};
  }

  Result<void> take() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return take_locked();
  }

  const std::vector<std::string>& paths() const override { return paths_; }
  MetaProperties meta() const override { return meta_; }
  bool was_clean(std::uint32_t log_dir) const override { return dirs_.at(log_dir).was_clean; }
  const std::vector<FoundPartition>& partitions() const override { return found_; }

  Result<void> write_meta(std::int32_t broker_id, const std::string& cluster_id) override;
  Result<std::unique_ptr<LoadedLog>> load(
      const FoundPartition& found, std::shared_ptr<const config::TopicConfig> config) override;
  Result<std::unique_ptr<LoadedLog>> create(
      const model::TopicPartition& partition, model::Uuid topic_id,
      std::shared_ptr<const config::TopicConfig> config) override;
  std::optional<std::uint32_t> find(const model::TopicPartition& partition) const override;
  bool was_hosted(const model::TopicPartition& partition) const override;
  Result<void> forget(const model::TopicPartition& partition) override;
  Result<std::string> retire(const model::TopicPartition& partition,
                             const std::string& unique_suffix) override;
  std::uint64_t generation() const override;
  Result<void> write_checkpoints(std::uint32_t log_dir, const DirCheckpoints& checkpoints) override;
  std::optional<model::Offset> first_dirty(const model::TopicPartition& partition) const override;
  Result<void> write_first_dirty(const model::TopicPartition& partition,
                                 model::Offset offset) override;
  Result<void> write_clean_shutdown_marker(std::uint32_t log_dir,
                                           std::int64_t broker_epoch) override;
  std::vector<std::string> deleted_folders() const override;
  Result<void> remove_deleted(const std::string& path) override;

 private:
  Result<void> take_locked();
  Result<void> drop_from_checkpoints(const model::TopicPartition& partition);
  Result<void> agree(const LogDir& dir);
  Result<void> take_partitions(std::uint32_t log_dir);
  [[nodiscard]] std::uint32_t emptiest_dir() const;

  runtime::FileSystem& files_;
  std::vector<LogDir> dirs_;
  const std::shared_ptr<ProducerRules> producers_;
  std::vector<std::string> paths_;
  MetaProperties meta_;
  std::vector<FoundPartition> found_;
  std::map<model::TopicPartition, std::vector<EpochStart>> epochs_;  // of found_; not changed later
  mutable std::mutex mutex_;
  bool is_taken_ = false;  // the clean-shutdown markers are gone
  std::map<model::TopicPartition, std::uint32_t> where_;
  std::uint64_t generation_ = 0;
};

Result<void> OpenLogDirs::take_locked() {
  if (is_taken_) return {};
  for (auto& dir : dirs_) {
    if (auto taken = dir.take(files_); !taken) return taken;
  }
  is_taken_ = true;
  return {};
}

/// What a deleted partition of that name left there would be taken for the new one's after a crash.
Result<void> OpenLogDirs::drop_from_checkpoints(const model::TopicPartition& partition) {
  for (auto& dir : dirs_) {
    for (Checkpoint* checkpoint :
         {&dir.recovery_points, &dir.log_starts, &dir.high_watermarks, &dir.first_dirty}) {
      if (auto done = drop_from_checkpoint(files_, *checkpoint, partition); !done) return done;
    }
  }
  return {};
}

/// Adds what a dir says to what the dirs agree on.
Result<void> OpenLogDirs::agree(const LogDir& dir) {
  if (auto what = disagreement(meta_, dir)) return refuse(std::move(*what));
  if (!meta_.broker_id) meta_.broker_id = dir.meta.broker_id;
  if (!meta_.cluster_id) meta_.cluster_id = dir.meta.cluster_id;
  for (const auto& other : dir.meta.others) meta_.others.insert(other);
  return {};
}

Result<void> OpenLogDirs::take_partitions(std::uint32_t log_dir) {
  auto folders = dirs_[log_dir].find_partitions(files_);
  if (!folders) return fail(std::move(folders.error()));
  for (auto& folder : *folders) {
    const auto [at, is_new] = where_.emplace(folder.partition, log_dir);
    if (!is_new) {
      return refuse(fmt::format("{} lies in two log dirs, {} and {}: remove one of them",
                                model::to_string(folder.partition), paths_[at->second],
                                paths_[log_dir]));
    }
    FoundPartition found;
    found.partition = folder.partition;
    found.log_dir = log_dir;
    found.topic_id = folder.topic_id;
    if (!folder.epochs.empty()) found.last_epoch = folder.epochs.back().epoch;
    found_.push_back(std::move(found));
    epochs_.emplace(std::move(folder.partition), std::move(folder.epochs));
  }
  return {};
}

Result<void> OpenLogDirs::write_meta(std::int32_t broker_id, const std::string& cluster_id) {
  MetaProperties wanted;
  wanted.broker_id = broker_id;
  wanted.cluster_id = cluster_id;
  for (const auto& dir : dirs_) {
    if (auto what = disagreement(wanted, dir)) return refuse(std::move(*what));
  }
  for (auto& dir : dirs_) {
    if (dir.meta.broker_id && dir.meta.cluster_id) continue;
    MetaProperties complete = dir.meta;
    complete.broker_id = broker_id;
    complete.cluster_id = cluster_id;
    auto wrote = replace_small_file(files_, join_path(dir.path, names::meta_properties),
                                    format_meta_properties(complete));
    if (!wrote) return wrote;
    dir.meta = std::move(complete);
  }
  meta_.broker_id = broker_id;
  meta_.cluster_id = cluster_id;
  return {};
}

Result<std::unique_ptr<LoadedLog>> OpenLogDirs::load(
    const FoundPartition& found, std::shared_ptr<const config::TopicConfig> config) {
  if (auto taken = take(); !taken) return fail(std::move(taken.error()));
  const LogDir& dir = dirs_.at(found.log_dir);
  LoadRequest request;
  request.partition = found.partition;
  request.directory = join_path(dir.path, model::to_string(found.partition));
  request.config = std::move(config);
  request.health = dir.health;
  request.producer_rules = producers_;
  request.topic_id = found.topic_id;
  const auto epochs = epochs_.find(found.partition);
  if (epochs != epochs_.end()) request.epochs = epochs->second;
  request.is_clean = dir.was_clean;
  request.recovery_point = offset_in(dir.recovery_points, found.partition);
  request.log_start = offset_in(dir.log_starts, found.partition);
  request.high_watermark = offset_in(dir.high_watermarks, found.partition);
  return load_log(files_, request);
}

std::uint32_t OpenLogDirs::emptiest_dir() const {
  std::vector<std::size_t> counts(dirs_.size());
  for (const auto& [partition, log_dir] : where_) ++counts[log_dir];
  return static_cast<std::uint32_t>(std::min_element(counts.begin(), counts.end()) -
                                    counts.begin());
}

Result<std::unique_ptr<LoadedLog>> OpenLogDirs::create(
    const model::TopicPartition& partition, model::Uuid topic_id,
    std::shared_ptr<const config::TopicConfig> config) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (auto taken = take_locked(); !taken) return fail(std::move(taken.error()));
  if (where_.contains(partition)) {
    return refuse(fmt::format("the log of {} is there already", model::to_string(partition)));
  }
  if (auto dropped = drop_from_checkpoints(partition); !dropped) {
    return fail(std::move(dropped.error()));
  }
  ++generation_;
  const std::uint32_t log_dir = emptiest_dir();
  LoadRequest request;
  request.partition = partition;
  request.directory = join_path(paths_[log_dir], model::to_string(partition));
  request.config = std::move(config);
  request.health = dirs_[log_dir].health;
  request.producer_rules = producers_;
  request.topic_id = topic_id;
  auto made = create_log(files_, request);
  if (made) {
    where_.emplace(partition, log_dir);
    return made;
  }
  if (auto removed = remove_folder(files_, request.directory); !removed) {
    log::warn("storage", "{}: what was made of it can't be removed: {}", request.directory,
              removed.error().detail);
  }
  return made;
}

std::optional<std::uint32_t> OpenLogDirs::find(const model::TopicPartition& partition) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = where_.find(partition);
  if (found == where_.end()) return std::nullopt;
  return found->second;
}

bool OpenLogDirs::was_hosted(const model::TopicPartition& partition) const {
  return std::any_of(dirs_.begin(), dirs_.end(), [&](const LogDir& dir) {
    return dir.recovery_points.offsets.contains(partition) ||
           dir.high_watermarks.offsets.contains(partition);
  });
}

Result<void> OpenLogDirs::forget(const model::TopicPartition& partition) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (auto taken = take_locked(); !taken) return taken;
  where_.erase(partition);
  ++generation_;
  return drop_from_checkpoints(partition);
}

std::uint64_t OpenLogDirs::generation() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return generation_;
}

Result<std::string> OpenLogDirs::retire(const model::TopicPartition& partition,
                                        const std::string& unique_suffix) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = where_.find(partition);
  if (found == where_.end()) {
    return fail(ErrorCode::unknown_topic_or_partition,
                fmt::format("{} is in no log dir", model::to_string(partition)));
  }
  if (auto taken = take_locked(); !taken) return fail(std::move(taken.error()));
  const std::string& parent = paths_[found->second];
  const std::string to = join_path(parent, deleted_folder_name(partition, unique_suffix));
  if (auto renamed = files_.rename(join_path(parent, model::to_string(partition)), to); !renamed) {
    return fail(std::move(renamed.error()));
  }
  if (auto synced = sync_entries(files_, parent); !synced) return fail(std::move(synced.error()));
  where_.erase(found);
  ++generation_;
  return to;
}

Result<void> OpenLogDirs::write_checkpoints(std::uint32_t log_dir,
                                            const DirCheckpoints& checkpoints) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (checkpoints.generation && *checkpoints.generation != generation_) {
    return fail(ErrorCode::operation_not_attempted, "partitions were made or removed meanwhile");
  }
  LogDir& dir = dirs_.at(log_dir);
  auto wrote = write_checkpoint(files_, dir.recovery_points, checkpoints.recovery_points);
  if (!wrote) return wrote;
  wrote = write_checkpoint(files_, dir.log_starts, checkpoints.log_starts);
  if (!wrote) return wrote;
  return write_checkpoint(files_, dir.high_watermarks, checkpoints.high_watermarks);
}

std::optional<model::Offset> OpenLogDirs::first_dirty(
    const model::TopicPartition& partition) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto log_dir = where_.find(partition);
  if (log_dir == where_.end()) return std::nullopt;
  const auto& offsets = dirs_[log_dir->second].first_dirty.current;
  const auto found = offsets.find(partition);
  if (found == offsets.end()) return std::nullopt;
  return found->second;
}

Result<void> OpenLogDirs::write_first_dirty(const model::TopicPartition& partition,
                                            model::Offset offset) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto log_dir = where_.find(partition);
  if (log_dir == where_.end()) {
    return fail(ErrorCode::unknown_topic_or_partition,
                fmt::format("{} is in no log dir", model::to_string(partition)));
  }
  Checkpoint& checkpoint = dirs_[log_dir->second].first_dirty;
  OffsetsByPartition offsets = checkpoint.current;
  std::erase_if(offsets, [&](const auto& entry) {
    const auto at = where_.find(entry.first);
    return at == where_.end() || at->second != log_dir->second;
  });
  offsets[partition] = offset;
  return write_checkpoint(files_, checkpoint, offsets);
}

Result<void> OpenLogDirs::write_clean_shutdown_marker(std::uint32_t log_dir,
                                                      std::int64_t broker_epoch) {
  return replace_small_file(files_, join_path(dirs_.at(log_dir).path, names::clean_shutdown),
                            fmt::format(R"({{"version":0,"brokerEpoch":{}}})", broker_epoch));
}

std::vector<std::string> OpenLogDirs::deleted_folders() const {
  std::vector<std::string> deleted;
  for (const auto& path : paths_) {
    const auto entries = files_.list(path);
    if (!entries) {
      log::warn("storage", "{} can't be listed: {}", path, entries.error().detail);
      continue;
    }
    for (const auto& entry : *entries) {
      if (entry.is_directory && is_deleted_folder(entry.name)) {
        deleted.push_back(join_path(path, entry.name));
      }
    }
  }
  return deleted;
}

Result<void> OpenLogDirs::remove_deleted(const std::string& path) {
  const auto parent = parent_directory(path);
  const bool is_ours = std::ranges::find(paths_, parent) != paths_.end();
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  if (!is_ours || !is_deleted_folder(name)) {
    return refuse(fmt::format("{} is not a folder that waits to be removed", path));
  }
  return remove_folder(files_, path);
}

}  // namespace

Result<std::unique_ptr<LogDirs>> LogDirs::open(runtime::FileSystem& files, LogDirsOptions options) {
  if (options.paths.empty()) return refuse("no log dir is configured");
  std::vector<LogDir> dirs;
  for (const auto& path : options.paths) {
    auto dir = LogDir::open(files, path);
    if (!dir) return fail(std::move(dir.error()));
    dirs.push_back(std::move(*dir));
  }
  auto opened = std::make_unique<OpenLogDirs>(files, std::move(dirs), std::move(options.producers));
  if (auto begun = opened->begin(); !begun) return fail(std::move(begun.error()));
  return opened;
}

}  // namespace gregor::storage
