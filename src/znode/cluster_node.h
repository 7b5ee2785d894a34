// The data of /controller, /controller_epoch and /cluster/id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/ids.h"

namespace gregor::znode {

/// /controller, written as version 2; version 1 is read.
struct ControllerNode {
  model::BrokerId broker{-1};
  std::int64_t timestamp_ms = -1;
  friend bool operator==(const ControllerNode&, const ControllerNode&) = default;
};

[[nodiscard]] std::string encode(const ControllerNode& node);
/// @param path  of the node, for the error. @errors unknown_server_error: malformed.
[[nodiscard]] Result<ControllerNode> decode_controller(std::string_view path,
                                                       std::string_view json);

/// /controller_epoch: decimal text.
[[nodiscard]] std::string encode_controller_epoch(model::ControllerEpoch epoch);
[[nodiscard]] Result<model::ControllerEpoch> decode_controller_epoch(std::string_view path,
                                                                     std::string_view text);

/// /cluster/id. The id is a base64 uuid for clusters made by Kafka or Gregor, but any text is read.
[[nodiscard]] std::string encode_cluster_id(std::string_view id);
[[nodiscard]] Result<std::string> decode_cluster_id(std::string_view path, std::string_view json);

}  // namespace gregor::znode
