#include "storage/log_dirs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "base/assert.h"
#include "base/log.h"
#include "storage/failed_sync.h"
#include "storage/file_names.h"
#include "storage/folder_swap.h"
#include "storage/log_dir.h"
#include "storage/log_loader.h"
#include "storage/meta_properties.h"
#include "storage/small_file.h"

namespace gregor::storage {
namespace {

tl::unexpected<Error> refuse(std::string detail) {
  return fail(ErrorCode::kafka_storage_error, std::move(detail));
}

std::optional<model::Offset> offset_in(const Checkpoint& checkpoint,
                                       const model::TopicPartition& partition) {
  const auto found = checkpoint.offsets.find(partition);
  if (found == checkpoint.offsets.end()) return std::nullopt;
  return found->second;
}

/// The one implementation of LogDirs.
///
/// spaces_mutex_ guards spaces_ and is_full of the dirs, for moments only; mutex_ guards where_,
/// is_taken_, generation_ and the checkpoints and serialises create() and take(); it is held during
/// their disk work, which runs in the I/O pool and not on the data path.
class OpenLogDirs final : public LogDirs {
 public:
  OpenLogDirs(runtime::FileSystem& files, std::vector<LogDir> dirs, LogDirsOptions options)
      : files_(files),
        dirs_(std::move(dirs)),
        producers_(std::move(options.producers)),
        reserve_bytes_(options.reserve_bytes),
        spaces_(dirs_.size()) {
    for (const auto& dir : dirs_) paths_.push_back(dir.path);
  }

  Result<void> begin() {
    for (auto& dir : dirs_) {
      if (auto agreed = agree(dir); !agreed) return agreed;
    }
    for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
      if (is_offline(i)) continue;
      auto begun = dirs_[i].begin(files_);
      if (begun) begun = take_partitions(i);
      if (!begun && is_broken(begun.error())) {
        note_failure(i, "reading it", begun.error());
      } else if (!begun) {
        return begun;
      }
    }
    measure_room();
    if (std::ranges::all_of(dirs_, [](const LogDir& dir) { return dir.health->has_failed(); })) {
      return fail(dirs_.front().health->failure());
    }
    return {};
  }

  Result<void> take() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return take_locked();
  }

  const std::vector<std::string>& paths() const override { return paths_; }
  MetaProperties meta() const override { return meta_; }
  std::vector<LogDirState> states() const override;
  bool has_failed() const override {
    return std::ranges::any_of(dirs_, [](const LogDir& dir) { return dir.health->has_failed(); });
  }
  void measure_room() override;
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
  const std::vector<FoundFuture>& futures() const override { return futures_; }
  Result<FolderMove> begin_move(const model::TopicPartition& partition, std::uint32_t to,
                                const std::string& unique_suffix, model::Uuid topic_id) override;
  SettledMove settle_move(const FolderMove& move, const SettledPositions& positions) override;
  Result<void> drop_future(const std::string& path) override;
  std::vector<std::string> deleted_folders() const override;
  Result<void> remove_deleted(const std::string& path) override;

 private:
  Result<void> take_locked();
  Result<void> drop_from_checkpoints(const model::TopicPartition& partition);
  Result<void> agree(const LogDir& dir);
  Result<void> take_partitions(std::uint32_t log_dir);
  Result<bool> replaces(const FoundFolder& folder, std::uint32_t log_dir);
  [[nodiscard]] bool is_offline(std::uint32_t log_dir) const {
    return dirs_[log_dir].health->has_failed();
  }
  void note_failure(std::uint32_t log_dir, std::string_view what, const Error& error) {
    if (!is_passing(error)) dirs_[log_dir].health->fail(paths_[log_dir], what, error);
  }
  Result<std::unique_ptr<LoadedLog>> create_in(std::uint32_t log_dir, LoadRequest request);
  [[nodiscard]] std::optional<std::uint32_t> emptiest_dir() const;

  runtime::FileSystem& files_;
  std::vector<LogDir> dirs_;
  const std::shared_ptr<ProducerRules> producers_;
  const std::int64_t reserve_bytes_;
  mutable std::mutex spaces_mutex_;  // guards spaces_
  std::vector<runtime::SpaceInfo> spaces_;
  std::vector<std::string> paths_;
  MetaProperties meta_;
  std::vector<FoundPartition> found_;
  std::map<model::TopicPartition, std::vector<EpochStart>> epochs_;  // of found_; not changed later
  mutable std::mutex mutex_;
  std::vector<SupersededFolder> superseded_;  // by moves that a crash interrupted
  std::vector<FoundFuture> futures_;          // not changed later
  bool is_taken_ = false;                     // the clean-shutdown markers are gone
  std::map<model::TopicPartition, std::uint32_t> where_;
  std::uint64_t generation_ = 0;
};

std::vector<LogDirState> OpenLogDirs::states() const {
  std::vector<LogDirState> states;
  const std::lock_guard<std::mutex> lock(spaces_mutex_);
  for (std::size_t i = 0; i < dirs_.size(); ++i) {
    const DirHealth& health = *dirs_[i].health;
    LogDirState state{paths_[i], std::nullopt, health.has_room(), spaces_[i]};
    if (health.has_failed()) state.failure = health.failure();
    states.push_back(std::move(state));
  }
  return states;
}

void OpenLogDirs::measure_room() {
  for (std::size_t i = 0; i < dirs_.size(); ++i) {
    DirHealth& health = *dirs_[i].health;
    if (health.has_failed()) continue;
    const auto space = files_.space(paths_[i]);
    if (!space) continue;  // whoever writes next learns what is wrong
    const std::lock_guard<std::mutex> lock(spaces_mutex_);
    spaces_[i] = *space;
    const std::uint64_t free_bytes = std::min<std::uint64_t>(space->usable_bytes, INT64_MAX);
    const std::int64_t room = static_cast<std::int64_t>(free_bytes) - reserve_bytes_;
    const bool had_room = !dirs_[i].is_full;
    health.set_room(room);
    dirs_[i].is_full = room <= 0;
    if (had_room && room <= 0) {
      log::error("storage",
                 "log dir {}: the disk is full: {} bytes are free, {} are kept in reserve; nothing "
                 "is appended until there is room",
                 paths_[i], space->usable_bytes, reserve_bytes_);
    } else if (!had_room && room > 0) {
      log::info("storage", "log dir {}: there is room again, {} bytes are free", paths_[i],
                space->usable_bytes);
    }
  }
}

Result<void> OpenLogDirs::take_locked() {
  if (is_taken_) return {};
  for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
    if (is_offline(i)) continue;
    auto taken = dirs_[i].take(files_);
    if (!taken && is_broken(taken.error())) {
      note_failure(i, "removing the clean-shutdown marker", taken.error());
    } else if (!taken) {
      return taken;
    }
  }
  for (const auto& old : superseded_) {
    if (is_offline(old.log_dir)) continue;
    auto retired = retire_superseded(files_, paths_[old.log_dir], old);
    if (!retired && is_broken(retired.error())) {
      note_failure(old.log_dir, "putting aside a folder that was moved", retired.error());
    } else if (!retired) {
      return retired;
    }
  }
  is_taken_ = true;
  return {};
}

/// What a deleted partition of that name left there would be taken for the new one's after a crash.
Result<void> OpenLogDirs::drop_from_checkpoints(const model::TopicPartition& partition) {
  for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
    LogDir& dir = dirs_[i];
    for (Checkpoint* checkpoint :
         {&dir.recovery_points, &dir.log_starts, &dir.high_watermarks, &dir.first_dirty}) {
      if (is_offline(i)) break;
      auto done = drop_from_checkpoint(files_, *checkpoint, partition);
      if (done) continue;
      note_failure(i, "writing a checkpoint", done.error());
      if (is_passing(done.error())) return done;
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
  for (auto& future : folders->futures) {
    future.log_dir = log_dir;
    futures_.push_back(std::move(future));
  }
  for (auto& folder : folders->partitions) {
    if (where_.contains(folder.partition)) {
      const auto is_better = replaces(folder, log_dir);
      if (!is_better) return fail(is_better.error());
      if (!*is_better) continue;
    }
    where_[folder.partition] = log_dir;
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

/// A partition that was found in another dir as well: true if this folder counts and the other one
/// is forgotten. A crash in the middle of a move leaves both, with the same records.
Result<bool> OpenLogDirs::replaces(const FoundFolder& folder, std::uint32_t log_dir) {
  const auto known = std::ranges::find(found_, folder.partition, &FoundPartition::partition);
  GREGOR_ASSERT(known != found_.end());
  const std::string name = model::to_string(folder.partition);
  auto chosen = choose_folder(files_, join_path(paths_[known->log_dir], name),
                              join_path(paths_[log_dir], name));
  if (!chosen) return fail(std::move(chosen.error()));
  if (!chosen->is_decided || known->topic_id != folder.topic_id) {
    return refuse(fmt::format("{} lies in two log dirs, {} and {}: remove one of them", name,
                              paths_[known->log_dir], paths_[log_dir]));
  }
  const std::uint32_t old = chosen->is_second ? known->log_dir : log_dir;
  log::warn("storage", "{} was being moved: the folder in {} counts, that in {} is put aside", name,
            paths_[chosen->is_second ? log_dir : known->log_dir], paths_[old]);
  superseded_.push_back({old, folder.partition, chosen->unique_suffix});
  if (!chosen->is_second) return false;
  epochs_.erase(folder.partition);
  found_.erase(known);
  return true;
}

Result<void> OpenLogDirs::write_meta(std::int32_t broker_id, const std::string& cluster_id) {
  MetaProperties wanted;
  wanted.broker_id = broker_id;
  wanted.cluster_id = cluster_id;
  for (const auto& dir : dirs_) {
    if (auto what = disagreement(wanted, dir)) return refuse(std::move(*what));
  }
  for (auto& dir : dirs_) {
    if (dir.health->has_failed() || (dir.meta.broker_id && dir.meta.cluster_id)) continue;
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
  request.keeps_moved_mark = has_failed();
  request.has_failed_sync = dir.has_failed_sync;
  request.recovery_point = offset_in(dir.recovery_points, found.partition);
  request.log_start = offset_in(dir.log_starts, found.partition);
  request.high_watermark = offset_in(dir.high_watermarks, found.partition);
  return load_log(files_, request);
}

/// Of those that are not offline; one that has room before one that has none.
std::optional<std::uint32_t> OpenLogDirs::emptiest_dir() const {
  std::vector<std::size_t> counts(dirs_.size());
  for (const auto& [partition, log_dir] : where_) ++counts[log_dir];
  std::optional<std::uint32_t> best;
  const auto rank = [&](std::uint32_t i) {
    return std::pair(!dirs_[i].health->has_room(), counts[i]);
  };
  for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
    if (!is_offline(i) && (!best || rank(i) < rank(*best))) best = i;
  }
  return best;
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
  LoadRequest request;
  request.partition = partition;
  request.config = std::move(config);
  request.producer_rules = producers_;
  request.topic_id = topic_id;
  for (;;) {
    const auto log_dir = emptiest_dir();
    if (!log_dir) return fail(dirs_.front().health->failure());
    auto made = create_in(*log_dir, request);
    if (made || !is_offline(*log_dir)) return made;
  }
}

/// What fails for good takes the dir offline.
Result<std::unique_ptr<LoadedLog>> OpenLogDirs::create_in(std::uint32_t log_dir,
                                                          LoadRequest request) {
  request.directory = join_path(paths_[log_dir], model::to_string(request.partition));
  request.health = dirs_[log_dir].health;
  auto made = create_log(files_, request);
  if (made) {
    where_.emplace(request.partition, log_dir);
    return made;
  }
  note_failure(log_dir, "making a partition", made.error());
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
  if (is_offline(log_dir)) return {};
  Result<void> wrote;
  if (checkpoints.with_recovery_points) {
    // These first: a start must not lie behind the end that recovery finds.
    wrote = write_checkpoint(files_, dir.recovery_points, checkpoints.recovery_points);
    if (wrote) wrote = write_checkpoint(files_, dir.log_starts, checkpoints.log_starts);
  }
  if (wrote) wrote = write_checkpoint(files_, dir.high_watermarks, checkpoints.high_watermarks);
  if (!wrote) note_failure(log_dir, "writing a checkpoint", wrote.error());
  return wrote;
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
  auto wrote = write_checkpoint(files_, checkpoint, offsets);
  if (!wrote) note_failure(log_dir->second, "writing a checkpoint", wrote.error());
  return wrote;
}

Result<void> OpenLogDirs::write_clean_shutdown_marker(std::uint32_t log_dir,
                                                      std::int64_t broker_epoch) {
  if (is_offline(log_dir)) return fail(dirs_[log_dir].health->failure());
  if (auto done = forget_failed_sync(files_, paths_[log_dir]); !done) return done;
  return replace_small_file(files_, join_path(dirs_.at(log_dir).path, names::clean_shutdown),
                            fmt::format(R"({{"version":0,"brokerEpoch":{}}})", broker_epoch));
}

Result<FolderMove> OpenLogDirs::begin_move(const model::TopicPartition& partition, std::uint32_t to,
                                           const std::string& unique_suffix, model::Uuid topic_id) {
  if (is_offline(to)) return fail(dirs_[to].health->failure());
  if (!find(partition)) {
    return fail(ErrorCode::unknown_topic_or_partition,
                fmt::format("{} is in no log dir", model::to_string(partition)));
  }
  const auto directory = join_path(paths_[to], future_folder_name(partition, unique_suffix));
  if (auto made = make_future(files_, directory, unique_suffix, topic_id); !made) {
    note_failure(to, "making the folder of a copy", made.error());
    return fail(std::move(made.error()));
  }
  return FolderMove{partition, to, directory, unique_suffix, dirs_[to].health};
}

SettledMove OpenLogDirs::settle_move(const FolderMove& move, const SettledPositions& positions) {
  const std::lock_guard<std::mutex> lock(mutex_);
  SettledMove settled;
  const auto where = where_.find(move.partition);
  GREGOR_ASSERT(where != where_.end() && where->second != move.to && is_taken_);
  const std::uint32_t from = where->second;
  for (const std::uint32_t dir : {from, move.to}) {
    if (!is_offline(dir)) continue;
    settled.done = fail(dirs_[dir].health->failure());
    return settled;
  }
  FolderSwap swap(files_, dirs_[from], dirs_[move.to], move);
  settled = swap.run(positions);
  if (!settled.done) {
    // Somebody took the folder away: that says nothing of the disk.
    if (settled.done.error().os_error == ENOENT) return settled;
    note_failure(swap.is_at_source() ? from : move.to, "moving a partition", settled.done.error());
    return settled;
  }
  where->second = move.to;
  ++generation_;
  if (auto left = swap.clean_up(); !left) {
    note_failure(swap.is_at_source() ? from : move.to, "moving a partition", left.error());
  }
  return settled;
}

Result<void> OpenLogDirs::drop_future(const std::string& path) {
  const auto parent = parent_directory(path);
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  const auto future = parse_future_folder(name);
  if (std::ranges::find(paths_, parent) == paths_.end() || !future) {
    return refuse(fmt::format("{} is not the folder of a copy", path));
  }
  const auto deleted =
      join_path(parent, deleted_folder_name(future->partition, future->unique_suffix));
  auto renamed = files_.rename(path, deleted);
  if (!renamed && renamed.error().os_error == ENOENT) return {};
  if (!renamed) return renamed;
  if (auto synced = sync_entries(files_, parent); !synced) return synced;
  return remove_folder(files_, deleted);
}

std::vector<std::string> OpenLogDirs::deleted_folders() const {
  std::vector<std::string> deleted;
  for (std::uint32_t i = 0; i < dirs_.size(); ++i) {
    if (is_offline(i)) continue;
    const std::string& path = paths_[i];
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
    if (!dir && is_broken(dir.error()) && options.paths.size() > 1) {
      LogDir offline;
      offline.path = path;
      offline.health = std::make_shared<DirHealth>();
      offline.health->fail(path, "opening it", dir.error());
      dirs.push_back(std::move(offline));
      continue;
    }
    if (!dir) return fail(std::move(dir.error()));
    dirs.push_back(std::move(*dir));
  }
  auto opened = std::make_unique<OpenLogDirs>(files, std::move(dirs), std::move(options));
  if (auto begun = opened->begin(); !begun) return fail(std::move(begun.error()));
  return opened;
}

}  // namespace gregor::storage
