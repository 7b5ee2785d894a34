// A member of a group as the group keeps it. Internal to group/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "group/group_types.h"

namespace gregor::group {

/// Owned by its Group, which alone changes it.
struct Member {
  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  std::int32_t rebalance_timeout_ms = 0;
  std::int32_t session_timeout_ms = 0;
  std::vector<Protocol> protocols;
  OwnedBytes assignment;
  std::uint64_t order = 0;  ///< in which members came
  bool is_new = false;      ///< has not been answered a join yet
  RequestId join = 0;       ///< its JoinGroup that waits; 0 = none
  RequestId sync = 0;       ///< its SyncGroup that waits; 0 = none
  /// Until when it has to give a sign of life; nullopt while a wait stands for it.
  std::optional<std::int64_t> deadline_ms;

  /// @return nullptr if it does not know the protocol.
  [[nodiscard]] const OwnedBytes* metadata(std::string_view protocol) const {
    for (const Protocol& known : protocols) {
      if (known.name == protocol) return &known.metadata;
    }
    return nullptr;
  }
  /// A wait stands for a heartbeat, except that a new member may not wait for ever.
  [[nodiscard]] bool is_excused() const { return !is_new && (join != 0 || sync != 0); }
};

}  // namespace gregor::group
