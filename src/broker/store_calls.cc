#include "broker/store_calls.h"

#include <fmt/format.h>

#include <charconv>

#include "base/log.h"
#include "znode/cluster_node.h"
#include "znode/path.h"
#include "znode/topic_node.h"

namespace gregor::broker {
namespace {

using metadata::NodeChildren;
using metadata::NodeData;
using metadata::Store;
using metadata::StoreFailure;
using metadata::StoreResult;
using metadata::Watch;
using runtime::Task;
using znode::CreateMode;
using znode::OperationResult;
using znode::StoreError;

std::vector<znode::Operation> list(std::initializer_list<znode::Operation> operations) {
  return operations;
}

znode::op::Create persistent(std::string path, std::string data = "") {
  return {std::move(path), std::move(data), CreateMode::persistent};
}

struct BaseNodes {
  NodeData cluster_id;
  std::optional<NodeData> controller_epoch;
  std::size_t topics = 0;
};

// One try; what is there already is left.
Task<StoreResult<BaseNodes>> make_base_once(Store& store, std::string cluster_id_if_new) {
  std::vector<Task<StoreResult<OperationResult>>> asked;
  for (const auto path : znode::path::made_by_every_broker) {
    asked.push_back(store.create(persistent(std::string(path))));
  }
  asked.push_back(store.create(persistent(std::string(znode::path::cluster))));
  asked.push_back(store.create(persistent(std::string(znode::path::cluster_id),
                                          znode::encode_cluster_id(cluster_id_if_new))));
  auto id_task = store.get(std::string(znode::path::cluster_id), Watch::no);
  auto epoch_task = store.get(std::string(znode::path::controller_epoch), Watch::no);
  auto topics_task = store.children(std::string(znode::path::broker_topics), Watch::no);
  for (auto& each : asked) {
    auto made = co_await std::move(each);
    if (!made && !is(made.error(), StoreError::node_exists)) {
      co_return tl::unexpected<StoreFailure>(std::move(made.error()));
    }
  }
  auto id = co_await std::move(id_task);
  auto epoch = co_await std::move(epoch_task);
  auto topics = co_await std::move(topics_task);
  if (!id) co_return tl::unexpected<StoreFailure>(std::move(id.error()));
  if (!topics) co_return tl::unexpected<StoreFailure>(std::move(topics.error()));
  BaseNodes nodes;
  nodes.cluster_id = std::move(*id);
  nodes.topics = topics->names.size();
  if (epoch) {
    nodes.controller_epoch = std::move(*epoch);
  } else if (!is(epoch.error(), StoreError::no_node)) {
    co_return tl::unexpected<StoreFailure>(std::move(epoch.error()));
  }
  co_return nodes;
}

bool same_endpoints(const znode::BrokerRegistration& registration, const NodeData& node,
                    const std::string& path) {
  const auto other = znode::decode_broker(path, node.data);
  return other && other->endpoints == registration.endpoints;
}

// The end of a call whose outcome stayed unknown; `last` says why (a full disk, say).
tl::unexpected<Error> gave_up(const StoreFailure& last, std::string_view doing) {
  return fail(ErrorCode::request_timed_out,
              fmt::format("{}: gave up after {} tries: {}", doing, store_tries, last.detail));
}

}  // namespace

Error to_error(const StoreFailure& failure, std::string_view doing) {
  ErrorCode code = ErrorCode::unknown_server_error;
  if (failure.error == StoreError::too_large) code = ErrorCode::invalid_request;
  if (failure.error == StoreError::unknown) code = ErrorCode::request_timed_out;
  return {code, fmt::format("{}: {} ({})", doing, znode::name(failure.error), failure.detail), 0};
}

Task<Result<StoreBase>> make_base(runtime::Shard& shard, Store& store,
                                  std::string cluster_id_if_new) {
  auto ask = [&store, &cluster_id_if_new] { return make_base_once(store, cluster_id_if_new); };
  auto nodes = co_await again_while_unknown(shard, std::move(ask));
  if (!nodes) co_return fail(to_error(nodes.error(), "making the paths of the metadata store"));
  auto id = znode::decode_cluster_id(znode::path::cluster_id, nodes->cluster_id.data);
  if (!id) co_return fail(id.error());
  StoreBase base{std::move(*id), std::move(nodes->controller_epoch), nodes->topics};
  co_return base;
}

Task<std::optional<Office>> take_office(runtime::Shard& shard, Store& store, model::BrokerId id,
                                        const znode::BrokerRegistration& registration,
                                        std::optional<NodeData> controller_epoch) {
  const std::string epoch_path(znode::path::controller_epoch);
  const auto path = znode::path::broker_id(id);
  Office office{-1, {model::ControllerEpoch(1), 1}};
  std::vector<znode::Operation> operations;
  operations.emplace_back(znode::op::Create{path, "", CreateMode::ephemeral});
  operations.emplace_back(znode::op::Set{path, znode::encode(registration), 0});
  if (controller_epoch) {
    const auto epoch = znode::decode_controller_epoch(epoch_path, controller_epoch->data);
    if (!epoch) co_return std::nullopt;
    office.election = {*epoch + 1, controller_epoch->stat.version + 1};
  } else {
    auto zero = znode::encode_controller_epoch(model::ControllerEpoch(0));
    operations.emplace_back(persistent(epoch_path, std::move(zero)));
  }
  auto node = znode::encode(znode::ControllerNode{id, shard.clock().wall_ms()});
  operations.emplace_back(znode::op::Create{std::string(znode::path::controller), std::move(node),
                                            CreateMode::ephemeral});
  operations.emplace_back(znode::op::Set{epoch_path,
                                         znode::encode_controller_epoch(office.election.epoch),
                                         office.election.epoch_version - 1});
  auto done = co_await store.multi(std::move(operations));
  if (!done) co_return std::nullopt;
  office.broker_epoch = done->front().stat.czxid;
  co_return office;
}

Task<Result<std::int64_t>> register_broker(runtime::Shard& shard, Store& store, model::BrokerId id,
                                           znode::BrokerRegistration registration) {
  const auto path = znode::path::broker_id(id);
  const auto data = znode::encode(registration);
  const auto ours =
      list({znode::op::Create{path, "", CreateMode::ephemeral}, znode::op::Set{path, data, 0}});
  StoreFailure last;
  for (int tries = 0; tries < store_tries; ++tries) {
    auto made = co_await store.multi(ours);
    if (made) co_return made->front().stat.czxid;
    if (!is(made.error(), StoreError::node_exists) && !is(made.error(), StoreError::unknown)) {
      co_return fail(to_error(made.error(), "registering the broker"));
    }
    last = std::move(made.error());
    auto there = co_await store.get(path, Watch::no);
    if (there && there->stat.ephemeral_owner == store.session_id()) co_return there->stat.czxid;
    if (there && !same_endpoints(registration, *there, path)) {
      co_return fail(
          ErrorCode::duplicate_broker_registration,
          fmt::format("broker id {} is registered by another broker: {}", id.value(), there->data));
    }
    if (there) {  // of a run of ours that is over: this process holds its ports and log dirs
      znode::op::Delete remove{path, there->stat.version};
      auto removed = co_await store.remove(std::move(remove));
      if (!removed)
        log::warn("controller", "removing an old registration: {}", removed.error().detail);
    } else if (!is(there.error(), StoreError::no_node)) {
      co_await pause(shard);
    }
  }
  co_return gave_up(last, "registering the broker in the metadata store");
}

namespace {

enum class ElectionTry { again, lost };

// Somebody else is, or may be, the controller. A node that an earlier session of this broker left
// behind is removed.
Task<Result<ElectionTry>> look_at_controller(runtime::Shard& shard, Store& store,
                                             model::BrokerId id, std::int32_t epoch_version) {
  const std::string path(znode::path::controller);
  auto there = co_await store.get(path, Watch::no);
  if (!there) {
    if (!is(there.error(), StoreError::no_node)) co_await pause(shard);
    co_return ElectionTry::again;
  }
  const auto node = znode::decode_controller(path, there->data);
  if (!node) co_return fail(node.error());
  if (node->broker != id) {
    co_return fail(ErrorCode::not_controller,
                   fmt::format("broker {} is the controller", node->broker.value()));
  }
  auto operations =
      list({znode::op::Check{std::string(znode::path::controller_epoch), epoch_version},
            znode::op::Delete{path, there->stat.version}});
  auto removed = co_await store.multi(std::move(operations));
  if (!removed)
    log::warn("controller", "removing an old controller node: {}", removed.error().detail);
  co_return ElectionTry::again;
}

}  // namespace

Task<Result<Election>> elect_controller(runtime::Shard& shard, Store& store, model::BrokerId id) {
  const std::string epoch_path(znode::path::controller_epoch);
  StoreFailure last;
  for (int tries = 0; tries < store_tries; ++tries) {
    auto read = co_await store.get(epoch_path, Watch::no);
    if (!read && is(read.error(), StoreError::no_node)) {
      auto first =
          persistent(epoch_path, znode::encode_controller_epoch(model::ControllerEpoch(0)));
      auto made = co_await store.create(std::move(first));
      if (!made) last = std::move(made.error());
      if (!made && is(last, StoreError::unknown)) co_await pause(shard);
      continue;
    }
    if (!read) {
      if (!is(read.error(), StoreError::unknown))
        co_return fail(to_error(read.error(), "reading the controller epoch"));
      last = std::move(read.error());
      co_await pause(shard);
      continue;
    }
    const auto epoch = znode::decode_controller_epoch(epoch_path, read->data);
    if (!epoch) co_return fail(epoch.error());
    const Election won{*epoch + 1, read->stat.version + 1};
    const auto node = znode::encode(znode::ControllerNode{id, shard.clock().wall_ms()});
    auto operations =
        list({znode::op::Create{std::string(znode::path::controller), node, CreateMode::ephemeral},
              znode::op::Set{epoch_path, znode::encode_controller_epoch(won.epoch),
                             read->stat.version}});
    auto done = co_await store.multi(std::move(operations));
    if (done) co_return won;
    last = std::move(done.error());
    // Also after `unknown`: a node of ours is removed and the election is held again, which costs
    // only an epoch.
    auto looked = co_await look_at_controller(shard, store, id, won.epoch_version - 1);
    if (!looked) co_return fail(looked.error());
  }
  co_return gave_up(last, "electing a controller");
}

Task<StoreResult<std::map<model::BrokerId, model::BrokerImage>>> read_brokers(Store& store) {
  auto listed = co_await store.children(std::string(znode::path::broker_ids), Watch::yes);
  if (!listed) co_return tl::unexpected<StoreFailure>(std::move(listed.error()));
  std::vector<std::pair<model::BrokerId, Task<StoreResult<NodeData>>>> asked;
  for (const auto& name : listed->names) {
    std::int32_t id = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), id);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    asked.emplace_back(model::BrokerId(id),
                       store.get(znode::path::broker_id(model::BrokerId(id)), Watch::yes));
  }
  std::map<model::BrokerId, model::BrokerImage> brokers;
  for (auto& [id, task] : asked) {
    auto node = co_await std::move(task);
    if (!node && is(node.error(), StoreError::no_node)) continue;
    if (!node) co_return tl::unexpected<StoreFailure>(std::move(node.error()));
    auto registration = znode::decode_broker(znode::path::broker_id(id), node->data);
    if (!registration) {
      log::error("controller", "a broker is left out: {}", registration.error().detail);
      continue;
    }
    brokers[id] = {id, node->stat.czxid, std::move(registration->endpoints),
                   std::move(registration->rack)};
  }
  co_return brokers;
}

namespace {

/// What is asked for one topic.
struct TopicReads {
  std::string name;
  Task<StoreResult<NodeData>> node;
  Task<StoreResult<NodeData>> configs;
  std::map<model::PartitionIndex, Task<StoreResult<NodeData>>> states;
  controller::LoadedTopic loaded;
  bool left_out = false;
};

// Topics of Kafka before 2.8 have no id: they get one now, as Kafka's controller does.
Task<StoreResult<void>> give_id(runtime::Shard& shard, Store& store, std::string name,
                                NodeData node, znode::TopicAssignment assignment) {
  assignment.topic_id = model::Uuid::make(shard.random());
  znode::op::Set set{znode::path::topic(name), znode::encode(assignment), node.stat.version};
  auto written = co_await store.set(std::move(set));
  if (!written) co_return tl::unexpected<StoreFailure>(std::move(written.error()));
  co_return StoreResult<void>{};
}

// The assignment and the configs; leaves out what has gone or can't be read.
Task<StoreResult<void>> read_topic_head(runtime::Shard& shard, Store& store, TopicReads& reads) {
  reads.left_out = true;
  auto node = co_await std::move(reads.node);
  auto configs = co_await std::move(reads.configs);
  if (!node && is(node.error(), StoreError::no_node)) co_return StoreResult<void>{};
  if (!node) co_return tl::unexpected<StoreFailure>(std::move(node.error()));
  if (!configs && !is(configs.error(), StoreError::no_node)) {
    co_return tl::unexpected<StoreFailure>(std::move(configs.error()));
  }
  auto assignment = znode::decode_topic(znode::path::topic(reads.name), node->data);
  auto entries =
      znode::decode_configs(znode::path::topic_config(reads.name), configs ? configs->data : "");
  if (!assignment || !entries) {
    log::error("controller", "a topic is left out: {}",
               (assignment ? entries.error() : assignment.error()).detail);
    co_return StoreResult<void>{};
  }
  if (!assignment->topic_id) {
    auto given = co_await give_id(shard, store, reads.name, *node, *assignment);
    if (!given) co_return given;
    node = co_await store.get(znode::path::topic(reads.name), Watch::no);
    if (!node) co_return tl::unexpected<StoreFailure>(std::move(node.error()));
    assignment = znode::decode_topic(znode::path::topic(reads.name), node->data);
  }
  if (!assignment || !assignment->topic_id) co_return StoreResult<void>{};
  reads.loaded.name = reads.name;
  reads.loaded.id = *assignment->topic_id;
  reads.loaded.assignment = std::move(assignment->partitions);
  reads.loaded.configs = std::make_shared<const model::ConfigEntries>(std::move(*entries));
  reads.left_out = false;
  co_return StoreResult<void>{};
}

Task<StoreResult<void>> read_topic_states(TopicReads& reads) {
  for (auto& [index, task] : reads.states) {
    auto node = co_await std::move(task);
    if (!node && is(node.error(), StoreError::no_node)) continue;
    if (!node) co_return tl::unexpected<StoreFailure>(std::move(node.error()));
    auto state =
        znode::decode_partition_state(znode::path::partition_state(reads.name, index), node->data);
    if (!state) {
      log::error("controller", "a topic is left out: {}", state.error().detail);
      reads.left_out = true;
      continue;
    }
    reads.loaded.leaderships[index] = {std::move(*state), node->stat.version};
  }
  co_return StoreResult<void>{};
}

}  // namespace

Task<StoreResult<std::vector<controller::LoadedTopic>>> read_topics(
    runtime::Shard& shard, Store& store, std::vector<std::string> names) {
  std::vector<TopicReads> all;
  all.reserve(names.size());
  for (auto& name : names) {
    auto node = store.get(znode::path::topic(name), Watch::no);
    auto configs = store.get(znode::path::topic_config(name), Watch::no);
    all.push_back({std::move(name), std::move(node), std::move(configs), {}, {}, false});
  }
  for (auto& reads : all) {
    auto head = co_await read_topic_head(shard, store, reads);
    if (!head) co_return tl::unexpected<StoreFailure>(std::move(head.error()));
    if (reads.left_out) continue;
    for (const auto& [index, replicas] : reads.loaded.assignment) {
      reads.states[index] = store.get(znode::path::partition_state(reads.name, index), Watch::no);
    }
  }
  std::vector<controller::LoadedTopic> topics;
  for (auto& reads : all) {
    auto states = co_await read_topic_states(reads);
    if (!states) co_return tl::unexpected<StoreFailure>(std::move(states.error()));
    if (!reads.left_out) topics.push_back(std::move(reads.loaded));
  }
  co_return topics;
}

}  // namespace gregor::broker
