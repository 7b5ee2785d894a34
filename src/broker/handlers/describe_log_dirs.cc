#include "broker/handlers/describe_log_dirs.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"

namespace gregor::broker {
namespace {

using Request = protocol::DescribeLogDirsRequest;
using Response = protocol::DescribeLogDirsResponse;

struct Log {
  model::TopicPartition partition;
  std::string dir;
  std::uint64_t size_bytes = 0;
};

runtime::Task<std::vector<Log>> logs_of(BrokerShard& shard) {
  std::vector<Log> logs;
  for (const auto& partition : shard.all()) {
    const storage::PartitionLog& log = partition->log();
    std::string dir = log.directory().substr(0, log.directory().rfind('/'));
    logs.push_back({log.partition(), std::move(dir), log.size_bytes()});
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
using Sizes = std::map<std::string, std::map<std::string, std::map<std::int32_t, std::uint64_t>>>;

runtime::Task<Sizes> sizes_of(BrokerShard& home, const Filter& filter) {
  Sizes sizes;
  for (std::uint32_t i = 0; i < home.shard().count(); ++i) {
    const runtime::ShardId id(i);
    BrokerShard* target = &home.peer(id);
    auto ask = [target] { return logs_of(*target); };
    for (const Log& log : co_await runtime::call_on(home.shard(), id, ask)) {
      if (filter.wants(log.partition))
        sizes[log.dir][log.partition.topic][log.partition.partition.value()] = log.size_bytes;
    }
  }
  co_return sizes;
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
  const Sizes sizes = co_await sizes_of(home, filter);
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
    const auto there = sizes.find(state.path);
    if (there != sizes.end()) {
      for (const auto& [topic, partitions] : there->second) {
        auto& topic_row = row.topics.emplace_back();
        topic_row.name = context.keep(topic);
        for (const auto& [index, size] : partitions)
          topic_row.partitions.push_back({index, static_cast<std::int64_t>(size), 0, false});
      }
    }
    answer.results.push_back(std::move(row));
  }
  co_return answer;
}

}  // namespace gregor::broker
