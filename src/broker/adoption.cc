#include "broker/adoption.h"

#include <fmt/format.h>

#include <map>

#include "broker/store_calls.h"
#include "znode/path.h"
#include "znode/topic_node.h"

namespace gregor::broker {
namespace {

using metadata::StoreResult;
using runtime::Task;

struct Topic {
  std::optional<model::Uuid> id;
  std::map<model::PartitionIndex, model::LeaderEpoch> last_epochs;
};

Result<std::map<std::string, Topic>> collect(const std::vector<AdoptedPartition>& partitions) {
  std::map<std::string, Topic> topics;
  for (const auto& found : partitions) {
    auto& topic = topics[found.partition.topic];
    if (topic.id && found.topic_id && *topic.id != *found.topic_id) {
      return fail(
          ErrorCode::inconsistent_topic_id,
          fmt::format("the folders of topic {} have different topic ids", found.partition.topic));
    }
    if (found.topic_id) topic.id = found.topic_id;
    if (!topic.last_epochs.emplace(found.partition.partition, found.last_epoch).second) {
      return fail(ErrorCode::invalid_partitions,
                  fmt::format("{} is in more than one log dir", model::to_string(found.partition)));
    }
  }
  for (const auto& [name, topic] : topics) {
    std::int32_t expected = 0;
    for (const auto& [index, epoch] : topic.last_epochs) {
      if (index.value() != expected++) {
        return fail(ErrorCode::invalid_partitions,
                    fmt::format("topic {} has no folder for partition {}", name, expected - 1));
      }
    }
  }
  return topics;
}

void add_nodes(const std::string& name, const Topic& topic, model::BrokerId broker, model::Uuid id,
               std::vector<znode::op::Create>& nodes) {
  const auto add = [&nodes](std::string path, std::string data) {
    nodes.push_back({std::move(path), std::move(data), znode::CreateMode::persistent});
  };
  znode::TopicAssignment assignment;
  assignment.topic_id = id;
  for (const auto& [index, epoch] : topic.last_epochs) assignment.partitions[index] = {broker};
  add(znode::path::topic_config(name), znode::encode_configs({}));
  add(znode::path::topic(name), znode::encode(assignment));
  add(znode::path::partitions(name), "");
  for (const auto& [index, epoch] : topic.last_epochs) {
    znode::PartitionState state;
    state.leader = broker;
    state.leader_epoch = epoch + 1;
    state.isr = {broker};
    add(znode::path::partition(name, index), "");
    add(znode::path::partition_state(name, index), znode::encode(state));
  }
}

Task<StoreResult<void>> create_all_once(metadata::Store& store,
                                        const std::vector<znode::op::Create>& nodes) {
  std::vector<Task<StoreResult<znode::OperationResult>>> asked;
  asked.reserve(nodes.size());
  for (const auto& node : nodes) asked.push_back(store.create(node));
  StoreResult<void> outcome;
  for (auto& task : asked) {
    auto made = co_await std::move(task);
    if (made || is(made.error(), znode::StoreError::node_exists) || !outcome) continue;
    outcome = tl::unexpected<metadata::StoreFailure>(std::move(made.error()));
  }
  co_return outcome;
}

}  // namespace

Task<Result<void>> adopt(runtime::Shard& shard, metadata::Store& store, model::BrokerId broker,
                         std::vector<AdoptedPartition> partitions) {
  const auto topics = collect(partitions);
  if (!topics) co_return fail(topics.error());
  std::vector<znode::op::Create> nodes;
  for (const auto& [name, topic] : *topics) {
    const auto id = topic.id ? *topic.id : model::Uuid::make(shard.random());
    add_nodes(name, topic, broker, id, nodes);
  }
  auto ask = [&store, &nodes] { return create_all_once(store, nodes); };
  auto made = co_await again_while_unknown(shard, std::move(ask));
  if (!made) co_return fail(to_error(made.error(), "registering found partitions"));
  co_return Result<void>{};
}

}  // namespace gregor::broker
