#include "znode/operation.h"

namespace gregor::znode {

const char* name(StoreError error) {
  switch (error) {
    case StoreError::no_node:
      return "no_node";
    case StoreError::node_exists:
      return "node_exists";
    case StoreError::bad_version:
      return "bad_version";
    case StoreError::not_empty:
      return "not_empty";
    case StoreError::no_children_for_ephemerals:
      return "no_children_for_ephemerals";
    case StoreError::bad_arguments:
      return "bad_arguments";
    case StoreError::too_large:
      return "too_large";
    case StoreError::session_expired:
      return "session_expired";
    case StoreError::unknown:
      return "unknown";
    case StoreError::rolled_back:
      return "rolled_back";
  }
  return "unknown";
}

}  // namespace gregor::znode
