// The data of /config/changes/config_change_<number>: which entity's configs have changed. The
// configs themselves: topic_node.h.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace gregor::znode {

/// @param entity  its path below /config: "topics/words", "brokers/1", "brokers/<default>"
[[nodiscard]] std::string encode_config_change(std::string_view entity);

/// @return the entity. Version 1 (entity_type and entity_name) is read too.
/// @errors unknown_server_error: malformed.
[[nodiscard]] Result<std::string> decode_config_change(std::string_view path,
                                                       std::string_view json);

}  // namespace gregor::znode
