#include "broker/handlers/describe_log_dirs.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/log_dir_moves.h"

namespace gregor::broker {
namespace {

using Request = protocol::DescribeLogDirsRequest;
using Response = protocol::DescribeLogDirsResponse;

struct Log {
  model::TopicPartition partition;
  std::string dir;
  std::uint64_t size_bytes = 0;
  model::Offset start;
  model::Offset end;
};

/// A partition, or the copy of one that is moved.
struct Shown {
  std::uint64_t size_bytes = 0;
  std::int64_t offset_lag = 0;
  bool is_future = false;
};

runtime::Task<std::vector<Log>> logs_of(BrokerShard& shard) {
  std::vector<Log> logs;
  for (const auto& partition : shard.all()) {
    const storage::PartitionLog& log = partition->log();
    std::string dir = log.directory().substr(0, log.directory().rfind('/'));
    logs.push_back(
        {log.partition(), std::move(dir), log.size_bytes(), log.log_start(), log.log_end()});
  }
  co_return logs;
}

/// The partitions that are asked for.
class Filter {
 public:
  explicit Filter(const Request& request) {
    if (!request.topics) return;
    auto& wanted = wanted_.emplace();
    for (const auto& topic : *request.topics) {
      for (const std::int32_t index : topic.partitions) wanted.emplace(topic.topic, index);
    }
  }
  [[nodiscard]] bool wants(const model::TopicPartition& partition) const {
    return !wanted_ || wanted_->contains({partition.topic, partition.partition.value()});
  }

 private:
  std::optional<std::set<std::pair<std::string_view, std::int32_t>>> wanted_;  // nullopt = all
};

/// By dir, then by topic.
using Contents = std::map<std::string, std::map<std::string, std::map<std::int32_t, Shown>>>;

runtime::Task<std::vector<FutureReplica>> futures_of(BrokerShard& shard) {
  co_return shard.log_dir_moves().futures();
}

runtime::Task<Contents> contents_of(BrokerShard& home, const Filter& filter) {
  Contents contents;
  auto ask_moves = [&home] { return futures_of(home); };
  std::map<model::TopicPartition, FutureReplica> futures;
  for (auto& future : co_await runtime::call_on(home.shard(), runtime::ShardId(0), ask_moves))
    futures.emplace(future.partition, future);
  for (std::uint32_t i = 0; i < home.shard().count(); ++i) {
    const runtime::ShardId id(i);
    BrokerShard* target = &home.peer(id);
    auto ask = [target] { return logs_of(*target); };
    for (const Log& log : co_await runtime::call_on(home.shard(), id, ask)) {
      if (!filter.wants(log.partition)) continue;
      const std::int32_t index = log.partition.partition.value();
      contents[log.dir][log.partition.topic][index] = {log.size_bytes, 0, false};
      const auto future = futures.find(log.partition);
      if (future == futures.end()) continue;
      const std::string& dir = home.log_dirs().paths().at(future->second.log_dir);
      if (dir == log.dir) continue;  // it has just arrived
      const std::int64_t lag = log.end - std::max(future->second.end, log.start);
      contents[dir][log.partition.topic][index] = {future->second.size_bytes,
                                                   std::max<std::int64_t>(lag, 0), true};
    }
  }
  co_return contents;
}

}  // namespace

runtime::Task<protocol::DescribeLogDirsResponse> DescribeLogDirsHandler::handle(
    RequestContext& context, protocol::DescribeLogDirsRequest request) {
  Response answer;
  if (!authorize(context, Action::describe, ResourceType::cluster, "kafka-cluster")) {
    answer.error_code = ErrorCode::cluster_authorization_failed;
    co_return answer;
  }
  BrokerShard& home = context.shard;
  const Filter filter(request);
  const Contents contents = co_await contents_of(home, filter);
  storage::LogDirs& dirs = home.log_dirs();
  auto measure = [&dirs] {
    dirs.measure_room();
    return dirs.states();
  };
  const auto states = co_await runtime::offload(home.shard(), measure);
  for (const storage::LogDirState& state : states) {
    Response::DescribeLogDirsResult row;
    row.log_dir = context.keep(state.path);
    if (state.failure) {
      row.error_code = ErrorCode::kafka_storage_error;
      answer.results.push_back(std::move(row));
      continue;
    }
    row.total_bytes = static_cast<std::int64_t>(state.space.total_bytes);
    row.usable_bytes = static_cast<std::int64_t>(state.space.usable_bytes);
    const auto there = contents.find(state.path);
    if (there != contents.end()) {
      for (const auto& [topic, partitions] : there->second) {
        auto& topic_row = row.topics.emplace_back();
        topic_row.name = context.keep(topic);
        for (const auto& [index, shown] : partitions) {
          topic_row.partitions.push_back({index, static_cast<std::int64_t>(shown.size_bytes),
                                          shown.offset_lag, shown.is_future});
        }
      }
    }
    answer.results.push_back(std::move(row));
  }
  co_return answer;
}

}  // namespace gregor::broker
