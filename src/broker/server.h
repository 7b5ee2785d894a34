// Server: one broker: log dirs, metadata store, controller, partitions, listeners, on the shards
// that it is given. The same code runs on the real and on the simulated runtime.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/broker_config.h"
#include "metadata/store.h"
#include "model/ids.h"
#include "runtime/process_usage.h"
#include "runtime/shard.h"
#include "runtime/task.h"

namespace gregor::broker {

/// Opens the metadata store; called on shard 0, once the log dirs are locked.
/// @param first_log_dir  where an embedded store keeps its file
using StoreFactory = std::function<runtime::Task<Result<std::unique_ptr<metadata::Store>>>(
    runtime::Shard& shard, std::string first_log_dir)>;

struct ServerOptions {
  config::BrokerConfig config;
  std::vector<runtime::Shard*> shards;  ///< all of this broker; must outlive the server
  StoreFactory open_store;
  /// Connections that the limit of open files leaves room for.
  std::int64_t connections_by_descriptors = std::numeric_limits<std::int64_t>::max();
  /// Descriptors of log files, if gregor.log.file.descriptors.max does not say how many.
  std::int64_t log_descriptors = std::numeric_limits<std::int64_t>::max();
  std::string version = "unknown";  ///< of the program, for people
  /// Called once on shard 0 when no log dir is left that has not failed: nothing can be served any
  /// more, the server is to be stopped. May be empty.
  std::function<void()> on_log_dirs_lost;
  /// What the process takes of the machine, for metrics; may be empty.
  std::function<runtime::ProcessUsage()> process_usage;
};

/// What a started broker is.
struct ServerFacts {
  model::BrokerId broker_id{-1};
  std::string cluster_id;
  std::vector<config::Listener> listeners;       ///< with the real ports
  std::vector<config::Listener> http_listeners;  ///< none = off
  std::size_t partitions = 0;
  std::vector<std::string> log_dirs;
};

/// Thread:    constructed anywhere before the shards run; start() and stop() on shard 0.
/// Lifetime:  after stop() has ended it may be destroyed on shard 0 or once the loops have stopped.
/// Without stop() (a
///            crash in the simulator) it may only be destroyed when nothing will run on its shards
///            any more.
class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Opens everything; ends when clients are served.
  /// @errors what made the start impossible, with a text for people; nothing is served then, stop()
  /// may still be called
  runtime::Task<Result<ServerFacts>> start();

  /// Graceful: no new connections, requests under way are answered (at most some seconds), logs are
  /// flushed and closed, checkpoints and the clean-shutdown markers written, the store's session
  /// ended.
  /// @return false if something could not be written, so that the next start will recover.
  runtime::Task<bool> stop();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace gregor::broker
