#include "znode/cluster_node.h"

#include <charconv>

#include "znode/json_reader.h"

namespace gregor::znode {

std::string encode(const ControllerNode& node) {
  boost::json::object object;
  object["version"] = 2;
  object["brokerid"] = node.broker.value();
  object["timestamp"] = std::to_string(node.timestamp_ms);
  object["kraftControllerEpoch"] = -1;
  return boost::json::serialize(object);
}

Result<ControllerNode> decode_controller(std::string_view path, std::string_view json) {
  JsonReader reader(path, json);
  if (!reader.ok()) return reader.fault();
  ControllerNode node;
  node.broker = model::BrokerId(reader.int32("brokerid"));
  node.timestamp_ms = reader.int64_text_or("timestamp", -1);
  if (!reader.ok()) return reader.fault();
  return node;
}

std::string encode_controller_epoch(model::ControllerEpoch epoch) {
  return std::to_string(epoch.value());
}

Result<model::ControllerEpoch> decode_controller_epoch(std::string_view path,
                                                       std::string_view text) {
  std::int32_t epoch = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || epoch < 0) {
    return fail(ErrorCode::unknown_server_error, std::string(path) + ": not an epoch");
  }
  return model::ControllerEpoch(epoch);
}

std::string encode_cluster_id(std::string_view id) {
  boost::json::object object;
  object["version"] = "1";
  object["id"] = boost::json::string_view(id.data(), id.size());
  return boost::json::serialize(object);
}

Result<std::string> decode_cluster_id(std::string_view path, std::string_view json) {
  JsonReader reader(path, json);
  if (!reader.ok()) return reader.fault();
  std::string id = reader.string("id");
  if (id.empty()) reader.blame("'id' is empty");
  if (!reader.ok()) return reader.fault();
  return id;
}

}  // namespace gregor::znode
