#include "metadata/watches.h"

namespace gregor::metadata {

std::vector<znode::WatchEvent> WatchTable::fire(const std::vector<znode::WatchEvent>& changes) {
  std::vector<znode::WatchEvent> events;
  for (const auto& change : changes) {
    bool fires = false;
    switch (change.type) {
      case znode::EventType::created:
      case znode::EventType::data_changed:
        fires = nodes_.erase(change.path) > 0;
        break;
      case znode::EventType::deleted: {
        const bool on_node = nodes_.erase(change.path) > 0;
        const bool on_children = children_.erase(change.path) > 0;
        fires = on_node || on_children;
        break;
      }
      case znode::EventType::children_changed:
        fires = children_.erase(change.path) > 0;
        break;
    }
    if (fires) events.push_back(change);
  }
  return events;
}

}  // namespace gregor::metadata
