#include "broker/handlers/produce.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "broker/authorizer.h"
#include "broker/broker_shard.h"
#include "model/record_batch.h"
#include "model/topic_name.h"

namespace gregor::broker {
namespace {

using Request = protocol::ProduceRequest;
using Response = protocol::ProduceResponse;
using Answer = Response::PartitionProduceResponse;

constexpr std::int16_t acks_all = -1;
constexpr protocol::ApiVersion zstd_from_version = 7;
constexpr protocol::ApiVersion ids_from_version = 13;

// One partition's share of a request. It is worked on by the shard that owns the partition.
struct Part {
  std::string_view topic;
  std::int32_t index = 0;
  ByteSpan batch;
  bool has_batch = false;
  std::int16_t acks = 0;
  bool zstd_allowed = true;
  std::size_t topic_place = 0;  // in the answer
};

struct Appended {
  ErrorCode error = ErrorCode::none;
  storage::AppendInfo info;
  std::string message;
  std::vector<storage::BatchError::Record> records;
};

Appended failed(ErrorCode error, std::string message) {
  Appended answer;
  answer.error = error;
  answer.message = std::move(message);
  answer.info.log_start = model::Offset(-1);
  return answer;
}

bool is_transactional(ByteView batch) {
  auto view = model::RecordBatchView::parse(batch);
  return view && view->is_transactional();
}

bool is_legal(std::int16_t acks) { return acks >= -1 && acks <= 1; }

// A batch of a transaction that this partition does not know to be open. Kafka asks the
// transaction's coordinator then; there is none yet, so nobody knows the producer.
bool lacks_transaction(const storage::PartitionLog& log, ByteView batch) {
  auto view = model::RecordBatchView::parse(batch);
  return view && view->is_transactional() && view->producer_id() >= model::ProducerId(0) &&
         !log.has_open_transaction(view->producer_id());
}

bool is_zstd(ByteView batch) {
  auto view = model::RecordBatchView::parse(batch);
  return view && view->codec() == model::Codec::zstd;
}

runtime::Task<void> append_part(BrokerShard& shard, const Part& part, Appended& answer) {
  auto found = shard.find_led(part.topic, part.index, -1);
  if (!found) {
    answer = failed(found.error().code, std::move(found.error().detail));
    co_return;
  }
  const std::shared_ptr<Partition> partition = std::move(*found);
  if (lacks_transaction(partition->log(), part.batch)) {
    answer = failed(ErrorCode::invalid_producer_id_mapping, "no transaction of this producer");
    co_return;
  }
  if (!is_legal(part.acks)) {
    answer = failed(ErrorCode::invalid_required_acks, "");
    co_return;
  }
  const auto isr_size = static_cast<std::int32_t>(partition->leadership().isr.size());
  if (part.acks == acks_all && isr_size < partition->min_insync_replicas()) {
    answer =
        failed(ErrorCode::not_enough_replicas, "fewer in-sync replicas than min.insync.replicas");
    co_return;
  }
  if (!part.zstd_allowed && is_zstd(part.batch)) {
    answer = failed(ErrorCode::unsupported_compression_type, "zstd needs Produce version 7");
    co_return;
  }
  auto appended = co_await partition->log().append(part.batch, partition->leadership().epoch);
  if (appended) {
    answer.info = *appended;
    co_return;
  }
  answer = failed(appended.error().error.code, std::move(appended.error().error.detail));
  if (appended.error().log_consulted) answer.info.log_start = partition->log().log_start();
  answer.records = std::move(appended.error().records);
}

runtime::Task<std::vector<Appended>> append_parts(BrokerShard& shard,
                                                  std::span<Part* const> parts) {
  std::vector<Appended> answers(parts.size());
  if (parts.size() == 1) {
    co_await append_part(shard, *parts[0], answers[0]);
    co_return answers;
  }
  // All are staged before the first one is written, so that they share the turn.
  runtime::TaskGroup pending;
  for (std::size_t i = 0; i < parts.size(); ++i)
    pending.spawn(append_part(shard, *parts[i], answers[i]));
  co_await pending.join();
  co_return answers;
}

Answer error_row(std::int32_t index, ErrorCode error) {
  Answer row;
  row.index = index;
  row.error_code = error;
  row.base_offset = -1;
  return row;
}

Answer to_row(RequestContext& context, std::int32_t index, Appended& appended) {
  if (appended.error == ErrorCode::none) {
    Answer row;
    row.index = index;
    row.base_offset = appended.info.offsets.first.value();
    row.log_append_time_ms = appended.info.append_time.value();
    row.log_start_offset = appended.info.log_start.value();
    return row;
  }
  Answer row = error_row(index, appended.error);
  row.log_start_offset = appended.info.log_start.value();
  if (!appended.message.empty()) row.error_message = context.keep(std::move(appended.message));
  for (auto& record : appended.records) {
    Response::BatchIndexAndErrorMessage bad;
    bad.batch_index = record.index;
    bad.batch_index_error_message = context.keep(std::move(record.message));
    row.record_errors.push_back(bad);
  }
  return row;
}

// A request cut into parts; entries that need no log are answered here.
struct Plan {
  std::vector<Part> parts;
  Response answer;
  bool any_error = false;

  void refuse(std::size_t topic, std::int32_t index, ErrorCode error) {
    answer.responses[topic].partition_responses.push_back(error_row(index, error));
    any_error = true;
  }
};

std::string_view name_of(const RequestContext& context, const Request::TopicProduceData& topic) {
  if (context.version < ids_from_version) return topic.name;
  const model::TopicImage* known = context.image->find(topic.topic_id);
  return known != nullptr ? std::string_view(known->name) : std::string_view();
}

// Kafka lets the one client that calls itself so write to its internal topics.
constexpr std::string_view internal_client = "__admin_client";

// What needs no look into the log, in Kafka's order.
std::optional<ErrorCode> find_fault(const RequestContext& context,
                                    const Request::PartitionProduceData& data,
                                    std::string_view name) {
  if (!data.records || data.records->bytes.empty()) return ErrorCode::invalid_record;
  if (model::is_internal_topic(name) && context.client_id != internal_client)
    return ErrorCode::invalid_topic_exception;
  return std::nullopt;
}

void add_partition(RequestContext& context, const Request& request,
                   const Request::PartitionProduceData& data, std::string_view name, Plan& plan) {
  const std::size_t place = plan.answer.responses.size() - 1;
  if (context.version >= ids_from_version && name.empty())
    return plan.refuse(place, data.index, ErrorCode::unknown_topic_id);
  if (!authorize(context, Action::write, ResourceType::topic, name)) {
    return plan.refuse(place, data.index, ErrorCode::topic_authorization_failed);
  }
  if (const auto fault = find_fault(context, data, name)) {
    // A partition that is not there comes before all of these.
    const bool is_there = context.image->find(name, model::PartitionIndex(data.index)) != nullptr;
    return plan.refuse(place, data.index,
                       is_there ? *fault : ErrorCode::unknown_topic_or_partition);
  }
  Part part;
  part.topic = name;
  part.index = data.index;
  part.batch = context.writable(data.records->bytes);
  part.acks = request.acks;
  part.zstd_allowed = context.version >= zstd_from_version;
  part.topic_place = place;
  plan.parts.push_back(part);
}

// Transactional records may come only under a transactional id; one such batch fails the whole
// request.
bool lacks_transactional_id(const Request& request) {
  if (request.transactional_id) return false;
  for (const auto& topic : request.topic_data) {
    for (const auto& data : topic.partition_data) {
      if (data.records && is_transactional(data.records->bytes)) return true;
    }
  }
  return false;
}

Plan make_plan(RequestContext& context, const Request& request) {
  Plan plan;
  const bool is_refused = lacks_transactional_id(request);
  for (const auto& topic : request.topic_data) {
    const std::string_view name = name_of(context, topic);
    Response::TopicProduceResponse row;
    row.name = topic.name;
    row.topic_id = topic.topic_id;
    plan.answer.responses.push_back(std::move(row));
    // The same partition twice: the last one counts, and there is one answer.
    std::map<std::int32_t, const Request::PartitionProduceData*> last;
    for (const auto& data : topic.partition_data) last[data.index] = &data;
    for (const auto& data : topic.partition_data) {
      if (last[data.index] != &data) continue;
      if (is_refused) {
        plan.refuse(plan.answer.responses.size() - 1, data.index,
                    ErrorCode::transactional_id_authorization_failed);
      } else {
        add_partition(context, request, data, name, plan);
      }
    }
  }
  return plan;
}

void take_leader_hint(RequestContext& context, const Part& part, Answer& row) {
  if (row.error_code != ErrorCode::not_leader_or_follower) return;
  const model::PartitionImage* known =
      context.image->find(part.topic, model::PartitionIndex(part.index));
  if (known == nullptr) return;
  row.current_leader.leader_id = known->leader.value();
  row.current_leader.leader_epoch = known->leader_epoch.value();
}

}  // namespace

runtime::Task<protocol::ProduceResponse> ProduceHandler::handle(RequestContext& context,
                                                                protocol::ProduceRequest request) {
  Plan plan = make_plan(context, request);
  BrokerShard& home = context.shard;
  auto owner = [&home](const Part& part) { return home.owner(part.topic, part.index); };
  auto work = [&home](runtime::ShardId target, std::span<Part* const> parts) {
    return append_parts(home.peer(target), parts);
  };
  std::vector<Appended> appended =
      co_await scatter<Appended>(home.shard(), std::span<Part>(plan.parts), owner, work);
  for (std::size_t i = 0; i < plan.parts.size(); ++i) {
    const Part& part = plan.parts[i];
    Answer row = to_row(context, part.index, appended[i]);
    if (row.error_code != ErrorCode::none) plan.any_error = true;
    take_leader_hint(context, part, row);
    plan.answer.responses[part.topic_place].partition_responses.push_back(std::move(row));
  }
  if (request.acks == 0) {
    context.silent = true;
    if (plan.any_error) context.close_reason = "a produce request with acks=0 failed";
  }
  co_return std::move(plan.answer);
}

}  // namespace gregor::broker
