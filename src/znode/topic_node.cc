#include "znode/topic_node.h"

#include "znode/json_reader.h"

namespace gregor::znode {
namespace {

constexpr std::int32_t topic_version = 3;

boost::json::object to_json(const ReplicaMap& map) {
  boost::json::object object;
  for (const auto& [partition, replicas] : map) {
    boost::json::array list;
    for (const auto id : replicas) list.emplace_back(id.value());
    object[std::to_string(partition.value())] = std::move(list);
  }
  return object;
}

ReplicaMap read_map(JsonReader& reader, std::string_view key, bool must) {
  ReplicaMap map;
  const auto* object = reader.object(key, must);
  if (object == nullptr) return map;
  for (const auto& [partition, replicas] : *object) {
    const std::string_view text(partition.data(), partition.size());
    const auto index = reader.narrow(reader.parse_number(text, key), key);
    if (index < 0) reader.blame("negative partition");
    auto& ids = map[model::PartitionIndex(index)];
    for (const auto id : reader.int32_list(replicas, key)) ids.emplace_back(id);
  }
  if (map.size() != object->size()) reader.blame("'" + std::string(key) + "' repeats a partition");
  return map;
}

}  // namespace

std::string encode(const TopicAssignment& assignment) {
  boost::json::object node;
  node["version"] = topic_version;
  if (assignment.topic_id) node["topic_id"] = assignment.topic_id->to_string();
  node["partitions"] = to_json(assignment.partitions);
  node["adding_replicas"] = to_json(assignment.adding_replicas);
  node["removing_replicas"] = to_json(assignment.removing_replicas);
  return boost::json::serialize(node);
}

Result<TopicAssignment> decode_topic(std::string_view path, std::string_view json) {
  JsonReader reader(path, json);
  if (!reader.ok()) return reader.fault();
  TopicAssignment assignment;
  if (const auto id = reader.string_or_null("topic_id")) {
    auto parsed = model::Uuid::parse(*id);
    if (!parsed) {
      reader.blame("'topic_id': " + parsed.error().detail);
    } else {
      assignment.topic_id = *parsed;
    }
  }
  assignment.partitions = read_map(reader, "partitions", true);
  assignment.adding_replicas = read_map(reader, "adding_replicas", false);
  assignment.removing_replicas = read_map(reader, "removing_replicas", false);
  if (!reader.ok()) return reader.fault();
  return assignment;
}

std::string encode(const PartitionState& state) {
  boost::json::array isr;
  for (const auto id : state.isr) isr.emplace_back(id.value());
  boost::json::object node;
  node["controller_epoch"] = state.controller_epoch.value();
  node["leader"] = state.leader.value();
  node["version"] = 1;
  node["leader_epoch"] = state.leader_epoch.value();
  node["isr"] = std::move(isr);
  if (state.recovering) node["leader_recovery_state"] = 1;
  return boost::json::serialize(node);
}

Result<PartitionState> decode_partition_state(std::string_view path, std::string_view json) {
  JsonReader reader(path, json);
  if (!reader.ok()) return reader.fault();
  PartitionState state;
  state.controller_epoch = model::ControllerEpoch(reader.int32("controller_epoch"));
  state.leader = model::BrokerId(reader.int32("leader"));
  state.leader_epoch = model::LeaderEpoch(reader.int32("leader_epoch"));
  state.recovering = reader.int32_or("leader_recovery_state", 0) == 1;
  if (const auto* isr = reader.find("isr")) {
    for (const auto id : reader.int32_list(*isr, "isr")) state.isr.emplace_back(id);
  } else {
    reader.blame("'isr' is missing");
  }
  if (!reader.ok()) return reader.fault();
  return state;
}

std::string encode_configs(const model::ConfigEntries& configs) {
  boost::json::object entries;
  for (const auto& [key, value] : configs) entries[key] = value;
  boost::json::object node;
  node["version"] = 1;
  node["config"] = std::move(entries);
  return boost::json::serialize(node);
}

Result<model::ConfigEntries> decode_configs(std::string_view path, std::string_view json) {
  model::ConfigEntries configs;
  if (json.empty()) return configs;
  JsonReader reader(path, json);
  if (!reader.ok()) return reader.fault();
  if (const auto* entries = reader.object("config", true)) {
    for (const auto& [key, value] : *entries) {
      if (!value.is_string()) {
        reader.blame("the value of '" + std::string(key) + "' is not a string");
        break;
      }
      configs[std::string(key)] = std::string(value.get_string());
    }
  }
  if (!reader.ok()) return reader.fault();
  return configs;
}

}  // namespace gregor::znode
