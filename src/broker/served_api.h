// Which apis and versions this broker serves; made of the list of handlers.
#pragma once

#include <span>

#include "protocol/api_key.h"
#include "protocol/types.h"

namespace gregor::broker {

struct VersionRange {
  protocol::ApiVersion lowest = 0;
  protocol::ApiVersion highest = 0;
};

struct ServedApi {
  protocol::ApiKey key{};
  VersionRange advertised;  ///< in ApiVersions
};

/// Ascending by key.
[[nodiscard]] std::span<const ServedApi> served_apis();

}  // namespace gregor::broker
