#include "crash/producer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "crash/payload.h"
#include "model/batch_builder.h"
#include "protocol/init_producer_id.h"
#include "protocol/produce.h"

namespace gregor::crash {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr protocol::ApiVersion produce_version = 9;
constexpr protocol::ApiVersion init_producer_id_version = 4;
constexpr std::size_t under_way_max = 8;
// A broker knows the last five batches of a producer in a partition.
constexpr std::size_t idempotent_under_way_max = 5;
// So that sequence numbers wrap in each run.
constexpr std::int32_t first_sequence = std::numeric_limits<std::int32_t>::max() - 20'000;
constexpr std::uint64_t partitions_per_request_max = 3;
constexpr int batch_records_min = 8;
constexpr std::uint64_t batch_records_spread = 41;
constexpr std::uint64_t compressed_one_in = 8;
constexpr std::int32_t request_timeout_ms = 30000;
// After a pause or a restart the schedule is not made up for.
constexpr milliseconds behind_max{50};
constexpr milliseconds retry_connect{3};
constexpr milliseconds under_way_timeout{30000};

std::int64_t now_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Errors that another try of the same bytes does not change.
bool is_final(ErrorCode error) {
  switch (error) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::leader_not_available:
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::request_timed_out:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append:
    case ErrorCode::kafka_storage_error:
      return false;
    default:
      return true;
  }
}

double now_seconds() { return duration<double>(steady_clock::now().time_since_epoch()).count(); }

}  // namespace

Producer::Producer(const LoadOptions& options, ProducerIdentity identity, SendLog& sends)
    : options_(options), identity_(identity), sends_(sends), thread_([this] { run(); }) {}

Producer::~Producer() {
  control_.end();
  thread_.join();
}

void Producer::run() {
  while (!control_.is_end_wanted()) {
    if (control_.is_pause_wanted()) {
      finish_under_way();
      if (!control_.stand()) return;
      next_send_ = steady_clock::now();
    }
    step();
  }
}

void Producer::step() {
  if (!client_) connect();
  if (!client_) {
    std::this_thread::sleep_for(retry_connect);
    return;
  }
  const std::size_t most = options_.is_idempotent ? idempotent_under_way_max : under_way_max;
  const bool may_send = under_way_.size() < most && is_due();
  if (may_send) send_request();
  if (!client_) return;
  if (client_->wait_readable(milliseconds(may_send ? 0 : 1)) && !receive_answer()) disconnect();
}

void Producer::connect() {
  auto client = WireClient::connect(options_.address);
  if (!client) return;
  client_ = std::move(*client);
  if (!options_.is_idempotent) return;
  if (!take_id() || !send_again()) disconnect();
}

// What was under way stays as it is in the log of sends: unanswered. An idempotent producer sends
// it again.
void Producer::disconnect() {
  client_.reset();
  if (!options_.is_idempotent) under_way_.clear();
}

bool Producer::take_id() {
  if (id_ >= model::ProducerId(0)) return true;
  protocol::InitProducerIdRequest request;
  request.transactional_id.reset();
  const auto answer = client_->call<protocol::InitProducerId>(request, init_producer_id_version);
  if (!answer || answer->message.error_code != ErrorCode::none) return false;
  id_ = model::ProducerId(answer->message.producer_id);
  return true;
}

bool Producer::send_again() {
  return std::all_of(under_way_.begin(), under_way_.end(), [this](const Exchange& exchange) {
    return client_->send(exchange.frame).has_value();
  });
}

bool Producer::is_due() const { return steady_clock::now() >= next_send_; }

std::uint64_t Producer::draw(std::uint64_t below) {
  return mixed(mixed(options_.seed, identity_.index), ++draws_) % below;
}

std::int32_t Producer::take_sequence(std::int32_t partition, int count) {
  constexpr std::int64_t sequences = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;
  std::int32_t& next = next_sequences_.try_emplace(partition, first_sequence).first->second;
  return std::exchange(next, static_cast<std::int32_t>((next + std::int64_t{count}) % sequences));
}

std::vector<std::byte> Producer::make_batch(const Part& part, int count, bool is_compressed) {
  model::BatchOptions batch_options;
  if (is_compressed) batch_options.codec = model::Codec::lz4;
  if (options_.is_idempotent) {
    batch_options.producer_id = id_;
    batch_options.producer_epoch = model::ProducerEpoch(0);
    batch_options.base_sequence = take_sequence(part.partition, count);
  }
  model::BatchBuilder builder(batch_options);
  const model::TimestampMs now{now_ms()};
  for (int i = 0; i < count; ++i) {
    const auto value = make_value(record_number(part.send, i), options_.seed);
    builder.add({.timestamp = now, .value = ByteView(value)});
  }
  auto batch = builder.finish();
  GREGOR_ASSERT(batch.has_value());
  return std::move(*batch);
}

void Producer::send_request() {
  const auto partitions = static_cast<std::uint64_t>(options_.partitions);
  const std::uint64_t wanted = 1 + draw(std::min(partitions, partitions_per_request_max));
  const std::uint64_t first = draw(partitions);
  Exchange exchange{.correlation_id = ++correlation_id_, .parts = {}, .frame = {}};
  std::vector<std::vector<std::byte>> batches;
  protocol::ProduceRequest request{.acks = identity_.acks, .timeout_ms = request_timeout_ms};
  auto& topic = request.topic_data.emplace_back();
  topic.name = options_.topic;
  double bytes = 0;
  for (std::uint64_t i = 0; i < wanted; ++i) {
    const auto partition = static_cast<std::int32_t>((first + i) % partitions);
    const int count = batch_records_min + static_cast<int>(draw(batch_records_spread));
    Part part{.send = sends_.add(identity_.index, partition, count), .partition = partition};
    batches.push_back(make_batch(part, count, draw(compressed_one_in) == 0));
    part.bytes = batches.back().size();
    topic.partition_data.push_back(
        {.index = partition, .records = protocol::Records{.bytes = batches.back()}});
    exchange.parts.push_back(part);
    bytes += static_cast<double>(part.bytes);
  }
  auto frame = frame_of(request, produce_version, exchange.correlation_id);
  GREGOR_ASSERT(frame.has_value());
  exchange.frame = std::move(*frame);
  const auto gap = std::chrono::duration_cast<steady_clock::duration>(
      duration<double>(bytes / options_.bytes_per_second));
  next_send_ = std::max(next_send_, steady_clock::now() - behind_max) + gap;
  under_way_.push_back(std::move(exchange));
  if (!client_->send(under_way_.back().frame)) disconnect();
}

Result<void> Producer::receive_answer() {
  if (under_way_.empty())
    return fail(ErrorCode::network_exception, "closed, or an answer to nothing");
  // An idempotent producer forgets it only once each part has its last answer.
  const Exchange exchange = under_way_.front();
  const auto answer =
      client_->receive_answer<protocol::ProduceResponse>(produce_version, exchange.correlation_id);
  if (!answer) return fail(answer.error());
  bool is_final = true;
  for (const auto& topic : answer->message.responses) {
    for (const auto& partition : topic.partition_responses) {
      const auto part = std::find_if(exchange.parts.begin(), exchange.parts.end(),
                                     [&](const Part& p) { return p.partition == partition.index; });
      if (part == exchange.parts.end())
        return fail(ErrorCode::invalid_request, "an answer for another partition");
      if (!take_answer(*part, partition.error_code, partition.base_offset)) is_final = false;
    }
  }
  // The same batch has to come first again: whatever follows it would leave a gap.
  if (!is_final) return fail(ErrorCode::request_timed_out, "to be sent again");
  under_way_.pop_front();
  return {};
}

// @return false if the part is to be sent again
bool Producer::take_answer(const Part& part, ErrorCode error, std::int64_t base_offset) {
  if (error == ErrorCode::none) {
    if (sends_.find(part.send)->fate != Fate::answered) bytes_answered_ += part.bytes;
    sends_.answer(part.send, base_offset, now_seconds());
    return true;
  }
  ++errors_[static_cast<std::int16_t>(error)];
  if (options_.is_idempotent && !is_final(error)) return false;
  sends_.fail(part.send, static_cast<std::int16_t>(error));
  return true;
}

void Producer::finish_under_way() {
  const auto end = steady_clock::now() + under_way_timeout;
  while (!under_way_.empty() && steady_clock::now() <= end) {
    if (!client_ && !options_.is_idempotent) break;
    if (!client_) connect();
    if (!client_) {
      std::this_thread::sleep_for(retry_connect);
    } else if (client_->wait_readable(milliseconds(10)) && !receive_answer()) {
      disconnect();
    }
  }
  if (!under_way_.empty()) disconnect();
}

}  // namespace gregor::crash
