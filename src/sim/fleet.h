// Fleet: what the model clients of one run share: their machine, the gate that holds them while the
// broker is down or being checked, and what to make of failures.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>

#include "runtime/simulated/world.h"
#include "sim/client_connection.h"
#include "sim/group_history.h"
#include "sim/history.h"
#include "sim/settings.h"
#include "sim/topic_history.h"
#include "sim/violations.h"

namespace gregor::sim {

/// What clients did in a run; zero where nothing is counted says that a check checked nothing.
struct ClientCounts {
  std::uint64_t requests = 0;
  std::uint64_t woken = 0;       ///< fetches that parked and were answered by an append
  std::uint64_t empty = 0;       ///< fetches that waited in vain
  std::uint64_t refused = 0;     ///< invalid batches
  std::uint64_t recognised = 0;  ///< batches that were sent again and known to the broker
  std::uint64_t topics_made = 0;
  std::uint64_t topics_deleted = 0;
  std::uint64_t assignments = 0;  ///< that members of groups were given
  std::uint64_t commits = 0;      ///< acknowledged
  std::uint64_t rejected = 0;     ///< members whose time-outs ended, commits of old generations
  std::uint64_t survivors = 0;    ///< members that were known after a restart
  std::uint64_t returned = 0;     ///< static members that started anew within a generation
  std::uint64_t fenced = 0;       ///< requests of their old processes
};

/// Thread: the clients' shard.
class Fleet {
 public:
  Fleet(runtime::simulated::World& world, runtime::Shard& shard, const Settings& settings,
        Violations& violations);
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  [[nodiscard]] runtime::Shard& shard() { return shard_; }
  [[nodiscard]] runtime::TaskGroup& tasks() { return tasks_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] Violations& violations() { return violations_; }
  [[nodiscard]] History& history() { return history_; }
  [[nodiscard]] TopicHistory& topics() { return topics_; }
  [[nodiscard]] GroupHistory& groups() { return groups_; }
  [[nodiscard]] ClientCounts& counts() { return counts_; }
  [[nodiscard]] runtime::Instant now() const { return shard_.clock().now(); }
  [[nodiscard]] runtime::simulated::Prng split(std::string_view name) const {
    return world_.split(name);
  }
  void trace(std::string_view text) { world_.trace(text); }

  // The gate. Closed at the start.

  /// Clients may ask.
  void open_gate() { is_open_ = true; }
  /// They begin nothing new; what is under way goes on.
  void close_gate() { is_open_ = false; }
  [[nodiscard]] bool is_open() const { return is_open_ && !is_stopping_; }
  /// They end for good.
  void stop() { is_stopping_ = true; }
  [[nodiscard]] bool is_stopping() const { return is_stopping_; }
  /// Ends when the gate is open, or with false when the fleet stops.
  runtime::Task<bool> pass_gate();
  /// Nobody is between the gate and the end of an operation.
  [[nodiscard]] bool is_idle() const { return active_ == 0; }
  /// Closes all connections.
  void cut_connections();

  /// The broker serves: failures are judged. Set by the driver, cleared the moment it ends or
  /// begins to stop.
  bool is_serving = false;

  /// Marks a client as under way between construction and destruction.
  class Operation {
   public:
    explicit Operation(Fleet& fleet) : fleet_(fleet) { ++fleet_.active_; }
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() { --fleet_.active_; }

   private:
    Fleet& fleet_;
  };

  // Talking to the broker.

  runtime::Task<Result<ClientConnection::Pointer>> connect();
  /// A client's life: connects, has `use` (which gives the task of one connection) talk for as long
  /// as it likes, and does so again a little later, until the fleet stops.
  template <class Use>
  runtime::Task<void> keep_using(Use use) {
    for (;;) {
      const bool goes_on = co_await pass_gate();
      if (!goes_on) co_return;
      const Operation operation(*this);
      auto connection = co_await connect();
      if (connection) co_await use(std::move(*connection));
      const runtime::Instant next = now() + retry_pause;
      co_await runtime::sleep_until(shard(), next);
    }
  }
  /// Sends a request and waits for its answer, at most `wait` longer than network and disk may
  /// take. Notes broken promises: no answer in time, an answer that can't be decoded. [L4, PROTO]
  template <class Api>
  runtime::Task<Result<ClientReply<Api>>> call(ClientConnection::Pointer connection,
                                               typename Api::Request request,
                                               protocol::ApiVersion version,
                                               runtime::Duration wait) {
    ++counts_.requests;
    const std::int32_t id = connection->next_correlation_id();
    auto frame = make_frame(request, version, id);
    GREGOR_ASSERT(frame.has_value());
    ClientCallPointer sent = connection->send(std::move(*frame), id, true);
    co_return co_await answer<Api>(std::move(connection), std::move(sent), version, wait);
  }
  template <class Api>
  runtime::Task<Result<ClientReply<Api>>> answer(ClientConnection::Pointer connection,
                                                 ClientCallPointer sent,
                                                 protocol::ApiVersion version,
                                                 runtime::Duration wait) {
    const std::uint64_t life = life_;
    const runtime::Instant deadline = now() + wait + answer_max;
    auto reply = co_await await_reply<Api>(connection, std::move(sent), version, deadline);
    if (!reply && life == life_) judge(Api::Request::message_name, *connection, reply.error());
    co_return reply;
  }
  /// Beyond the slack of the run: a request that hangs is not a slow one.
  static constexpr runtime::Duration answer_max = std::chrono::seconds(5);
  static constexpr runtime::Duration retry_pause = std::chrono::milliseconds(5);
  /// A new life of the broker: what was sent before is not judged.
  void start_life() { ++life_; }
  [[nodiscard]] std::uint64_t life() const { return life_; }

 private:
  void judge(std::string_view request, const ClientConnection& connection, const Error& error);

  runtime::simulated::World& world_;
  runtime::Shard& shard_;
  const Settings& settings_;
  Violations& violations_;
  History history_;
  TopicHistory topics_;
  GroupHistory groups_;
  ClientCounts counts_;
  bool is_open_ = false;
  bool is_stopping_ = false;
  std::uint64_t active_ = 0;
  std::uint64_t life_ = 0;
  std::vector<std::weak_ptr<ClientConnection>> connections_;
  runtime::TaskGroup tasks_;  // last: its tasks refer to the rest
};

}  // namespace gregor::sim
