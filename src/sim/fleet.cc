#include "sim/fleet.h"

#include <fmt/format.h>

#include <utility>

namespace gregor::sim {
namespace {

constexpr runtime::Duration gate_poll = std::chrono::milliseconds(2);
constexpr runtime::Duration connect_max = std::chrono::seconds(1);

}  // namespace

Fleet::Fleet(runtime::simulated::World& world, runtime::Shard& shard, const Settings& settings,
             Violations& violations)
    : world_(world),
      shard_(shard),
      settings_(settings),
      violations_(violations),
      history_(settings.is_flushed_each, settings.slack, violations),
      topics_(violations),
      groups_(settings.is_flushed_each, violations) {}

runtime::Task<bool> Fleet::pass_gate() {
  while (!is_open_ && !is_stopping_) {
    const runtime::Instant next = now() + gate_poll;
    co_await runtime::sleep_until(shard_, next);
  }
  co_return !is_stopping_;
}

void Fleet::cut_connections() {
  for (const auto& weak : connections_) {
    if (const auto connection = weak.lock()) connection->close();
  }
  connections_.clear();
}

runtime::Task<Result<ClientConnection::Pointer>> Fleet::connect() {
  runtime::SocketAddress address{"broker", 9092};
  const runtime::Instant deadline = now() + connect_max;
  auto connection = co_await ClientConnection::open(shard_, tasks_, std::move(address), deadline);
  if (connection) connections_.push_back(*connection);
  co_return connection;
}

void Fleet::judge(std::string_view request, const ClientConnection& connection,
                  const Error& error) {
  // Where the network resets nothing, the broker did.
  const bool broker_reset = connection.was_reset() && settings_.world.reset_probability <= 0;
  if (connection.is_out_of_order()) {
    violations_.add("PROTO", fmt::format("{}: an answer that was not due", request));
  } else if (error.code == ErrorCode::request_timed_out) {
    if (is_serving)
      violations_.add("L4", fmt::format("{}: no answer, and the connection is open", request));
  } else if (error.code != ErrorCode::network_exception) {
    violations_.add("PROTO",
                    fmt::format("{}: the answer can't be decoded: {}", request, error.detail));
  } else if (is_serving && (connection.was_ended_by_peer() || broker_reset)) {
    violations_.add(
        "CLOSE", fmt::format("{}: the broker closed the connection instead of answering", request));
  }
}

}  // namespace gregor::sim
