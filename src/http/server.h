// Server: a small HTTP/1.1 server for status pages: GET and HEAD, no bodies, bounded in every way.
// Start reading http/ here.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/listener.h"
#include "http/connection.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"

namespace gregor::http {

struct ServerLimits {
  ConnectionLimits connection;
  /// When one more comes, the one that has waited longest for a request is closed.
  std::size_t connections_max = 64;
  /// Bodies of answers that are being sent; above it requests are answered 503.
  std::size_t answer_bytes_max = std::size_t{32} << 20;
};

/// Thread:  one shard, handler included.
/// Order:   bind, start, stop; stop may be called whatever came before it.
/// Borrows: the shard, which must outlive it.
class Server {
 public:
  Server(runtime::Shard& shard, ServerLimits limits, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds all listeners. @return them with their real ports.
  /// @errors network_exception, naming the address
  [[nodiscard]] Result<std::vector<config::Listener>> bind(
      const std::vector<config::Listener>& listeners);
  /// Takes connections from now on.
  void start();
  /// No new connections; answers under way are sent, as long as `deadline` allows. Ends when
  /// nothing runs any more.
  runtime::Task<void> stop(runtime::Instant deadline);

  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  /// Answers sent, by status.
  [[nodiscard]] const std::map<unsigned, std::uint64_t>& answers() const { return answers_; }

 private:
  struct Door {
    std::unique_ptr<runtime::Listener> listener;
    bool on_loopback = true;
  };
  runtime::Task<void> accept_all(Door& door);
  runtime::Task<void> serve(std::unique_ptr<runtime::Stream> stream, bool on_loopback);
  [[nodiscard]] bool make_room();
  runtime::Task<Response> answer(const Request& request, bool on_loopback);
  runtime::Task<void> abort_at(runtime::Instant deadline);

  runtime::Shard& shard_;
  const ServerLimits limits_;
  const Handler handler_;
  ConnectionHost host_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::list<Connection*> connections_;  // oldest first
  std::map<unsigned, std::uint64_t> answers_;
  bool stopping_ = false;
  runtime::OneShot stopped_;
  runtime::TaskGroup tasks_;  // last: its frames refer to everything above
};

}  // namespace gregor::http
