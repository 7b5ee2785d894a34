// The question that every handler asks before it acts. There are no rules yet: everything is
// allowed.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/request_context.h"

namespace gregor::broker {

enum class Action { read, write, create, remove, alter, describe, cluster_action };
enum class ResourceType { topic, group, cluster, transactional_id };

/// Bit sets of the operations that are allowed without rules. Source: KIP-430.
inline constexpr std::int32_t all_cluster_operations = 8096;
inline constexpr std::int32_t all_topic_operations = 3576;
inline constexpr std::int32_t all_group_operations = 3400;

/// @return true if the principal of the connection may do `action` to the resource.
[[nodiscard]] inline bool authorize(const RequestContext& /*context*/, Action /*action*/,
                                    ResourceType /*type*/, std::string_view /*name*/) {
  return true;
}

}  // namespace gregor::broker
