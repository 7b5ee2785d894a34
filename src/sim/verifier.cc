#include "sim/verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace gregor::sim {
namespace {

using model::Offset;
using model::TimestampMs;

constexpr int connect_tries = 20;
constexpr int random_reads = 2;
constexpr int time_lookups = 2;
constexpr protocol::ApiVersion max_timestamp_from_version = 7;
constexpr protocol::ApiVersion list_offsets_version_highest = 10;

}  // namespace

runtime::Task<bool> Verifier::run() {
  const Step step = [this](ClientConnection::Pointer connection) {
    return check_topics(std::move(connection));
  };
  const bool has_topics = co_await try_often(step);
  if (!has_topics) co_return false;
  const std::vector<SeenTopic> present = fleet_.topics().present();
  std::vector<std::unique_ptr<PartitionCheck>> checks;
  for (const SeenTopic& topic : present) {
    for (std::int32_t i = 0; i < topic.partitions; ++i) {
      const PartitionKey where{topic.id, i};
      const runtime::simulated::Prng numbers(numbers_.next());
      checks.push_back(std::make_unique<PartitionCheck>(fleet_, topic.name, where, numbers));
    }
  }
  const auto done = std::make_unique<bool[]>(checks.size());
  runtime::TaskGroup running;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    running.spawn(check_partition(*checks[i], done[i]));
  }
  co_await running.join();
  co_return std::all_of(done.get(), done.get() + checks.size(),
                        [](bool is_done) { return is_done; });
}

runtime::Task<void> Verifier::check_partition(PartitionCheck& check, bool& is_done) {
  const Step step = [&check](ClientConnection::Pointer connection) {
    return check.run(std::move(connection));
  };
  is_done = co_await try_often(step);
}

// Connections may be refused at random, and reset.
runtime::Task<bool> Verifier::try_often(Step step) {
  for (int i = 0; i < connect_tries; ++i) {
    auto connection = co_await fleet_.connect();
    if (!connection) continue;
    const bool is_done = co_await step(*connection);
    const bool was_cut = !(*connection)->is_open();
    (*connection)->close();
    if (is_done) co_return true;
    if (!was_cut) co_return false;
  }
  co_return false;
}

runtime::Task<bool> Verifier::check_topics(ClientConnection::Pointer connection) {
  MetadataOrder all;
  all.version = static_cast<protocol::ApiVersion>(numbers_.between(10, 13));
  auto topics = co_await list_topics(fleet_, connection, std::move(all));
  if (!topics) co_return false;
  fleet_.topics().see_all(*topics);
  for (const SeenTopic& topic : fleet_.topics().present()) {
    fleet_.history().add_topic(topic.id, topic.name, topic.partitions);
  }
  co_return true;
}

runtime::Task<bool> PartitionCheck::run(ClientConnection::Pointer connection) {
  const auto version =
      static_cast<protocol::ApiVersion>(numbers_.between(1, list_offsets_version_highest));
  OffsetQuestion question{topic_, where_, earliest_offset};
  auto earliest = co_await list_offset(fleet_, connection, question, version);
  if (!earliest) co_return false;
  question.timestamp = latest_offset;
  auto latest = co_await list_offset(fleet_, connection, question, version);
  if (!latest) co_return false;
  const Offset start = earliest->first;
  const Offset end = latest->first;
  fleet_.trace(fmt::format("{}-{} [{}, {})", topic_, where_.partition, start.value(), end.value()));
  fleet_.history().restart(where_, end);
  if (start != Offset(0)) {
    fleet_.violations().add(
        "V4", fmt::format("{}-{}: the log starts at {}", topic_, where_.partition, start.value()));
  }
  const bool was_read = co_await read_all(connection, start, end);
  if (!was_read) co_return false;
  const bool was_found = co_await read_some(connection, end);
  if (!was_found) co_return false;
  co_return co_await check_times(connection);
}

FetchOrder PartitionCheck::make_order(ClientConnection::Pointer connection, Offset from) {
  FetchOrder order;
  order.connection = std::move(connection);
  order.positions.push_back({topic_, where_, from});
  order.version = static_cast<protocol::ApiVersion>(
      numbers_.between(fetch_version_lowest, fetch_version_highest));
  return order;
}

runtime::Task<bool> PartitionCheck::read_all(ClientConnection::Pointer connection, Offset from,
                                             Offset end) {
  timestamps_.clear();
  while (from < end) {
    FetchOrder order = make_order(connection, from);
    order.partition_bytes_max = static_cast<std::int32_t>(numbers_.between(1, 256 * 1024));
    const FetchOutcome outcome = co_await fetch(fleet_, std::move(order));
    const auto next = outcome.next.find(where_);
    if (!outcome.is_good || next == outcome.next.end()) co_return false;
    timestamps_.insert(timestamps_.end(), outcome.timestamps.begin(), outcome.timestamps.end());
    from = next->second;
  }
  co_return true;
}

// From anywhere, also from within a batch.
runtime::Task<bool> PartitionCheck::read_some(ClientConnection::Pointer connection, Offset end) {
  for (int i = 0; i < random_reads && end > Offset(0); ++i) {
    const Offset from(
        static_cast<std::int64_t>(numbers_.below(static_cast<std::uint64_t>(end.value()))));
    FetchOrder order = make_order(connection, from);
    order.partition_bytes_max = static_cast<std::int32_t>(numbers_.between(1, 10'000));
    const FetchOutcome outcome = co_await fetch(fleet_, std::move(order));
    if (!outcome.is_good || outcome.next.empty()) co_return false;
  }
  co_return true;
}

runtime::Task<bool> PartitionCheck::check_times(ClientConnection::Pointer connection) {
  OffsetQuestion question{topic_, where_, 0};
  for (int i = 0; i <= time_lookups && !timestamps_.empty(); ++i) {
    const bool is_max = i == time_lookups;
    const std::int64_t base = timestamps_[numbers_.below(timestamps_.size())].second.value();
    question.timestamp =
        is_max ? max_timestamp_offset : base + static_cast<std::int64_t>(numbers_.below(3)) - 1;
    const auto lowest = static_cast<std::uint64_t>(is_max ? max_timestamp_from_version : 1);
    const auto version =
        static_cast<protocol::ApiVersion>(numbers_.between(lowest, list_offsets_version_highest));
    auto found = co_await list_offset(fleet_, connection, question, version);
    if (!found) co_return false;
    const auto wanted =
        is_max
            ? std::max_element(timestamps_.begin(), timestamps_.end(),
                               [](const auto& a, const auto& b) { return a.second < b.second; })
            : std::find_if(timestamps_.begin(), timestamps_.end(), [&question](const auto& record) {
                return record.second.value() >= question.timestamp;
              });
    std::pair<Offset, TimestampMs> answer(-1, -1);
    if (wanted != timestamps_.end()) answer = *wanted;
    if (*found == answer) continue;
    fleet_.violations().add(
        "TL", fmt::format("{}-{}: ListOffsets({}) is offset {} with time stamp {}, not {} with {}",
                          topic_, where_.partition, question.timestamp, found->first.value(),
                          found->second.value(), answer.first.value(), answer.second.value()));
  }
  co_return true;
}

}  // namespace gregor::sim
