#include "broker/handlers/fetch_plan.h"

#include <algorithm>
#include <utility>

#include "broker/authorizer.h"

namespace gregor::broker {
namespace {

using Request = protocol::FetchRequest;
using Response = protocol::FetchResponse;

constexpr protocol::ApiVersion ids_from_version = 13;
constexpr std::int8_t read_committed_level = 1;
constexpr std::size_t nowhere = SIZE_MAX;

void cut_to(storage::ReadResult& data, std::uint64_t size) {
  data.size = std::min(data.size, size);
  std::uint64_t left = data.size;
  for (storage::LogSlice& slice : data.slices) {
    slice.size = std::min(slice.size, left);
    left -= slice.size;
  }
  std::erase_if(data.slices, [](const storage::LogSlice& slice) { return slice.size == 0; });
}

Response::PartitionData error_row(std::int32_t index, ErrorCode error, bool read_committed) {
  Response::PartitionData row;
  row.partition_index = index;
  row.error_code = error;
  row.high_watermark = -1;
  row.records = protocol::Records{};
  row.aborted_transactions = std::nullopt;
  if (read_committed) row.aborted_transactions.emplace();
  return row;
}

}  // namespace

FetchPlan::FetchPlan(RequestContext& context, const Request& request, FetchList list)
    : context_(context),
      request_(request),
      list_(std::move(list)),
      is_read_committed_(request.isolation_level == read_committed_level) {
  const std::int64_t server_max = context.shard.config().fetch_max_bytes;
  bytes_max_ =
      static_cast<std::uint64_t>(std::clamp<std::int64_t>(request.max_bytes, 0, server_max));
  const auto asked_min = static_cast<std::uint64_t>(std::max(request.min_bytes, 0));
  bytes_min_ = std::min(asked_min, bytes_max_);
  places_.reserve(list_.partitions.size());
  parts_.reserve(list_.partitions.size());
  const model::TopicImage* topic = nullptr;
  for (std::size_t i = 0; i < list_.partitions.size(); ++i) {
    const FetchList::Partition& partition = list_.partitions[i];
    if (i == 0 || partition.topic != list_.partitions[i - 1].topic)
      topic = context.image->find(list_.topics[partition.topic].name);
    add(partition, topic);
  }
  at_once_ = at_once_ || parts_.empty() || bytes_min_ == 0 || request.max_wait_ms <= 0;
}

ErrorCode FetchPlan::refusal_of(const FetchList::Partition& partition,
                                const model::TopicImage* topic) {
  const std::string_view name = list_.topics[partition.topic].name;
  if (context_.version >= ids_from_version && name.empty()) return ErrorCode::unknown_topic_id;
  if (!authorize(context_, Action::read, ResourceType::topic, name))
    return ErrorCode::topic_authorization_failed;
  const auto index = static_cast<std::size_t>(partition.wish.index);
  if (topic == nullptr || partition.wish.index < 0 || index >= topic->partitions.size())
    return ErrorCode::unknown_topic_or_partition;
  if (request_.max_bytes < 0 || partition.wish.bytes_max < 0) {
    at_once_ = true;
    return ErrorCode::unknown_server_error;
  }
  const std::int32_t replica =
      context_.version >= 15 ? request_.replica_state.replica_id : request_.replica_id;
  if (replica >= 0) {
    at_once_ = true;
    return ErrorCode::not_leader_or_follower;
  }
  return ErrorCode::none;
}

void FetchPlan::add(const FetchList::Partition& partition, const model::TopicImage* topic) {
  const ErrorCode refused = refusal_of(partition, topic);
  places_.push_back({parts_.size(), refused});
  if (refused != ErrorCode::none) return;
  const FetchList::Topic& named = list_.topics[partition.topic];
  FetchPart& part = parts_.emplace_back();
  part.topic = named.name;
  part.topic_id = named.id;
  part.index = partition.wish.index;
  part.offset = partition.wish.offset;
  part.bytes_max =
      std::min<std::uint64_t>(static_cast<std::uint64_t>(partition.wish.bytes_max), bytes_max_);
  part.current_leader_epoch = partition.wish.current_leader_epoch;
  part.last_fetched_epoch = partition.wish.last_fetched_epoch;
  part.is_read_committed = is_read_committed_;
}

std::uint64_t FetchPlan::limit() {
  std::uint64_t total = 0;
  for (FetchPart& part : parts_) {
    storage::ReadResult& data = part.answer.data;
    if (data.size == 0) continue;
    const std::uint64_t left = bytes_max_ > total ? bytes_max_ - total : 0;
    const std::uint64_t allowed = std::min(part.bytes_max, left);
    // Only the first partition that has something may go beyond the limits, so that a reader always
    // gets on.
    if (data.first_batch_bytes <= allowed) {
      cut_to(data, allowed);
    } else if (total == 0) {
      cut_to(data, data.first_batch_bytes);
    } else {
      cut_to(data, 0);
    }
    total += data.size;
  }
  return total;
}

void FetchPlan::drop_records() {
  for (FetchPart& part : parts_) part.answer.data = {};
}

std::vector<FetchNews> FetchPlan::news() const {
  std::vector<FetchNews> news;
  news.reserve(places_.size());
  for (const Place& place : places_) {
    FetchNews each;
    each.error = place.refused;
    if (place.refused == ErrorCode::none) {
      const FetchAnswer& answer = parts_[place.part].answer;
      each.error = answer.error;
      each.high_watermark = answer.high_watermark.value();
      each.log_start = answer.log_start.value();
      each.has_records = answer.data.size > 0;
      each.is_diverging = answer.diverging.has_value();
    }
    news.push_back(each);
  }
  return news;
}

namespace {

// The row of a part. The slices stay where they are.
Response::PartitionData row_of(const FetchPart& part, bool read_committed) {
  const FetchAnswer& answer = part.answer;
  auto row = error_row(part.index, answer.error, read_committed);
  row.high_watermark = answer.high_watermark.value();
  row.last_stable_offset = answer.last_stable.value();
  row.log_start_offset = answer.log_start.value();
  if (answer.diverging) {
    row.diverging_epoch.epoch = answer.diverging->epoch.value();
    row.diverging_epoch.end_offset = answer.diverging->end.value();
  }
  row.records->external_bytes = answer.data.size;
  if (answer.data.size == 0) return row;
  for (const storage::AbortedTransaction& each : answer.aborted)
    row.aborted_transactions->push_back({each.producer.value(), each.first.value()});
  return row;
}

}  // namespace

// The row of a topic in the answer; made at its first use.
std::size_t FetchPlan::topic_row(Response& response, std::vector<std::size_t>& rows,
                                 std::uint32_t topic) {
  if (rows[topic] != nowhere) return rows[topic];
  rows[topic] = response.responses.size();
  Response::FetchableTopicResponse& row = response.responses.emplace_back();
  const FetchList::Topic& named = list_.topics[topic];
  row.topic_id = named.id;
  // The names of a session may go before the answer is encoded.
  if (context_.version < ids_from_version)
    row.topic = list_.kept.empty() ? named.name : context_.keep(std::string(named.name));
  if (list_.topics.size() == 1) row.partitions.reserve(places_.size());
  return rows[topic];
}

Response FetchPlan::respond(const std::vector<bool>& answered) {
  Response response;
  std::vector<std::size_t> rows(list_.topics.size(), nowhere);
  std::vector<std::pair<std::size_t, FetchPart*>> with_data;  // row of the topic
  const auto is_answered = [&](std::size_t i) { return answered.empty() || answered[i]; };
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].refused != ErrorCode::none || !is_answered(i)) continue;
    FetchPart& part = parts_[places_[i].part];
    const std::size_t row = topic_row(response, rows, list_.partitions[i].topic);
    response.responses[row].partitions.push_back(row_of(part, is_read_committed_));
    if (part.answer.data.size > 0) with_data.emplace_back(row, &part);
  }
  // What was refused before the read comes last, as in Kafka.
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].refused == ErrorCode::none || !is_answered(i)) continue;
    const std::size_t row = topic_row(response, rows, list_.partitions[i].topic);
    response.responses[row].partitions.push_back(
        error_row(list_.partitions[i].wish.index, places_[i].refused, is_read_committed_));
  }
  // In the order in which the answer has them: topic by topic.
  const auto by_row = [](const auto& a, const auto& b) { return a.first < b.first; };
  if (!std::is_sorted(with_data.begin(), with_data.end(), by_row))
    std::stable_sort(with_data.begin(), with_data.end(), by_row);
  context_.slices.reserve(with_data.size());
  for (auto& [row, part] : with_data)
    context_.slices.push_back(std::move(part->answer.data.slices));
  return response;
}

}  // namespace gregor::broker
