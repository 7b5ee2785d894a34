#include "sim/fetcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/topic_client.h"

namespace gregor::sim {

Fetcher::Fetcher(Fleet& fleet, const FetcherPlan& plan, std::uint32_t number,
                 std::vector<FetchPosition> positions)
    : fleet_(fleet),
      plan_(plan),
      positions_(std::move(positions)),
      numbers_(fleet.split(fmt::format("fetcher.{}", number))) {}

runtime::Task<void> Fetcher::run() {
  for (;;) {
    const bool goes_on = co_await fleet_.pass_gate();
    if (!goes_on) co_return;
    const Fleet::Operation operation(fleet_);
    step_back();
    auto connection = co_await fleet_.connect();
    if (connection) co_await use(std::move(*connection));
    const runtime::Instant next = fleet_.now() + std::chrono::milliseconds(5);
    co_await runtime::sleep_until(fleet_.shard(), next);
  }
}

// The log may have lost its end since the last connection.
void Fetcher::step_back() {
  for (FetchPosition& position : positions_) {
    position.from =
        std::min(position.from, fleet_.history().partition(position.where).mark().high_watermark);
  }
}

runtime::Task<void> Fetcher::use(ClientConnection::Pointer connection) {
  while (fleet_.is_open() && connection->is_open()) {
    FetchOrder order = make_order(connection);
    const FetchOutcome outcome = co_await fetch(fleet_, std::move(order));
    if (!outcome.is_good) break;
    go_on(outcome);
    if (!numbers_.chance(0.1)) continue;
    const FetchPosition& position = positions_[numbers_.below(positions_.size())];
    OffsetQuestion question{position.topic, position.where, latest_offset};
    const auto version = static_cast<protocol::ApiVersion>(numbers_.between(1, 10));
    co_await list_offset(fleet_, connection, std::move(question), version);
  }
  connection->close();
}

FetchOrder Fetcher::make_order(ClientConnection::Pointer connection) {
  FetchOrder order;
  order.connection = std::move(connection);
  order.positions = positions_;
  // Another one comes first each time: the first one that has something may exceed the limits.
  const auto first = static_cast<std::ptrdiff_t>(numbers_.below(order.positions.size()));
  std::rotate(order.positions.begin(), order.positions.begin() + first, order.positions.end());
  order.bytes_min = plan_.bytes_min;
  order.bytes_max = plan_.bytes_max;
  order.partition_bytes_max = plan_.partition_bytes_max;
  order.wait_max = numbers_.chance(0.2)
                       ? runtime::Duration(std::chrono::milliseconds(numbers_.below(50)))
                       : fleet_.settings().long_poll;
  order.version = static_cast<protocol::ApiVersion>(
      numbers_.between(fetch_version_lowest, fetch_version_highest));
  return order;
}

void Fetcher::go_on(const FetchOutcome& outcome) {
  for (FetchPosition& position : positions_) {
    if (const auto next = outcome.next.find(position.where); next != outcome.next.end())
      position.from = next->second;
    if (numbers_.chance(plan_.rewind_probability) && position.from > model::Offset(0)) {
      position.from = model::Offset(static_cast<std::int64_t>(
          numbers_.below(static_cast<std::uint64_t>(position.from.value()) + 1)));
    }
  }
}

}  // namespace gregor::sim
