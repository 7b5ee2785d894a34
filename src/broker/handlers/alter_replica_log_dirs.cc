#include "broker/handlers/alter_replica_log_dirs.h"

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "broker/log_dir_moves.h"

namespace gregor::broker {
namespace {

using Request = protocol::AlterReplicaLogDirsRequest;
using Response = protocol::AlterReplicaLogDirsResponse;

struct Part {
  std::string_view topic;
  std::int32_t index = 0;
  std::string_view path;
  ErrorCode error = ErrorCode::none;
};

// The same partition twice: the last one counts, at the first place.
std::vector<Part> parts_of(const Request& request) {
  std::vector<Part> parts;
  std::map<std::pair<std::string_view, std::int32_t>, std::size_t> places;
  for (const auto& dir : request.dirs) {
    for (const auto& topic : dir.topics) {
      for (const std::int32_t index : topic.partitions) {
        const auto [at, is_new] = places.try_emplace({topic.name, index}, parts.size());
        if (is_new) parts.push_back({topic.name, index, {}, ErrorCode::none});
        parts[at->second].path = dir.path;
      }
    }
  }
  return parts;
}

runtime::Task<void> ask_all(BrokerShard& shard, std::vector<Part>& parts) {
  for (Part& part : parts) {
    model::TopicPartition partition{std::string(part.topic), model::PartitionIndex(part.index)};
    part.error = co_await shard.log_dir_moves().ask(std::move(partition), std::string(part.path));
  }
}

}  // namespace

runtime::Task<protocol::AlterReplicaLogDirsResponse> AlterReplicaLogDirsHandler::handle(
    RequestContext& context, protocol::AlterReplicaLogDirsRequest request) {
  std::vector<Part> parts = parts_of(request);
  BrokerShard& home = context.shard;
  if (!authorize(context, Action::alter, ResourceType::cluster, "kafka-cluster")) {
    for (Part& part : parts) part.error = ErrorCode::cluster_authorization_failed;
  } else if (!parts.empty()) {
    auto ask = [&home, &parts] { return ask_all(home, parts); };
    co_await runtime::call_on(home.shard(), runtime::ShardId(0), ask);
  }
  Response answer;
  std::map<std::string_view, std::size_t> rows;
  for (const Part& part : parts) {
    const auto [at, is_new] = rows.try_emplace(part.topic, answer.results.size());
    if (is_new) answer.results.emplace_back().topic_name = part.topic;
    answer.results[at->second].partitions.push_back({part.index, part.error});
  }
  co_return answer;
}

}  // namespace gregor::broker
