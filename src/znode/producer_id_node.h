// The data of /latest_producer_id_block: the last block of producer ids that a broker has claimed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/ids.h"

namespace gregor::znode {

/// Producer ids that belong to one broker. Source: Kafka's ZooKeeper layout, version 1.
struct ProducerIdBlock {
  model::BrokerId broker{-1};
  std::int64_t first = 0;
  std::int64_t last = -1;  ///< inclusive, as the node has it
  friend bool operator==(const ProducerIdBlock&, const ProducerIdBlock&) = default;
};

[[nodiscard]] std::string encode(const ProducerIdBlock& block);
/// @param path  of the node, for the error. @errors unknown_server_error: malformed, or a block
/// that ends before it starts.
[[nodiscard]] Result<ProducerIdBlock> decode_producer_id_block(std::string_view path,
                                                               std::string_view json);

}  // namespace gregor::znode
