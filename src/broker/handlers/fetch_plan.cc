#include "broker/handlers/fetch_plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "broker/authorizer.h"

namespace gregor::broker {
namespace {

using Request = protocol::FetchRequest;
using Response = protocol::FetchResponse;

constexpr protocol::ApiVersion ids_from_version = 13;
constexpr std::int8_t read_committed_level = 1;

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

FetchPlan::FetchPlan(RequestContext& context, const Request& request)
    : context_(context),
      request_(request),
      is_read_committed_(request.isolation_level == read_committed_level) {
  const std::int64_t server_max = context.shard.config().fetch_max_bytes;
  bytes_max_ =
      static_cast<std::uint64_t>(std::clamp<std::int64_t>(request.max_bytes, 0, server_max));
  const auto asked_min = static_cast<std::uint64_t>(std::max(request.min_bytes, 0));
  bytes_min_ = std::min(asked_min, bytes_max_);
  for (std::size_t t = 0; t < request.topics.size(); ++t) {
    const auto& topic = request.topics[t];
    std::string_view name = topic.topic;
    if (context.version >= ids_from_version) {
      const model::TopicImage* known = context.image->find(topic.topic_id);
      name = known != nullptr ? std::string_view(known->name) : std::string_view();
    }
    // The same partition twice: the last one counts.
    std::map<std::int32_t, const Request::FetchPartition*> last;
    for (const auto& partition : topic.partitions) last[partition.partition] = &partition;
    for (const auto& partition : topic.partitions) {
      if (last[partition.partition] == &partition) add(t, name, partition);
    }
  }
  at_once_ = at_once_ || parts_.empty() || bytes_min_ == 0 || request.max_wait_ms <= 0;
}

void FetchPlan::add(std::size_t topic, std::string_view name,
                    const Request::FetchPartition& partition) {
  const std::int32_t index = partition.partition;
  if (context_.version >= ids_from_version && name.empty()) {
    refused_.push_back({topic, index, ErrorCode::unknown_topic_id});
    return;
  }
  if (!authorize(context_, Action::read, ResourceType::topic, name)) {
    refused_.push_back({topic, index, ErrorCode::topic_authorization_failed});
    return;
  }
  if (context_.image->find(name, model::PartitionIndex(index)) == nullptr) {
    refused_.push_back({topic, index, ErrorCode::unknown_topic_or_partition});
    return;
  }
  if (request_.max_bytes < 0 || partition.partition_max_bytes < 0) {
    refused_.push_back({topic, index, ErrorCode::unknown_server_error});
    at_once_ = true;
    return;
  }
  const std::int32_t replica =
      context_.version >= 15 ? request_.replica_state.replica_id : request_.replica_id;
  if (replica >= 0) {
    refused_.push_back({topic, index, ErrorCode::not_leader_or_follower});
    at_once_ = true;
    return;
  }
  FetchPart part;
  part.topic = name;
  part.index = index;
  part.offset = partition.fetch_offset;
  part.bytes_max = std::min<std::uint64_t>(
      static_cast<std::uint64_t>(partition.partition_max_bytes), bytes_max_);
  part.current_leader_epoch = partition.current_leader_epoch;
  part.last_fetched_epoch = partition.last_fetched_epoch;
  part.is_read_committed = is_read_committed_;
  parts_.push_back(part);
  part_topics_.push_back(topic);
}

std::uint64_t FetchPlan::limit(std::vector<FetchAnswer>& answers) const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    storage::ReadResult& data = answers[i].data;
    if (data.size == 0) continue;
    const std::uint64_t left = bytes_max_ > total ? bytes_max_ - total : 0;
    const std::uint64_t allowed = std::min(parts_[i].bytes_max, left);
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

Response FetchPlan::respond(std::vector<FetchAnswer> answers) {
  Response response;
  std::map<std::size_t, std::size_t> places;  // topic of the request -> topic of the answer
  auto topic_row = [&](std::size_t topic) -> Response::FetchableTopicResponse& {
    auto [place, is_new] = places.emplace(topic, response.responses.size());
    if (is_new) {
      Response::FetchableTopicResponse row;
      row.topic = request_.topics[topic].topic;
      row.topic_id = request_.topics[topic].topic_id;
      response.responses.push_back(std::move(row));
    }
    return response.responses[place->second];
  };
  std::map<std::size_t, std::vector<std::vector<storage::LogSlice>>>
      slices;  // by topic of the answer
  for (std::size_t i = 0; i < answers.size(); ++i) {
    FetchAnswer& answer = answers[i];
    auto& topic = topic_row(part_topics_[i]);
    auto row = error_row(parts_[i].index, answer.error, is_read_committed_);
    row.high_watermark = answer.high_watermark.value();
    row.last_stable_offset = answer.last_stable.value();
    row.log_start_offset = answer.log_start.value();
    if (answer.diverging) {
      row.diverging_epoch.epoch = answer.diverging->epoch.value();
      row.diverging_epoch.end_offset = answer.diverging->end.value();
    }
    row.records->external_bytes = answer.data.size;
    if (answer.data.size > 0) {
      for (const storage::AbortedTransaction& each : answer.aborted)
        row.aborted_transactions->push_back({each.producer.value(), each.first.value()});
    }
    if (answer.data.size > 0)
      slices[places.at(part_topics_[i])].push_back(std::move(answer.data.slices));
    topic.partitions.push_back(std::move(row));
  }
  for (const Refused& refused : refused_) {
    topic_row(refused.topic)
        .partitions.push_back(error_row(refused.index, refused.error, is_read_committed_));
  }
  for (auto& [topic, of_topic] : slices) {
    for (auto& of_partition : of_topic) context_.slices.push_back(std::move(of_partition));
  }
  return response;
}

}  // namespace gregor::broker
