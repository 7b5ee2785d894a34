// A simulated machine for the tests here: logs on its disk, crashes of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/simulated/world.h"
#include "storage/log_dirs.h"
#include "storage/test_support.h"

namespace gregor::storage::test {

namespace sim = runtime::simulated;

/// One node with one shard and the log dirs "/data" (or several), in which one partition is used.
class SimulatedHost {
 public:
  explicit SimulatedHost(const sim::WorldOptions& options = {},
                         std::vector<std::string> paths = {"/data"})
      : world_(options), node_(world_.add_node("broker")), paths_(std::move(paths)) {
    node_.boot(1);
  }
  ~SimulatedHost() { end(); }
  SimulatedHost(const SimulatedHost&) = delete;
  SimulatedHost& operator=(const SimulatedHost&) = delete;

  [[nodiscard]] sim::World& world() { return world_; }
  [[nodiscard]] sim::Node& node() { return node_; }
  [[nodiscard]] sim::Disk& disk() { return node_.disk(); }
  [[nodiscard]] runtime::Shard& shard() { return node_.shard(0); }
  /// The disk without faults and counts, also while the machine is down.
  [[nodiscard]] runtime::FileSystem& files() { return node_.outside_files(); }
  [[nodiscard]] LogDirs& dirs() { return *dirs_; }
  [[nodiscard]] PartitionLog& log() { return *log_; }
  [[nodiscard]] bool has_log() const { return log_ != nullptr; }
  /// What loading found, without the open files.
  [[nodiscard]] const LoadedLog& loaded() const { return loaded_; }
  [[nodiscard]] DirHealth& dirs_health() { return *loaded_.health; }

  /// Nothing if the machine crashed meanwhile.
  template <class T>
  std::optional<T> try_wait(runtime::Task<T> task) {
    return world_.run_task(shard(), std::move(task));
  }
  template <class T>
  T wait(runtime::Task<T> task) {
    auto value = try_wait(std::move(task));
    GREGOR_ASSERT(value.has_value());
    return std::move(*value);
  }
  /// Starts a task whose result is kept in `out` once it is there.
  template <class T>
  void start(runtime::Task<T> task, std::optional<T>* out) {
    shard().message_tasks().spawn(keep_value(std::move(task), out));
  }
  void settle(runtime::Duration time = std::chrono::seconds(5)) { world_.run_for(time); }

  [[nodiscard]] static model::TopicPartition partition() { return {"t", model::PartitionIndex(0)}; }

  void set_producer_rules(std::shared_ptr<ProducerRules> rules) {
    producer_rules_ = std::move(rules);
  }
  void limit_open_segments(std::shared_ptr<OpenSegments> limit) {
    open_segments_ = std::move(limit);
  }
  /// Opens the log dirs and loads the partition, which is made if it is not there.
  [[nodiscard]] Result<void> open(std::shared_ptr<const config::TopicConfig> config) {
    auto dirs = LogDirs::open(node_.file_system(), {paths_, 1, producer_rules_});
    if (!dirs) return fail(std::move(dirs.error()));
    dirs_ = std::move(*dirs);
    if (auto taken = dirs_->take(); !taken) return taken;
    auto loaded =
        dirs_->partitions().empty()
            ? dirs_->create(partition(), *model::Uuid::parse("AAAAAAAAAAAAAAAAAAAAAQ"), config)
            : dirs_->load(dirs_->partitions().front(), config);
    if (!loaded) return fail(std::move(loaded.error()));
    loaded_ = **loaded;
    loaded_.last.reset();  // a copy would keep the files open
    (*loaded)->open_segments = open_segments_;
    log_ = std::make_unique<PartitionLog>(shard(), std::move(**loaded));
    return {};
  }
  [[nodiscard]] Result<void> write_checkpoints() {
    DirCheckpoints checkpoints;
    checkpoints.recovery_points[partition()] = log_->recovery_point();
    checkpoints.high_watermarks[partition()] = log_->high_watermark();
    if (log_->log_start() > log_->first_base())
      checkpoints.log_starts[partition()] = log_->log_start();
    return dirs_->write_checkpoints(*dirs_->find(partition()), checkpoints);
  }
  /// A clean stop of the process.
  void stop() {
    const auto closed = wait(log_->close());
    EXPECT_TRUE(closed.has_value()) << closed.error().detail;
    EXPECT_TRUE(write_checkpoints().has_value());
    for (std::uint32_t i = 0; i < paths_.size(); ++i) {
      EXPECT_TRUE(dirs_->write_clean_shutdown_marker(i, 1).has_value());
    }
    restart();
  }
  /// The process or the machine ends now; a new life begins.
  void crash(sim::CrashKind kind) {
    node_.crash(kind);
    restart();
  }
  void restart() {
    end();
    node_.boot(1);
  }

  [[nodiscard]] AppendResult<AppendInfo> append(Bytes batch, std::int32_t epoch = 0) {
    return wait(log_->append(batch, model::LeaderEpoch(epoch)));
  }
  /// All bytes from `from` to `end`, read as a consumer would.
  [[nodiscard]] Result<Bytes> read_all(model::Offset from, model::Offset end,
                                       std::uint64_t bytes_max = 1 << 20) {
    Bytes all;
    while (from < end) {
      const auto answer = try_wait(log_->read({from, end, bytes_max, true}));
      if (!answer) return fail(ErrorCode::kafka_storage_error, "the machine crashed");
      const auto& read = *answer;
      if (!read) return fail(read.error());
      if (read->slices.empty()) break;
      Bytes bytes;
      for (const auto& slice : read->slices) {
        Bytes part(slice.size);
        const auto got = slice.file->read_at(slice.position, part);
        if (!got) return fail(got.error());
        GREGOR_ASSERT(*got == part.size());
        append_to(bytes, part);
      }
      model::BatchCursor cursor(bytes);
      for (;;) {
        const auto batch = cursor.next();
        if (!batch) return fail(batch.error());
        if (!*batch) break;
        append_to(all, (*batch)->bytes());
        from = (*batch)->next_offset();
      }
    }
    return all;
  }
  [[nodiscard]] std::string segment_path(std::int64_t base, const std::string& suffix) const {
    return log_folder() + "/" + std::string(20 - std::to_string(base).size(), '0') +
           std::to_string(base) + suffix;
  }
  [[nodiscard]] std::string log_folder() const { return paths_.front() + "/t-0"; }

 private:
  void end() {
    if (node_.is_up()) node_.crash(sim::CrashKind::kill);
    node_.drop_work();
    log_.reset();
    dirs_.reset();
    node_.destroy_shards();
  }

  sim::World world_;
  sim::Node& node_;
  const std::vector<std::string> paths_;
  std::shared_ptr<ProducerRules> producer_rules_;
  std::shared_ptr<OpenSegments> open_segments_;
  std::unique_ptr<LogDirs> dirs_;
  std::unique_ptr<PartitionLog> log_;
  LoadedLog loaded_;
};

inline std::shared_ptr<config::TopicConfig> small_config() {
  auto config = std::make_shared<config::TopicConfig>();
  config->segment_bytes = 2000;
  config->index_interval_bytes = 200;
  return config;
}

}  // namespace gregor::storage::test
