// The metadata store: ZooKeeper's semantics behind one interface, with an embedded, a simulated and
// (later) a ZooKeeper version. All pass one conformance suite.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/unique_function.h"
#include "runtime/task.h"
#include "znode/operation.h"

namespace gregor::metadata {

struct StoreFailure {
  znode::StoreError error = znode::StoreError::unknown;
  std::string detail;
  std::size_t operation = 0;  ///< in a multi: index of the operation that failed
};

template <class T>
using StoreResult = tl::expected<T, StoreFailure>;

struct NodeData {
  std::string data;
  znode::Stat stat;
};
struct NodeChildren {
  std::vector<std::string> names;  ///< without the parent's path, in no order
  znode::Stat stat;
};

/// Whether to leave a one-shot watch: on the node (get, exists) or on its children (children). A
/// watch of exists also waits for a node that is not there yet.
enum class Watch { no, yes };

/// A session with a store.
///
/// Thread:    one shard (the one it was made on); answers and watch events arrive there, in zxid
/// order: a change's watch
///            event comes before any later answer that shows the change.
/// Pipelined: requests are carried out in the order of their calls, also without awaiting each one.
/// Durable:   a change that was answered with ok survives power loss.
/// Errors:    `unknown` may come from any call; the change may or may not have been made.
class Store {
 public:
  virtual ~Store() = default;

  /// @return the path made (with the sequence number) and its Stat.
  virtual runtime::Task<StoreResult<znode::OperationResult>> create(
      znode::op::Create operation) = 0;
  virtual runtime::Task<StoreResult<NodeData>> get(std::string path, Watch watch) = 0;
  virtual runtime::Task<StoreResult<znode::Stat>> set(znode::op::Set operation) = 0;
  virtual runtime::Task<StoreResult<void>> remove(znode::op::Delete operation) = 0;
  /// @errors no_node (a watch is left all the same).
  virtual runtime::Task<StoreResult<znode::Stat>> exists(std::string path, Watch watch) = 0;
  virtual runtime::Task<StoreResult<NodeChildren>> children(std::string path, Watch watch) = 0;
  /// All or nothing. @return one result per operation, in order.
  virtual runtime::Task<StoreResult<std::vector<znode::OperationResult>>> multi(
      std::vector<znode::Operation> operations) = 0;

  /// Called for every watch that fires / every change of the session. Set once, before the first
  /// request.
  virtual void on_watch(UniqueFunction<void(const znode::WatchEvent&)> callback) = 0;
  virtual void on_session(UniqueFunction<void(znode::SessionEvent)> callback) = 0;

  [[nodiscard]] virtual std::int64_t session_id() const = 0;
  /// Ends the session: ephemeral nodes go. Ends when that is durable.
  virtual runtime::Task<void> close() = 0;
};

}  // namespace gregor::metadata
