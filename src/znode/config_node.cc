#include "znode/config_node.h"

#include "znode/json_reader.h"

namespace gregor::znode {

std::string encode_config_change(std::string_view entity) {
  boost::json::object node;
  node["version"] = 2;
  node["entity_path"] = boost::json::string_view(entity.data(), entity.size());
  return boost::json::serialize(node);
}

Result<std::string> decode_config_change(std::string_view path, std::string_view json) {
  JsonReader reader(path, json);
  if (!reader.ok()) return reader.fault();
  const auto version = reader.int32("version");
  std::string entity;
  if (version == 1) {
    entity = reader.string("entity_type") + "/" + reader.string("entity_name");
  } else if (version == 2) {
    entity = reader.string("entity_path");
  } else {
    reader.blame("version " + std::to_string(version) + " is not known");
  }
  if (!reader.ok()) return reader.fault();
  return entity;
}

}  // namespace gregor::znode
