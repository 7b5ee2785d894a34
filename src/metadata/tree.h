// The tree of nodes with ZooKeeper's rules, in memory, without I/O. The embedded and the simulated
// store are built on it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "metadata/store.h"
#include "znode/operation.h"

namespace gregor::metadata {

/// One node as it is kept.
struct TreeNode {
  std::string data;
  std::int64_t czxid = 0;
  std::int64_t mzxid = 0;
  std::int64_t pzxid = 0;
  std::int64_t ctime_ms = 0;
  std::int64_t mtime_ms = 0;
  std::int64_t ephemeral_owner = 0;
  std::int32_t version = 0;
  std::uint32_t children_created =
      0;  ///< ever; numbers sequential children. cversion follows from it
  std::set<std::string, std::less<>> children;

  [[nodiscard]] znode::Stat stat() const;
};

/// Who makes a change, and when.
struct ChangeContext {
  std::int64_t session_id = 0;
  std::int64_t now_ms = 0;
};

/// What a change did: results per operation, and events for whoever watches, in order.
struct AppliedChange {
  std::vector<znode::OperationResult> results;
  std::vector<znode::WatchEvent> events;
};

/// Thread:    one.
/// Invariant: every node but "/" has its parent; an ephemeral node has no children; zxid() never
/// goes back. Source:    ZooKeeper programmer's guide and the behaviour of ZooKeeper 3.8: a change
/// gets one zxid, whatever the number
///            of its operations; cversion counts creates and deletes of children; sequence numbers
///            count creates.
class Tree {
 public:
  Tree();

  /// All or nothing, in order; each operation sees those before it. A change that writes nothing
  /// (only checks) takes no zxid. @errors as Store; nothing has changed then.
  StoreResult<AppliedChange> apply(const std::vector<znode::Operation>& operations,
                                   const ChangeContext& context);
  /// Removes the ephemeral nodes of a session, in one change (none if it has no nodes).
  AppliedChange end_session(std::int64_t session_id, std::int64_t now_ms);

  [[nodiscard]] StoreResult<NodeData> get(const std::string& path) const;
  [[nodiscard]] StoreResult<znode::Stat> exists(const std::string& path) const;
  [[nodiscard]] StoreResult<NodeChildren> children(const std::string& path) const;

  [[nodiscard]] std::int64_t zxid() const { return zxid_; }         ///< of the last change
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }  ///< nodes, "/" included
  [[nodiscard]] const TreeNode* find(const std::string& path) const;
  /// Sessions that have ephemeral nodes.
  [[nodiscard]] std::vector<std::int64_t> ephemeral_owners() const;

  /// Puts a node back as it was saved; parents first; `node.children` is ignored. False if it
  /// breaks an invariant (no parent, there already, an ephemeral parent, an illegal path).
  [[nodiscard]] bool restore(const std::string& path, TreeNode node);
  void restore_zxid(std::int64_t zxid) { zxid_ = zxid; }
  /// Paths of nodes that were made, changed or removed since the last call.
  [[nodiscard]] std::set<std::string> take_changed_paths();

 private:
  struct Undo;
  struct Running;  // a change under way
  using OperationOutcome = StoreResult<znode::OperationResult>;

  OperationOutcome apply_one(const znode::op::Create& create, Running& running);
  OperationOutcome apply_one(const znode::op::Set& set, Running& running);
  OperationOutcome apply_one(const znode::op::Delete& remove, Running& running);
  OperationOutcome apply_one(const znode::op::Check& check, Running& running);
  void erase(const std::string& path, Running& running);
  void roll_back(Running& running);
  TreeNode* find_mutable(const std::string& path);

  std::unordered_map<std::string, TreeNode> nodes_;  // only looked up, never walked
  std::map<std::int64_t, std::set<std::string>> ephemerals_;
  std::set<std::string> changed_;
  std::int64_t zxid_ = 0;
};

}  // namespace gregor::metadata
