// What can be asked of a metadata store, in ZooKeeper's terms: operations, Stat, errors, events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace gregor::znode {

/// State of a node. Source: ZooKeeper programmer's guide, "ZooKeeper Stat Structure".
struct Stat {
  std::int64_t czxid = 0;  ///< zxid of the change that made it
  std::int64_t mzxid = 0;  ///< zxid of its last data change
  std::int64_t pzxid = 0;  ///< zxid of the last change of its children
  std::int64_t ctime_ms = 0;
  std::int64_t mtime_ms = 0;
  std::int32_t version = 0;          ///< counts data changes
  std::int32_t cversion = 0;         ///< counts changes of the children
  std::int64_t ephemeral_owner = 0;  ///< session id, 0 = persistent
  std::int32_t data_length = 0;
  std::int32_t num_children = 0;
};

enum class StoreError {
  no_node,
  node_exists,
  bad_version,
  not_empty,
  no_children_for_ephemerals,
  bad_arguments,  ///< an illegal path
  too_large,      ///< above 1 MiB (jute.maxbuffer); refused before sending, path in the detail
  session_expired,
  unknown,  ///< connection lost or the store failed: may or may not have been applied; every caller
            ///< handles it
  rolled_back,  ///< in a multi: another operation failed, this one was not applied
};

[[nodiscard]] const char* name(StoreError error);

enum class CreateMode { persistent, ephemeral, persistent_sequential, ephemeral_sequential };

inline constexpr std::int32_t any_version = -1;

namespace op {
struct Create {
  std::string path;
  std::string data;
  CreateMode mode = CreateMode::persistent;
};
struct Set {
  std::string path;
  std::string data;
  std::int32_t version = any_version;
};
struct Delete {
  std::string path;
  std::int32_t version = any_version;
};
/// Ok if the node exists at that version (any_version: exists).
struct Check {
  std::string path;
  std::int32_t version = any_version;
};
}  // namespace op

using Operation = std::variant<op::Create, op::Set, op::Delete, op::Check>;

/// Result of one operation of a successful multi: the path made (with its sequence number) or the
/// new Stat.
struct OperationResult {
  std::string path;
  Stat stat;
};

enum class EventType { created, deleted, data_changed, children_changed };

/// A one-shot watch has fired.
struct WatchEvent {
  EventType type = EventType::data_changed;
  std::string path;
};

enum class SessionEvent { connected, disconnected, expired };

}  // namespace gregor::znode
