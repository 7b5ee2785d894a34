// The data of /brokers/ids/<id>.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/cluster_image.h"

namespace gregor::znode {

/// A broker's registration, version 5 when written; older ones are read. Source: Kafka's ZooKeeper
/// layout.
struct BrokerRegistration {
  struct FeatureRange {
    std::int32_t min_version = 0;
    std::int32_t max_version = 0;
    friend bool operator==(const FeatureRange&, const FeatureRange&) = default;
  };
  std::vector<model::BrokerEndpoint> endpoints;
  std::map<std::string, std::string> security_protocols;  ///< by listener name
  std::optional<std::string> rack;
  std::int64_t timestamp_ms = -1;
  std::int32_t jmx_port = -1;
  std::map<std::string, FeatureRange> features;
  friend bool operator==(const BrokerRegistration&, const BrokerRegistration&) = default;
};

/// host and port are those of the first endpoint with the security protocol PLAINTEXT, or null and
/// -1.
[[nodiscard]] std::string encode(const BrokerRegistration& registration);
/// @param path  of the node, for the error. @errors unknown_server_error: malformed.
[[nodiscard]] Result<BrokerRegistration> decode_broker(std::string_view path,
                                                       std::string_view json);

/// "PLAINTEXT://host:9092", IPv6 addresses in brackets.
[[nodiscard]] std::string to_text(const model::BrokerEndpoint& endpoint);
/// @errors invalid_request
[[nodiscard]] Result<model::BrokerEndpoint> parse_endpoint(std::string_view text);

}  // namespace gregor::znode
