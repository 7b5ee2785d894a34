#include "crash/log_reader.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "crash/payload.h"
#include "model/record.h"
#include "model/record_batch.h"
#include "protocol/fetch.h"
#include "protocol/list_offsets.h"

namespace gregor::crash {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr protocol::ApiVersion fetch_version = 12;
constexpr protocol::ApiVersion list_offsets_version = 6;
constexpr std::int32_t fetch_bytes = 8 * 1024 * 1024;
constexpr std::int64_t latest = -1;
constexpr std::chrono::seconds patience{10};

class PartitionReader {
 public:
  PartitionReader(WireClient& client, const LoadOptions& options, std::int32_t partition,
                  LogJudge& judge)
      : client_(client), options_(options), partition_(partition), judge_(judge) {}

  Result<void> read_to_end() {
    const auto end = patiently([this] { return log_end(); });
    if (!end) return fail(end.error());
    // A broken log can make no progress at all; the judge's end() names that.
    bool goes_on = true;
    while (goes_on && judge_.next_offset(partition_) < *end) {
      const auto before = judge_.next_offset(partition_);
      if (auto done = patiently([this] { return fetch_once(); }); !done)
        return fail(std::move(done.error()));
      goes_on = judge_.next_offset(partition_) > before;
    }
    judge_.end(partition_, *end);
    return {};
  }

 private:
  // Retriable errors pass soon after a restart.
  template <class Call>
  auto patiently(Call call) -> decltype(call()) {
    const auto end = steady_clock::now() + patience;
    for (;;) {
      auto result = call();
      if (result || result.error().code == ErrorCode::network_exception ||
          steady_clock::now() > end)
        return result;
      std::this_thread::sleep_for(milliseconds(20));
    }
  }

  Result<std::int64_t> log_end() {
    protocol::ListOffsetsRequest request{.replica_id = -1};
    auto& topic = request.topics.emplace_back();
    topic.name = options_.topic;
    topic.partitions.push_back({.partition_index = partition_, .timestamp = latest});
    const auto answer = client_.call<protocol::ListOffsets>(request, list_offsets_version);
    if (!answer) return fail(answer.error());
    const auto& found = answer->message.topics.at(0).partitions.at(0);
    if (found.error_code != ErrorCode::none) return fail(found.error_code, "ListOffsets");
    return found.offset;
  }

  Result<void> fetch_once() {
    const std::int64_t from = judge_.next_offset(partition_);
    protocol::FetchRequest request{.max_wait_ms = 1000, .min_bytes = 1, .max_bytes = fetch_bytes};
    auto& topic = request.topics.emplace_back();
    topic.topic = options_.topic;
    topic.partitions.push_back(
        {.partition = partition_, .fetch_offset = from, .partition_max_bytes = fetch_bytes});
    const auto answer = client_.call<protocol::Fetch>(request, fetch_version);
    if (!answer) return fail(answer.error());
    const auto& found = answer->message.responses.at(0).partitions.at(0);
    if (found.error_code != ErrorCode::none)
      return fail(found.error_code, fmt::format("Fetch at {}", from));
    if (found.records) judge_run(found.records->bytes, from);
    return {};
  }

  void judge_run(ByteView run, std::int64_t from) {
    model::BatchCursor batches(run);
    for (;;) {
      const auto batch = batches.next();
      if (!batch)
        return judge_.unreadable(partition_, judge_.next_offset(partition_), batch.error().detail);
      if (!*batch) return;  // the end, or a batch that was cut off by the size limit
      judge_batch(**batch, from);
    }
  }

  void judge_batch(const model::RecordBatchView& batch, std::int64_t from) {
    const std::int64_t base = batch.base_offset().value();
    if (!batch.crc_is_valid()) return judge_.unreadable(partition_, base, "wrong CRC");
    const auto records = model::inflate_records(batch);
    if (!records) return judge_.unreadable(partition_, base, records.error().detail);
    model::RecordCursor cursor(*records);
    std::int32_t count = 0;
    for (;; ++count) {
      const auto record = cursor.next();
      if (!record) return judge_.unreadable(partition_, base, record.error().detail);
      if (!*record) break;
      const std::int64_t offset = base + (*record)->offset_delta();
      if (offset >= from) judge_record(offset, (*record)->value().value_or(ByteView{}));
    }
    if (count != batch.record_count())
      judge_.unreadable(partition_, base, "another number of records than its header says");
  }

  void judge_record(std::int64_t offset, ByteView value) {
    const auto number = claimed_number(value);
    if (!number) return judge_.unreadable(partition_, offset, "too short a value");
    judge_.read({.partition = partition_,
                 .offset = offset,
                 .number = *number,
                 .is_intact = value_is_intact(value, options_.seed)});
  }

  WireClient& client_;
  const LoadOptions& options_;
  const std::int32_t partition_;
  LogJudge& judge_;
};

}  // namespace

Result<void> read_log(const LoadOptions& options, LogJudge& judge) {
  auto client = WireClient::connect(options.address);
  if (!client) return fail(client.error());
  for (std::int32_t p = 0; p < options.partitions; ++p) {
    PartitionReader reader(*client, options, p, judge);
    if (auto done = reader.read_to_end(); !done) return done;
  }
  return {};
}

}  // namespace gregor::crash
