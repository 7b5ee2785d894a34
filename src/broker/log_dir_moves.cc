#include "broker/log_dir_moves.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "storage/dir_health.h"
#include "storage/file_names.h"
#include "storage/log_copy.h"
#include "storage/log_move.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "moves";
// So many copies are made at a time; the disks are the limit, not the CPU.
constexpr std::size_t running_max = 2;
// What one job of the I/O pool copies.
constexpr std::uint64_t step_bytes_max = std::uint64_t{4} << 20;
// A throttled copy takes its bytes in portions of so long.
constexpr double portion_seconds = 0.2;
// So much may be missing when the log is asked to stand still, and when it does. A throttled copy
// asks when less than a second's worth is missing.
constexpr std::uint64_t missing_to_try_min = std::uint64_t{64} << 10;
constexpr std::uint64_t missing_to_try_max = std::uint64_t{4} << 20;
constexpr std::uint64_t missing_to_settle = std::uint64_t{64} << 20;
constexpr std::chrono::milliseconds nap{20};  // before it is asked again
// A throttled copy looks so often whether it has to end; what is shorter is not waited for.
constexpr std::chrono::milliseconds longest_nap{200};
constexpr std::chrono::milliseconds least_nap{1};
// How often a segment may be gone when it is to be copied, one after the other.
constexpr int vanished_max = 100;

Error cancelled() { return {ErrorCode::operation_not_attempted, "it was cancelled"}; }

}  // namespace

LogDirMoves::LogDirMoves(runtime::Shard& shard, BrokerShared& shared, storage::LogDirs& dirs,
                         LocalPartitions& partitions)
    : shard_(shard),
      shared_(shared),
      dirs_(dirs),
      partitions_(partitions),
      asks_(shard),
      changed_(shard) {}

BrokerShard& LogDirMoves::owner(const model::TopicPartition& partition) {
  const auto count = static_cast<std::uint32_t>(shared_.shards.size());
  return *shared_.shards[owner_of(partition.topic, partition.partition, count).value()];
}

runtime::Task<void> LogDirMoves::begin_anew() {
  for (const storage::FoundFuture& found : dirs_.futures()) co_await begin_one_anew(found);
}

/// What the copy holds is not known, so nothing of it is used.
runtime::Task<void> LogDirMoves::begin_one_anew(storage::FoundFuture found) {
  const std::string name = to_string(found.partition);
  BrokerShard& target = owner(found.partition);
  auto look = [&target, &found] { return look_up(target, found.partition); };
  const Hosted hosted = co_await runtime::call_on(shard_, target.shard().id(), look);
  if (!hosted.is_there && hosted.is_known) {
    log::warn(component, "{}: {} is the copy of a partition that is not here; it is left alone",
              name, found.path);
    co_return;
  }
  co_await drop_copy(found.path);
  if (!hosted.is_there || hosted.topic_id != found.topic_id) co_return;
  log::info(component, "{}: its move to {} is begun anew", name, dirs_.paths()[found.log_dir]);
  const ErrorCode error = co_await ask_in_turn(found.partition, found.log_dir);
  if (error != ErrorCode::none) {
    log::error(component, "{}: it stays where it is: error {}", name, static_cast<int>(error));
  }
}

runtime::Task<void> LogDirMoves::stop() {
  is_stopping_ = true;
  changed_.wake_all();
  co_await tasks_.join();
}

runtime::Task<LogDirMoves::Hosted> LogDirMoves::look_up(BrokerShard& shard,
                                                        model::TopicPartition partition) {
  Hosted hosted;
  const auto found = shard.find(partition.topic, partition.partition.value());
  if (found == nullptr) {
    const auto image = shard.image();
    const auto* known = image->find(partition.topic, partition.partition);
    hosted.is_known = known != nullptr;
    hosted.is_offline = known != nullptr && known->leader == shard.broker_id();
    co_return hosted;
  }
  hosted.is_there = hosted.is_known = true;
  hosted.is_offline = found->log().failure().has_value();
  hosted.topic_id = found->topic_id();
  hosted.size_bytes = found->log().size_bytes();
  co_return hosted;
}

// The order of the checks is Kafka's.
runtime::Task<ErrorCode> LogDirMoves::ask(model::TopicPartition partition, std::string path) {
  if (!storage::has_future_folder_name(partition)) co_return ErrorCode::invalid_topic_exception;
  const auto at = std::ranges::find(dirs_.paths(), path);
  if (at == dirs_.paths().end()) co_return ErrorCode::log_dir_not_found;
  const auto to = static_cast<std::uint32_t>(at - dirs_.paths().begin());
  if (dirs_.states()[to].failure) co_return ErrorCode::kafka_storage_error;
  // By hand: who asks may outlive this.
  co_await asks_.take();
  const ErrorCode error = co_await ask_in_turn(std::move(partition), to);
  asks_.pass();
  co_return error;
}

runtime::Task<ErrorCode> LogDirMoves::ask_in_turn(model::TopicPartition partition,
                                                  std::uint32_t to) {
  const auto running = moves_.find(partition);
  if (running != moves_.end() && running->second->folder.to != to) co_await cancel(partition);
  BrokerShard& target = owner(partition);
  auto look = [&target, &partition] { return look_up(target, partition); };
  const Hosted hosted = co_await runtime::call_on(shard_, target.shard().id(), look);
  if (hosted.is_offline) co_return ErrorCode::kafka_storage_error;
  if (!hosted.is_known) co_return ErrorCode::unknown_topic_or_partition;
  const auto now = dirs_.find(partition);
  if (!hosted.is_there || !now) co_return ErrorCode::replica_not_available;
  if (*now == to || moves_.contains(partition)) co_return ErrorCode::none;
  // A copy of it may lie in the dir that is offline.
  const storage::LogDirState state = dirs_.states()[to];
  const std::uint64_t wanted_bytes =
      hosted.size_bytes + static_cast<std::uint64_t>(std::max<std::int64_t>(
                              shared_.config.gregor_log_dir_reserve_bytes, 0));
  const bool has_room = state.has_room && state.space.usable_bytes > wanted_bytes;
  if (dirs_.has_failed() || !has_room || is_stopping_) {
    log::warn(component, "{}: it is not moved to {}: {}", to_string(partition), state.path,
              has_room ? "a log dir is offline" : "there is no room");
    co_return ErrorCode::kafka_storage_error;
  }
  co_return co_await begin(std::move(partition), to, hosted.topic_id);
}

runtime::Task<ErrorCode> LogDirMoves::begin(model::TopicPartition partition, std::uint32_t to,
                                            model::Uuid topic_id) {
  const std::string suffix = unique_suffix(shard_.random());
  auto make = [this, &partition, to, &suffix, &topic_id] {
    return dirs_.begin_move(partition, to, suffix, topic_id);
  };
  auto made = co_await runtime::offload(shard_, make);
  if (!made) {
    log::error(component, "{}: it can't be moved: {}", to_string(partition), made.error().detail);
    co_return made.error().code;
  }
  if (is_stopping_) co_return ErrorCode::kafka_storage_error;  // the next start finds its folder
  auto move = std::make_shared<Move>();
  move->folder = std::move(*made);
  move->topic_id = topic_id;
  log::info(component, "{}: it is moved to {}", to_string(partition), dirs_.paths()[to]);
  moves_[partition] = move;
  tasks_.spawn(run(std::move(move)));
  co_return ErrorCode::none;
}

runtime::Task<void> LogDirMoves::drop(model::TopicPartition partition) {
  co_await asks_.take();
  co_await cancel(partition);
  asks_.pass();
}

/// Ends when the move has ended, in either way.
runtime::Task<void> LogDirMoves::cancel(model::TopicPartition partition) {
  for (;;) {
    const auto running = moves_.find(partition);
    if (running == moves_.end()) co_return;
    running->second->is_cancelled = true;
    changed_.wake_all();  // it may wait for its turn
    auto waiting = changed_.wait();
    co_await waiting;
  }
}

std::vector<FutureReplica> LogDirMoves::futures() const {
  std::vector<FutureReplica> all;
  for (const auto& [partition, move] : moves_) {
    all.push_back({partition, move->folder.to, move->size_bytes, model::Offset(move->end)});
  }
  return all;
}

runtime::Task<void> LogDirMoves::drop_copy(std::string path) {
  auto remove = [this, &path] { return dirs_.drop_future(path); };
  const auto removed = co_await runtime::offload(shard_, remove);
  if (!removed) log::error(component, "{} can't be removed: {}", path, removed.error().detail);
}

runtime::Task<void> LogDirMoves::run(MovePointer move) {
  while (running_ >= running_max && !is_over(*move)) {
    auto waiting = changed_.wait();
    co_await waiting;
  }
  running_count_ = static_cast<std::int64_t>(++running_);
  const model::TopicPartition partition = move->folder.partition;
  const runtime::Instant began = shard_.clock().now();
  BrokerShard& target = owner(partition);
  auto work = [this, &target, &move] { return copy_on(target, move); };
  Ended ended = co_await runtime::call_on(shard_, target.shard().id(), work);
  const std::string name = to_string(partition);
  const std::chrono::duration<double> took = shard_.clock().now() - began;
  if (ended.done) {
    partitions_.note_retired(std::move(ended.retired));
    log::info(component, "{}: it is in {} now: {} bytes in {:.1f} s", name,
              dirs_.paths()[move->folder.to], ended.size_bytes, took.count());
  } else if (ended.done.error().code != ErrorCode::operation_not_attempted) {
    log::error(component, "{}: it could not be moved to {}: {}", name,
               dirs_.paths()[move->folder.to], ended.done.error().detail);
  } else {
    log::info(component, "{}: its move to {} ends: {}", name, dirs_.paths()[move->folder.to],
              ended.done.error().detail);
  }
  if (!ended.done && !ended.keeps_copy) co_await drop_copy(move->folder.directory);
  moves_.erase(partition);
  running_count_ = static_cast<std::int64_t>(--running_);
  changed_.wake_all();
}

/// On the shard that owns the log. The partition stays the same object in its new place.
runtime::Task<LogDirMoves::Ended> LogDirMoves::copy_on(BrokerShard& shard, MovePointer move) {
  const storage::FolderMove& folder = move->folder;
  runtime::Shard& here = shard.shard();
  storage::LogCopy copy(here.file_system(), folder.directory, folder.health);
  Ended ended;
  const auto end_with = [&ended](Error error) {
    ended.done = tl::unexpected<Error>(std::move(error));
    return std::move(ended);
  };
  for (int vanished = 0;;) {
    const auto partition = shard.find(folder.partition.topic, folder.partition.partition.value());
    ended.keeps_copy = is_stopping_ && !move->is_cancelled;
    const bool is_gone = partition == nullptr || partition->topic_id() != move->topic_id;
    if (is_gone || is_over(*move)) co_return end_with(cancelled());
    if (folder.health->has_failed()) co_return end_with(folder.health->failure());
    storage::PartitionLog& log = partition->log();
    const auto extent = co_await log.extent();
    if (!extent) co_return end_with(extent.error());
    const std::uint64_t missing = copy.missing_bytes(*extent);
    const Pace pace = pace_of(shard);
    if (missing <= pace.missing_to_try) {
      storage::RelocationWork settle_it = [this, &copy, &folder](const storage::FrozenLog& frozen) {
        return storage::complete_move(dirs_, copy, folder, frozen, missing_to_settle);
      };
      auto relocating = log.relocate(std::move(settle_it));
      auto relocation = co_await std::move(relocating);
      if (relocation && relocation->is_halfway) ended.keeps_copy = true;
      if (relocation && !relocation->done) co_return end_with(relocation->done.error());
      if (relocation) {
        ended.retired = std::move(relocation->retired);
        ended.size_bytes = copy.size_bytes();
        co_return ended;
      }
      const Error& error = relocation.error();
      if (error.code != ErrorCode::operation_not_attempted) co_return end_with(error);
      co_await runtime::sleep_until(here, here.clock().now() + nap);
    }
    auto some = [&copy, &extent, &pace] { return copy.step(*extent, pace.portion); };
    auto copied = co_await runtime::offload(here, some);
    const bool has_vanished = !copied && copied.error().os_error == ENOENT;
    if (!copied && (!has_vanished || ++vanished > vanished_max)) co_return end_with(copied.error());
    if (!copied) continue;
    vanished = 0;
    move->size_bytes = copy.size_bytes();
    move->end = copy.end().value();
    co_await throttle(shard, *move, copied->bytes);
  }
}

LogDirMoves::Pace LogDirMoves::pace_of(BrokerShard& shard) const {
  const std::int64_t limit = shard.config().replica_alter_log_dirs_io_max_bytes_per_second;
  const std::int64_t sharers = std::max<std::int64_t>(running_count_, 1);
  Pace pace;
  pace.bytes_per_second = static_cast<double>(std::max<std::int64_t>(limit / sharers, 1));
  const auto within = [&pace](double seconds, std::uint64_t least, std::uint64_t most) {
    const double bytes = std::min(pace.bytes_per_second * seconds, static_cast<double>(most));
    return std::max(static_cast<std::uint64_t>(bytes), least);
  };
  pace.portion = within(portion_seconds, 1, step_bytes_max);
  pace.missing_to_try = within(1, missing_to_try_min, missing_to_try_max);
  return pace;
}

/// Waits as long as `bytes` may take.
runtime::Task<void> LogDirMoves::throttle(BrokerShard& shard, const Move& move,
                                          std::uint64_t bytes) {
  runtime::Shard& here = shard.shard();
  std::chrono::duration<double> left(static_cast<double>(bytes) / pace_of(shard).bytes_per_second);
  while (left > least_nap && !is_over(move)) {
    const auto nap = std::chrono::duration_cast<runtime::Duration>(
        std::min<std::chrono::duration<double>>(left, longest_nap));
    co_await runtime::sleep_until(here, here.clock().now() + nap);
    left -= nap;
  }
}

}  // namespace gregor::broker
