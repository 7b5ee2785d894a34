#include "broker/handlers/fetch_reader.h"

#include <memory>
#include <utility>

#include "base/log.h"

namespace gregor::broker {
namespace {

FetchAnswer failed(ErrorCode error) {
  FetchAnswer answer;
  answer.error = error;
  return answer;
}

// KIP-595: the reader's last epoch ends elsewhere in this log; it has to cut its own log first.
std::optional<storage::PartitionLog::EpochEnd> divergence(const storage::PartitionLog& log,
                                                          const FetchPart& part) {
  if (part.last_fetched_epoch < 0) return std::nullopt;
  const auto end = log.end_of_epoch(model::LeaderEpoch(part.last_fetched_epoch));
  if (end.epoch.value() < part.last_fetched_epoch || end.end.value() < part.offset) return end;
  return std::nullopt;
}

FetchAnswer offsets_of(const storage::PartitionLog& log) {
  FetchAnswer answer;
  answer.high_watermark = log.high_watermark();
  answer.last_stable = log.last_stable_offset();
  answer.log_start = log.log_start();
  return answer;
}

runtime::Task<FetchAnswer> read_part(BrokerShard& shard, const FetchPart& part) {
  auto found = shard.find_led(part.topic, part.index,
                              part.current_leader_epoch < -1 ? -1 : part.current_leader_epoch);
  if (!found) co_return failed(found.error().code);
  const std::shared_ptr<Partition> partition = std::move(*found);
  if (!part.topic_id.is_zero() && part.topic_id != partition->topic_id())
    co_return failed(ErrorCode::inconsistent_topic_id);
  storage::PartitionLog& log = partition->log();

  FetchAnswer answer = offsets_of(log);
  if (auto diverging = divergence(log, part)) {
    if (diverging->epoch.value() < 0) co_return failed(ErrorCode::offset_out_of_range);
    answer.diverging = diverging;
    co_return answer;
  }
  if (part.offset < log.log_start().value() || part.offset > answer.high_watermark.value()) {
    co_return failed(ErrorCode::offset_out_of_range);
  }
  const model::Offset end = part.is_read_committed ? answer.last_stable : answer.high_watermark;
  if (part.offset >= end.value()) co_return answer;
  storage::ReadRequest request;
  request.from = model::Offset(part.offset);
  request.end = end;
  request.bytes_max = part.bytes_max;
  request.first_batch_whole = true;
  request.wants_end = part.is_read_committed;
  auto data = co_await log.read(request);
  if (!data) {
    log::error("fetch", "{}-{} from offset {}: {}", part.topic, part.index, part.offset,
               data.error().detail);
    co_return failed(data.error().code);
  }
  answer.data = std::move(*data);
  if (!part.is_read_committed || answer.data.size == 0) co_return answer;
  const model::OffsetRange range{request.from, answer.data.end};
  auto aborted = co_await log.aborted_transactions(range);
  if (!aborted) {
    log::error("fetch", "{}-{} from offset {}: {}", part.topic, part.index, part.offset,
               aborted.error().detail);
    co_return failed(aborted.error().code);
  }
  answer.aborted = std::move(*aborted);
  co_return answer;
}

}  // namespace

runtime::Task<std::vector<FetchAnswer>> read_parts(BrokerShard& shard,
                                                   std::span<FetchPart* const> parts,
                                                   std::optional<NoticeOrder> order) {
  std::vector<FetchAnswer> answers;
  answers.reserve(parts.size());
  bool is_empty = true;
  for (FetchPart* part : parts) {
    FetchAnswer answer = co_await read_part(shard, *part);
    part->seen = answer.high_watermark;
    const bool has_news = answer.error != ErrorCode::none || answer.diverging;
    is_empty = is_empty && !has_news && answer.data.size == 0;
    answers.push_back(std::move(answer));
  }
  if (order && is_empty) arm_notice(shard, *order, parts);
  co_return answers;
}

void arm_notice(BrokerShard& shard, NoticeOrder order, std::span<FetchPart* const> parts) {
  std::vector<FetchNotices::Place> places;
  for (const FetchPart* part : parts) {
    if (auto partition = shard.find(part->topic, part->index))
      places.push_back({std::move(partition), part->seen});
  }
  shard.notices().arm(order.notice, order.bytes_wanted, std::move(places));
}

}  // namespace gregor::broker
