// The table of all APIs whose layouts are known, made from the schemas.
#pragma once

#include <span>
#include <string_view>

#include "protocol/api_key.h"
#include "protocol/types.h"

namespace gregor::protocol {

/// One API. The versions are those whose layout is known (Kafka 0.8 to 4.1.1); which of them a
/// broker serves is its handlers' matter.
struct ApiInfo {
  ApiKey key;
  std::string_view name;  ///< as in the protocol guide: "ListOffsets"
  ApiVersion version_lowest;
  ApiVersion version_highest;
  ApiVersion version_stable_highest;  ///< versions above are marked unstable in Kafka 4.1.1
  ApiVersion flexible_from;  ///< first version with compact encodings and tags; never_flexible
};

/// Ascending by key. Thread: any.
[[nodiscard]] std::span<const ApiInfo> api_table();

/// @return nullptr for a key that is not in the table.
[[nodiscard]] const ApiInfo* find_api(ApiKey key);

/// Version of the request header (0, 1 or 2) that this request has; also for versions outside of
/// the table. The key must be known.
[[nodiscard]] ApiVersion request_header_version(ApiKey key, ApiVersion version);
/// As request_header_version; 0 or 1. ApiVersions responses always have 0.
[[nodiscard]] ApiVersion response_header_version(ApiKey key, ApiVersion version);

}  // namespace gregor::protocol
