#include "sim/fetch_client.h"

#include <fmt/format.h>

#include <utility>

#include "model/record.h"

namespace gregor::sim {
namespace {

using Request = protocol::FetchRequest;
using Row = protocol::FetchResponse::PartitionData;
using Batch = FetchedPartition::Batch;

constexpr protocol::ApiVersion ids_from_version = 13;

Request make_request(const FetchOrder& order) {
  Request request;
  request.max_wait_ms = static_cast<std::int32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(order.wait_max).count());
  request.min_bytes = order.bytes_min;
  request.max_bytes = order.bytes_max;
  request.session_epoch = order.version >= 7 ? -1 : request.session_epoch;
  for (const FetchPosition& position : order.positions) {
    const bool is_same =
        !request.topics.empty() &&
        (order.version >= ids_from_version ? request.topics.back().topic_id == position.where.topic
                                           : request.topics.back().topic == position.topic);
    if (!is_same) {
      Request::FetchTopic topic;
      if (order.version >= ids_from_version) {
        topic.topic_id = position.where.topic;
      } else {
        topic.topic = position.topic;
      }
      request.topics.push_back(std::move(topic));
    }
    Request::FetchPartition partition;
    partition.partition = position.where.partition;
    partition.fetch_offset = position.from.value();
    partition.partition_max_bytes = order.partition_bytes_max;
    request.topics.back().partitions.push_back(partition);
  }
  return request;
}

Result<Batch> parse_batch(const model::RecordBatchView& view) {
  if (!view.crc_is_valid()) return fail(ErrorCode::corrupt_message, "a wrong CRC");
  Batch batch;
  batch.base = view.base_offset();
  batch.next = view.next_offset();
  auto content = model::inflate_records(view);
  if (!content) return fail(std::move(content.error()));
  batch.content = std::move(*content);
  model::RecordCursor cursor(batch.content);
  for (;;) {
    const auto record = cursor.next();
    if (!record) return fail(record.error());
    if (!*record) break;
    const model::RecordView& found = **record;
    batch.records.push_back({batch.base + found.offset_delta(),
                             model::record_timestamp(view, found), found.key(), found.value()});
  }
  return batch;
}

// The last batch may be cut.
Result<std::vector<Batch>> parse_batches(const std::optional<protocol::Records>& records) {
  std::vector<Batch> batches;
  if (!records) return batches;
  model::BatchCursor cursor(records->bytes);
  for (;;) {
    const auto view = cursor.next();
    if (!view) return fail(view.error());
    if (!*view) return batches;
    auto batch = parse_batch(**view);
    if (!batch) return fail(std::move(batch.error()));
    batches.push_back(std::move(*batch));
  }
}

// One fetch, between its request and the end of its answer.
class Exchange {
 public:
  Exchange(Fleet& fleet, const FetchOrder& order)
      : fleet_(fleet), order_(order), sent_(fleet.now()) {
    for (const FetchPosition& position : order.positions)
      marks_.push_back(fleet.history().partition(position.where).mark());
  }

  [[nodiscard]] FetchTicket start_watch() {
    FetchUnderWay watched;
    watched.bytes_min = order_.bytes_min;
    watched.wait_max = order_.wait_max;
    watched.sent = sent_;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
      const FetchPosition& position = order_.positions[i];
      watched.interests.push_back({position.where, position.from});
      if (position.from < marks_[i].acked_end) was_due_ = true;
    }
    if (was_due_) watched.due = sent_;
    return fleet_.history().fetches().start(std::move(watched));
  }

  void take(const protocol::FetchResponse& response, FetchOutcome& outcome) {
    outcome.is_good = response.error_code == ErrorCode::none;
    if (!outcome.is_good)
      complain("E1", fmt::format("the fetch was answered {}", error_name(response.error_code)));
    for (std::size_t i = 0; i < order_.positions.size(); ++i) {
      const Row* row = find(response, order_.positions[i]);
      if (row == nullptr) {
        complain("L4", fmt::format("Fetch: no answer for {}", name(i)));
      } else {
        take_row(i, *row, outcome);
      }
    }
    judge_emptiness(outcome);
  }

 private:
  [[nodiscard]] std::string name(std::size_t i) const {
    return fleet_.history().partition(order_.positions[i].where).name();
  }
  void complain(std::string_view invariant, std::string text) {
    if (fleet_.is_serving) fleet_.violations().add(invariant, std::move(text));
  }

  const Row* find(const protocol::FetchResponse& response, const FetchPosition& position) const {
    for (const auto& topic : response.responses) {
      const bool is_topic = order_.version >= ids_from_version
                                ? topic.topic_id == position.where.topic
                                : topic.topic == position.topic;
      if (!is_topic) continue;
      for (const Row& row : topic.partitions) {
        if (row.partition_index == position.where.partition) return &row;
      }
    }
    return nullptr;
  }

  void take_row(std::size_t i, const Row& row, FetchOutcome& outcome) {
    const FetchPosition& position = order_.positions[i];
    if (row.error_code != ErrorCode::none) {
      failed_ = true;
      complain("E1", fmt::format("{}: fetching from {} was answered {}", name(i),
                                 position.from.value(), error_name(row.error_code)));
      return;
    }
    auto batches = parse_batches(row.records);
    if (!batches) {
      failed_ = true;
      fleet_.violations().add("D3", fmt::format("{}: from {}: {}", name(i), position.from.value(),
                                                batches.error().detail));
      return;
    }
    const FetchedPartition answer{
        model::Offset(row.high_watermark),
        model::Offset(row.log_start_offset < 0 ? 0 : row.log_start_offset), std::move(*batches)};
    fleet_.history().read(position.where, marks_[i], position.from, answer);
    outcome.high_watermarks[position.where] = answer.high_watermark;
    is_something_there_ = is_something_there_ || position.from < answer.high_watermark;
    if (answer.batches.empty()) return;
    outcome.next[position.where] = answer.batches.back().next;
    note_wake(answer.batches.front());
    if (i > 0) return;
    for (const Batch& batch : answer.batches) {
      for (const ReadRecord& record : batch.records)
        outcome.timestamps.emplace_back(record.offset, record.timestamp);
    }
  }

  // Sure to have parked: what it got was sent when the fetch had reached the broker.
  void note_wake(const Batch& batch) {
    if (was_due_ || batch.records.empty() || !batch.records.front().value) return;
    const auto value = read_payload(*batch.records.front().value);
    const auto number = value ? fleet_.history().find(*value) : std::nullopt;
    if (!number) return;
    const runtime::Instant arrived = sent_ + fleet_.settings().world.network_delay.max;
    if (fleet_.history().batch(*number).sent > arrived) ++fleet_.counts().woken;
  }

  void judge_emptiness(const FetchOutcome& outcome) {
    if (!outcome.is_good || failed_ || !outcome.next.empty()) return;
    ++fleet_.counts().empty;
    if (is_something_there_ && order_.bytes_min <= 1)
      complain("O4", "a fetch was answered with nothing although records are there");
    if (fleet_.now() < sent_ + order_.wait_max)
      complain("W2", "a fetch was answered with nothing before its wait was over");
  }

  Fleet& fleet_;
  const FetchOrder& order_;
  const runtime::Instant sent_;
  std::vector<ReadMark> marks_;
  bool was_due_ = false;
  bool failed_ = false;
  bool is_something_there_ = false;
};

}  // namespace

runtime::Task<FetchOutcome> fetch(Fleet& fleet, FetchOrder order) {
  const Request request = make_request(order);
  const std::int32_t id = order.connection->next_correlation_id();
  auto frame = make_frame(request, order.version, id);
  GREGOR_ASSERT(frame.has_value());
  ++fleet.counts().requests;
  Exchange exchange(fleet, order);
  const FetchTicket ticket = exchange.start_watch();
  ClientCallPointer sent = order.connection->send(std::move(*frame), id, true);
  const runtime::Duration wait = fleet.settings().slack + order.wait_max;
  auto reply = co_await fleet.answer<protocol::Fetch>(order.connection, std::move(sent),
                                                      order.version, wait);
  FetchOutcome outcome;
  if (!reply) {
    fleet.history().fetches().forget(ticket);
    co_return outcome;
  }
  if (fleet.is_serving) fleet.history().fetches().answered(ticket, fleet.now());
  fleet.history().fetches().forget(ticket);
  exchange.take(reply->body, outcome);
  co_return outcome;
}

}  // namespace gregor::sim
