#include "crash/producer.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "crash/payload.h"
#include "model/batch_builder.h"
#include "protocol/produce.h"

namespace gregor::crash {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr protocol::ApiVersion produce_version = 9;
constexpr std::size_t under_way_max = 8;
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
  const bool may_send = under_way_.size() < under_way_max && is_due();
  if (may_send) send_request();
  if (!client_) return;
  if (client_->wait_readable(milliseconds(may_send ? 0 : 1)) && !receive_answer()) disconnect();
}

void Producer::connect() {
  auto client = WireClient::connect(options_.address);
  if (client) client_ = std::move(*client);
}

// What was under way stays as it is in the log of sends: unanswered.
void Producer::disconnect() {
  client_.reset();
  under_way_.clear();
}

bool Producer::is_due() const { return steady_clock::now() >= next_send_; }

std::uint64_t Producer::draw(std::uint64_t below) {
  return mixed(mixed(options_.seed, identity_.index), ++draws_) % below;
}

std::vector<std::byte> Producer::make_batch(SendId send, int count, bool is_compressed) const {
  model::BatchBuilder builder({.codec = is_compressed ? model::Codec::lz4 : model::Codec::none});
  const model::TimestampMs now{now_ms()};
  for (int i = 0; i < count; ++i) {
    const auto value = make_value(record_number(send, i), options_.seed);
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
  Exchange exchange{.correlation_id = ++correlation_id_, .parts = {}};
  std::vector<std::vector<std::byte>> batches;
  protocol::ProduceRequest request{.acks = identity_.acks, .timeout_ms = request_timeout_ms};
  auto& topic = request.topic_data.emplace_back();
  topic.name = options_.topic;
  double bytes = 0;
  for (std::uint64_t i = 0; i < wanted; ++i) {
    const auto partition = static_cast<std::int32_t>((first + i) % partitions);
    const int count = batch_records_min + static_cast<int>(draw(batch_records_spread));
    const SendId send = sends_.add(identity_.index, partition, count);
    batches.push_back(make_batch(send, count, draw(compressed_one_in) == 0));
    topic.partition_data.push_back(
        {.index = partition, .records = protocol::Records{.bytes = batches.back()}});
    exchange.parts.push_back(
        {.send = send, .partition = partition, .bytes = batches.back().size()});
    bytes += static_cast<double>(batches.back().size());
  }
  const auto frame = frame_of(request, produce_version, exchange.correlation_id);
  GREGOR_ASSERT(frame.has_value());
  const auto gap = std::chrono::duration_cast<steady_clock::duration>(
      duration<double>(bytes / options_.bytes_per_second));
  next_send_ = std::max(next_send_, steady_clock::now() - behind_max) + gap;
  under_way_.push_back(std::move(exchange));
  if (!client_->send(*frame)) disconnect();
}

Result<void> Producer::receive_answer() {
  if (under_way_.empty())
    return fail(ErrorCode::network_exception, "closed, or an answer to nothing");
  const Exchange exchange = std::move(under_way_.front());
  under_way_.pop_front();
  const auto answer =
      client_->receive_answer<protocol::ProduceResponse>(produce_version, exchange.correlation_id);
  if (!answer) return fail(answer.error());
  for (const auto& topic : answer->message.responses) {
    for (const auto& partition : topic.partition_responses) {
      const auto part = std::find_if(exchange.parts.begin(), exchange.parts.end(),
                                     [&](const Part& p) { return p.partition == partition.index; });
      if (part == exchange.parts.end())
        return fail(ErrorCode::invalid_request, "an answer for another partition");
      if (partition.error_code == ErrorCode::none) {
        sends_.answer(part->send, partition.base_offset, now_seconds());
        bytes_answered_ += part->bytes;
      } else {
        sends_.fail(part->send, static_cast<std::int16_t>(partition.error_code));
        ++errors_[static_cast<std::int16_t>(partition.error_code)];
      }
    }
  }
  return {};
}

void Producer::finish_under_way() {
  const auto end = steady_clock::now() + under_way_timeout;
  while (client_ && !under_way_.empty()) {
    const bool readable = client_->wait_readable(milliseconds(10));
    if ((readable && !receive_answer()) || steady_clock::now() > end) disconnect();
  }
}

}  // namespace gregor::crash
