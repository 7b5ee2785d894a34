// The one-shot watches of one session, with ZooKeeper's rules of what fires them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "znode/operation.h"

namespace gregor::metadata {

/// Thread: one.
class WatchTable {
 public:
  /// A watch on the node itself: fires when it is created, changed or deleted.
  void add_node(const std::string& path) { nodes_.insert(path); }
  /// A watch on the children: fires when one comes or goes, or when the node itself is deleted.
  void add_children(const std::string& path) { children_.insert(path); }

  /// Takes the watches that `changes` fire. @return their events, in order; a node's deletion
  /// counts once.
  [[nodiscard]] std::vector<znode::WatchEvent> fire(const std::vector<znode::WatchEvent>& changes);

  [[nodiscard]] std::size_t size() const { return nodes_.size() + children_.size(); }

 private:
  std::set<std::string> nodes_;
  std::set<std::string> children_;
};

}  // namespace gregor::metadata
