#include "metadata/tree.h"

#include <fmt/format.h>

#include <utility>

#include "base/assert.h"
#include "znode/path.h"

namespace gregor::metadata {
namespace {

using znode::EventType;
using znode::StoreError;

tl::unexpected<StoreFailure> refuse(StoreError error, const std::string& path) {
  return tl::unexpected<StoreFailure>(
      StoreFailure{error, fmt::format("{}: {}", znode::name(error), path), 0});
}

bool is_sequential(znode::CreateMode mode) {
  return mode == znode::CreateMode::persistent_sequential ||
         mode == znode::CreateMode::ephemeral_sequential;
}

bool is_ephemeral(znode::CreateMode mode) {
  return mode == znode::CreateMode::ephemeral || mode == znode::CreateMode::ephemeral_sequential;
}

std::int32_t wrapping(std::uint32_t value) { return static_cast<std::int32_t>(value); }

}  // namespace

znode::Stat TreeNode::stat() const {
  znode::Stat stat;
  stat.czxid = czxid;
  stat.mzxid = mzxid;
  stat.pzxid = pzxid;
  stat.ctime_ms = ctime_ms;
  stat.mtime_ms = mtime_ms;
  stat.version = version;
  // Every child that was created and is gone has been deleted once.
  const auto count = static_cast<std::uint32_t>(children.size());
  stat.cversion = wrapping(2 * children_created - count);
  stat.ephemeral_owner = ephemeral_owner;
  stat.data_length = static_cast<std::int32_t>(data.size());
  stat.num_children = wrapping(count);
  return stat;
}

/// How to take one operation back.
struct Tree::Undo {
  enum class Kind { created, set, erased } kind;
  std::string path;
  TreeNode node;                     // set, erased: as it was (set: without children)
  std::int64_t parent_pzxid = 0;     // created, erased
  std::uint32_t parent_created = 0;  // created
};

struct Tree::Running {
  ChangeContext context;
  std::int64_t zxid = 0;
  bool writes = false;
  AppliedChange applied;
  std::vector<Undo> undo;
};

Tree::Tree() { nodes_.emplace("/", TreeNode{}); }

const TreeNode* Tree::find(const std::string& path) const {
  const auto at = nodes_.find(path);
  return at == nodes_.end() ? nullptr : &at->second;
}

TreeNode* Tree::find_mutable(const std::string& path) {
  const auto at = nodes_.find(path);
  return at == nodes_.end() ? nullptr : &at->second;
}

StoreResult<AppliedChange> Tree::apply(const std::vector<znode::Operation>& operations,
                                       const ChangeContext& context) {
  Running running;
  running.context = context;
  running.zxid = zxid_ + 1;
  running.applied.results.reserve(operations.size());
  for (std::size_t i = 0; i < operations.size(); ++i) {
    auto outcome =
        std::visit([&](const auto& op) { return apply_one(op, running); }, operations[i]);
    if (!outcome) {
      roll_back(running);
      outcome.error().operation = i;
      return tl::unexpected(std::move(outcome.error()));
    }
    running.applied.results.push_back(std::move(*outcome));
  }
  if (running.writes) zxid_ = running.zxid;
  return std::move(running.applied);
}

Tree::OperationOutcome Tree::apply_one(const znode::op::Create& create, Running& running) {
  const bool sequential = is_sequential(create.mode);
  if (!znode::path::check(sequential ? create.path + "0" : create.path)) {
    return refuse(StoreError::bad_arguments, create.path);
  }
  if (create.path == "/") return refuse(StoreError::node_exists, create.path);
  const std::string parent_path(znode::path::parent(create.path));
  auto* parent = find_mutable(parent_path);
  if (parent == nullptr) return refuse(StoreError::no_node, create.path);
  const std::string path =
      sequential ? fmt::format("{}{:010}", create.path, wrapping(parent->children_created))
                 : create.path;
  if (find(path) != nullptr) return refuse(StoreError::node_exists, path);
  if (parent->ephemeral_owner != 0) return refuse(StoreError::no_children_for_ephemerals, path);

  running.undo.push_back({Undo::Kind::created, path, {}, parent->pzxid, parent->children_created});
  running.writes = true;
  parent->children.emplace(znode::path::name(path));
  parent->pzxid = running.zxid;
  ++parent->children_created;
  TreeNode node;
  node.data = create.data;
  node.czxid = node.mzxid = node.pzxid = running.zxid;
  node.ctime_ms = node.mtime_ms = running.context.now_ms;
  if (is_ephemeral(create.mode)) {
    node.ephemeral_owner = running.context.session_id;
    ephemerals_[node.ephemeral_owner].insert(path);
  }
  const auto stat = node.stat();
  nodes_.emplace(path, std::move(node));  // `parent` stays valid: nodes do not move
  changed_.insert(path);
  changed_.insert(parent_path);
  running.applied.events.push_back({EventType::created, path});
  running.applied.events.push_back({EventType::children_changed, parent_path});
  return znode::OperationResult{path, stat};
}

Tree::OperationOutcome Tree::apply_one(const znode::op::Set& set, Running& running) {
  if (!znode::path::check(set.path)) return refuse(StoreError::bad_arguments, set.path);
  auto* node = find_mutable(set.path);
  if (node == nullptr) return refuse(StoreError::no_node, set.path);
  if (set.version != znode::any_version && set.version != node->version) {
    return refuse(StoreError::bad_version, set.path);
  }
  Undo undo{Undo::Kind::set, set.path, {}, 0, 0};
  undo.node.data = std::move(node->data);
  undo.node.mzxid = node->mzxid;
  undo.node.mtime_ms = node->mtime_ms;
  undo.node.version = node->version;
  running.undo.push_back(std::move(undo));
  running.writes = true;
  node->data = set.data;
  node->mzxid = running.zxid;
  node->mtime_ms = running.context.now_ms;
  node->version = wrapping(static_cast<std::uint32_t>(node->version) + 1);
  changed_.insert(set.path);
  running.applied.events.push_back({EventType::data_changed, set.path});
  return znode::OperationResult{set.path, node->stat()};
}

Tree::OperationOutcome Tree::apply_one(const znode::op::Delete& remove, Running& running) {
  if (!znode::path::check(remove.path) || remove.path == "/") {
    return refuse(StoreError::bad_arguments, remove.path);
  }
  const auto* node = find(remove.path);
  if (node == nullptr) return refuse(StoreError::no_node, remove.path);
  if (remove.version != znode::any_version && remove.version != node->version) {
    return refuse(StoreError::bad_version, remove.path);
  }
  if (!node->children.empty()) return refuse(StoreError::not_empty, remove.path);
  erase(remove.path, running);
  return znode::OperationResult{remove.path, {}};
}

Tree::OperationOutcome Tree::apply_one(const znode::op::Check& check, Running&) {
  if (!znode::path::check(check.path)) return refuse(StoreError::bad_arguments, check.path);
  const auto* node = find(check.path);
  if (node == nullptr) return refuse(StoreError::no_node, check.path);
  if (check.version != znode::any_version && check.version != node->version) {
    return refuse(StoreError::bad_version, check.path);
  }
  return znode::OperationResult{check.path, node->stat()};
}

void Tree::erase(const std::string& path, Running& running) {
  const auto at = nodes_.find(path);
  GREGOR_ASSERT(at != nodes_.end());
  GREGOR_ASSERT(at->second.children.empty());
  const std::string parent_path(znode::path::parent(path));
  auto* parent = find_mutable(parent_path);
  GREGOR_ASSERT(parent != nullptr);
  if (const auto owner = at->second.ephemeral_owner; owner != 0) {
    ephemerals_[owner].erase(path);
    if (ephemerals_[owner].empty()) ephemerals_.erase(owner);
  }
  running.undo.push_back({Undo::Kind::erased, path, std::move(at->second), parent->pzxid, 0});
  running.writes = true;
  nodes_.erase(at);
  parent->children.erase(parent->children.find(znode::path::name(path)));
  parent->pzxid = running.zxid;
  changed_.insert(path);
  changed_.insert(parent_path);
  running.applied.events.push_back({EventType::deleted, path});
  running.applied.events.push_back({EventType::children_changed, parent_path});
}

// Paths stay in changed_: saving a node that did not change is harmless.
void Tree::roll_back(Running& running) {
  for (auto undo = running.undo.rbegin(); undo != running.undo.rend(); ++undo) {
    auto* parent = find_mutable(std::string(znode::path::parent(undo->path)));
    const auto child = znode::path::name(undo->path);
    switch (undo->kind) {
      case Undo::Kind::created: {
        const auto owner = find(undo->path)->ephemeral_owner;
        if (owner != 0) ephemerals_[owner].erase(undo->path);
        if (owner != 0 && ephemerals_[owner].empty()) ephemerals_.erase(owner);
        nodes_.erase(undo->path);
        parent->children.erase(parent->children.find(child));
        parent->pzxid = undo->parent_pzxid;
        parent->children_created = undo->parent_created;
        break;
      }
      case Undo::Kind::set: {
        auto* node = find_mutable(undo->path);
        node->data = std::move(undo->node.data);
        node->mzxid = undo->node.mzxid;
        node->mtime_ms = undo->node.mtime_ms;
        node->version = undo->node.version;
        break;
      }
      case Undo::Kind::erased:
        if (undo->node.ephemeral_owner != 0)
          ephemerals_[undo->node.ephemeral_owner].insert(undo->path);
        nodes_.emplace(undo->path, std::move(undo->node));
        parent->children.emplace(child);
        parent->pzxid = undo->parent_pzxid;
        break;
    }
  }
}

AppliedChange Tree::end_session(std::int64_t session_id, std::int64_t now_ms) {
  Running running;
  running.context = {session_id, now_ms};
  running.zxid = zxid_ + 1;
  const auto owned = ephemerals_.find(session_id);
  if (owned == ephemerals_.end()) return {};
  const auto paths = owned->second;
  for (const auto& path : paths) erase(path, running);
  zxid_ = running.zxid;
  return std::move(running.applied);
}

StoreResult<NodeData> Tree::get(const std::string& path) const {
  if (!znode::path::check(path)) return refuse(StoreError::bad_arguments, path);
  const auto* node = find(path);
  if (node == nullptr) return refuse(StoreError::no_node, path);
  return NodeData{node->data, node->stat()};
}

StoreResult<znode::Stat> Tree::exists(const std::string& path) const {
  if (!znode::path::check(path)) return refuse(StoreError::bad_arguments, path);
  const auto* node = find(path);
  if (node == nullptr) return refuse(StoreError::no_node, path);
  return node->stat();
}

StoreResult<NodeChildren> Tree::children(const std::string& path) const {
  if (!znode::path::check(path)) return refuse(StoreError::bad_arguments, path);
  const auto* node = find(path);
  if (node == nullptr) return refuse(StoreError::no_node, path);
  return NodeChildren{{node->children.begin(), node->children.end()}, node->stat()};
}

std::vector<std::int64_t> Tree::ephemeral_owners() const {
  std::vector<std::int64_t> owners;
  for (const auto& [owner, paths] : ephemerals_) owners.push_back(owner);
  return owners;
}

bool Tree::restore(const std::string& path, TreeNode node) {
  node.children.clear();
  if (!znode::path::check(path)) return false;
  if (path == "/") {
    nodes_["/"] = std::move(node);
    return nodes_.size() == 1;
  }
  auto* parent = find_mutable(std::string(znode::path::parent(path)));
  if (parent == nullptr || parent->ephemeral_owner != 0) return false;
  if (!parent->children.emplace(znode::path::name(path)).second) return false;
  if (node.ephemeral_owner != 0) ephemerals_[node.ephemeral_owner].insert(path);
  nodes_.emplace(path, std::move(node));
  return true;
}

std::set<std::string> Tree::take_changed_paths() { return std::exchange(changed_, {}); }

}  // namespace gregor::metadata
