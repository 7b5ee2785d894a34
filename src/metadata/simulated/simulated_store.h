// A model of a metadata server that lives outside of any node, for the simulator: durable, seeded,
// with faults.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "metadata/store.h"
#include "metadata/tree.h"
#include "metadata/watches.h"
#include "runtime/shard.h"

namespace gregor::metadata {

class SimulatedStore;

/// All zero: every request is answered in order, after one turn of the loop, without faults.
struct SimulatedStoreOptions {
  std::uint64_t seed = 1;
  runtime::Duration delay_min{};  ///< each way, drawn per message
  runtime::Duration delay_max{};
  /// Parts per million of the requests at which the connection breaks: that request and all under
  /// way are answered `unknown`, in half of the cases after the server has carried them out.
  /// Session events: disconnected, connected.
  std::uint32_t connection_loss_ppm = 0;
  runtime::Duration reconnect_after{};  ///< how long a broken connection stays broken
};

/// The server. It outlives the nodes and keeps everything, as if it were another machine.
///
/// Thread: the simulator's only one. Lifetime: outlives all stores that were made by connect().
class SimulatedStoreServer {
 public:
  explicit SimulatedStoreServer(SimulatedStoreOptions options);
  ~SimulatedStoreServer();
  SimulatedStoreServer(const SimulatedStoreServer&) = delete;
  SimulatedStoreServer& operator=(const SimulatedStoreServer&) = delete;

  /// Opens a session. Timers and answers run on `shard`. A store that is destroyed without close()
  /// leaves its session (with its ephemeral nodes) behind until expire().
  [[nodiscard]] std::unique_ptr<Store> connect(runtime::Shard& shard);
  /// Ends a session: its ephemeral nodes go, its store (if it is still there) gets the event
  /// `expired`, and session_expired for everything asked from then on. No-op if it has ended
  /// already.
  void expire(std::int64_t session_id);
  /// Ends all sessions; call it at the crash of a node whose store is embedded.
  void expire_all();
  /// Breaks the connection of a session now (see connection_loss_ppm).
  void disconnect(std::int64_t session_id);
  /// Changes the knobs for what follows (the seed stays).
  void set_options(const SimulatedStoreOptions& options);
  /// The tree, for checkers.
  [[nodiscard]] const Tree& tree() const { return tree_; }

 private:
  friend class SimulatedStore;
  struct Session {
    WatchTable watches;
    SimulatedStore* store = nullptr;  // null once the node has gone
  };
  std::uint64_t draw();
  void end_session(std::int64_t session_id, std::int64_t now_ms);
  void announce(const std::vector<znode::WatchEvent>& changes);

  SimulatedStoreOptions options_;
  std::uint64_t random_state_;
  Tree tree_;
  std::map<std::int64_t, Session> sessions_;
  std::int64_t last_session_ = 0;
  std::int64_t last_now_ms_ = 0;
};

}  // namespace gregor::metadata
