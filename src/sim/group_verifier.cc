#include "sim/group_verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gregor::sim {
namespace {

// A coordinator that loads, or that has to be made, is asked again for so long.
constexpr runtime::Duration answer_max = std::chrono::seconds(20);
constexpr runtime::Duration retry_pause = std::chrono::milliseconds(10);

}  // namespace

runtime::Task<bool> GroupVerifier::prepare() { return ask_all(Question::is_there); }

runtime::Task<bool> GroupVerifier::check_offsets() { return ask_all(Question::offsets); }

runtime::Task<bool> GroupVerifier::check_empty() { return ask_all(Question::members); }

runtime::Duration GroupVerifier::farewell() const {
  runtime::Duration session{};
  runtime::Duration rebalance{};
  for (const GroupPlan& plan : fleet_.settings().groups) {
    session = std::max(session, plan.session_timeout);
    rebalance = std::max(rebalance, plan.rebalance_timeout);
  }
  // Whoever is waited for in a rebalance is gone with it; whoever is in the next generation has to
  // send SyncGroup in time, and then heartbeats.
  return fleet_.settings().initial_rebalance_delay + session + 2 * rebalance +
         fleet_.settings().slack;
}

runtime::Task<bool> GroupVerifier::ask_all(Question question) {
  for (const GroupPlan& plan : fleet_.settings().groups) {
    const runtime::Instant deadline = fleet_.now() + answer_max;
    for (bool is_done = false; !is_done;) {
      auto connection = co_await fleet_.connect();
      if (connection) {
        is_done = co_await ask(plan, question, *connection);
        (*connection)->close();
      }
      if (!fleet_.violations().empty()) co_return false;
      if (!is_done && fleet_.now() > deadline) co_return false;
      const runtime::Instant next = fleet_.now() + retry_pause;
      co_await runtime::sleep_until(fleet_.shard(), next);
    }
  }
  co_return true;
}

runtime::Task<bool> GroupVerifier::ask(const GroupPlan& plan, Question question,
                                       ClientConnection::Pointer connection) {
  GroupClient client(fleet_, plan);
  const bool is_there = co_await client.find_coordinator(connection);
  if (!is_there || question == Question::is_there) co_return is_there;
  if (question == Question::offsets) {
    const auto version = static_cast<protocol::ApiVersion>(numbers_.between(2, 9));
    const auto error = co_await client.fetch(connection, std::nullopt, version);
    if (error && *error != ErrorCode::none && !is_passing(*error)) {
      fleet_.violations().add("E1",
                              fmt::format("offsets of {}: {}", plan.name, error_name(*error)));
    }
    co_return error == ErrorCode::none;
  }
  const auto members = co_await client.count_members(connection);
  if (members.value_or(0) > 0) {
    fleet_.violations().add(
        "G7", fmt::format("{} members of {} are long gone and still there", *members, plan.name));
  }
  co_return members.has_value();
}

}  // namespace gregor::sim
