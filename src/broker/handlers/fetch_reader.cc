#include "broker/handlers/fetch_reader.h"

#include <chrono>
#include <memory>
#include <utility>

#include "base/log.h"
#include "storage/dir_health.h"
#include "storage/open_segments.h"

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

void tell_offsets(const storage::PartitionLog& log, FetchAnswer& answer) {
  answer.high_watermark = log.high_watermark();
  answer.last_stable = log.last_stable_offset();
  answer.log_start = log.log_start();
}

// A part that has something to read, and the answer so far.
struct Reading {
  std::shared_ptr<Partition> partition;
  storage::ReadRequest request;
  bool is_due = false;  ///< false: the answer is complete without a read
};

// Everything that needs no read: errors, a divergence, the offsets; most visits find nothing new.
Reading begin_reading(BrokerShard& shard, FetchPart& part) {
  Reading reading;
  FetchAnswer& answer = part.answer;
  if (part.was_read) answer = {};
  part.was_read = true;
  auto found = shard.find_led(part.topic, part.index,
                              part.current_leader_epoch < -1 ? -1 : part.current_leader_epoch);
  if (!found) {
    answer = failed(found.error().code);
    return reading;
  }
  reading.partition = std::move(*found);
  part.found = reading.partition;
  if (!part.topic_id.is_zero() && part.topic_id != reading.partition->topic_id()) {
    answer = failed(ErrorCode::inconsistent_topic_id);
    return reading;
  }
  const storage::PartitionLog& log = reading.partition->log();
  tell_offsets(log, answer);
  if (auto diverging = divergence(log, part)) {
    answer.diverging = diverging;
    if (diverging->epoch.value() < 0) answer = failed(ErrorCode::offset_out_of_range);
    return reading;
  }
  if (part.offset < log.log_start().value() || part.offset > answer.high_watermark.value()) {
    answer = failed(ErrorCode::offset_out_of_range);
    return reading;
  }
  const model::Offset end = part.is_read_committed ? answer.last_stable : answer.high_watermark;
  reading.is_due = part.offset < end.value();
  reading.request.from = model::Offset(part.offset);
  reading.request.end = end;
  reading.request.bytes_max = part.bytes_max;
  reading.request.first_batch_whole = true;
  reading.request.wants_end = part.is_read_committed;
  return reading;
}

// True if the data is at hand: then no task is needed.
bool read_at_hand(const Reading& reading, const FetchPart& part, FetchAnswer& answer) {
  storage::PartitionLog& log = reading.partition->log();
  if (part.is_read_committed && log.may_have_aborted(reading.request.from)) return false;
  auto data = log.read_at_hand(reading.request);
  if (data) answer.data = std::move(*data);
  return data.has_value();
}

FetchAnswer read_failed(const FetchPart& part, const Error& error) {
  log::error("fetch", "{}-{} from offset {}: {}", part.topic, part.index, part.offset,
             error.detail);
  return failed(error.code);
}

// As many old segments as may be open are being sent just now: until then it is tried again. What
// is asked for in vain for storage::OpenSegments::patience is opened all the same.
constexpr std::chrono::milliseconds room_pause{5};
constexpr std::chrono::milliseconds room_wait_max{100};
static_assert(room_wait_max > storage::OpenSegments::patience + room_pause);

// @param room_deadline  of the whole visit, from its first refusal on; nullptr: this one doesn't
// wait
runtime::Task<void> read(runtime::Shard& shard, const Reading& reading, FetchPart& part,
                         std::optional<runtime::Instant>* room_deadline) {
  storage::PartitionLog& log = reading.partition->log();
  FetchAnswer& answer = part.answer;
  auto data = co_await log.read(reading.request);
  while (!data && storage::is_out_of_descriptors(data.error())) {
    // Nothing yet: the client asks again.
    part.lacks_room = true;
    if (room_deadline == nullptr) co_return;
    const runtime::Instant now = shard.clock().now();
    if (!*room_deadline) *room_deadline = now + room_wait_max;
    if (now >= **room_deadline) co_return;
    co_await runtime::sleep_until(shard, now + room_pause);
    data = co_await log.read(reading.request);
  }
  part.lacks_room = false;
  if (!data) {
    answer = read_failed(part, data.error());
    co_return;
  }
  answer.data = std::move(*data);
  if (!part.is_read_committed || answer.data.size == 0) co_return;
  const model::OffsetRange range{reading.request.from, answer.data.end};
  auto aborted = co_await log.aborted_transactions(range);
  if (aborted) {
    answer.aborted = std::move(*aborted);
  } else {
    answer = read_failed(part, aborted.error());
  }
}

// Whether a partition is other than at its last read. What else may have happened to it (another
// leader, say) comes with its own notice or is told to the next fetch.
bool has_moved(const FetchPart& part) {
  if (part.lacks_room) return true;
  const std::shared_ptr<Partition> partition = part.found.lock();
  if (!partition || partition->is_retired()) return true;
  const storage::PartitionLog& log = partition->log();
  return log.is_offline() || log.high_watermark() != part.seen ||
         log.last_stable_offset() != part.answer.last_stable ||
         log.log_start() != part.answer.log_start;
}

}  // namespace

runtime::Task<void> read_parts(BrokerShard& shard, std::span<FetchPart* const> parts,
                               FetchRange range, std::optional<NoticeOrder> order) {
  bool is_empty = true;
  std::optional<runtime::Instant> room_deadline;
  for (FetchPart* const part : parts) {
    if (range == FetchRange::all || has_moved(*part)) {
      const Reading reading = begin_reading(shard, *part);
      part->lacks_room = false;
      if (reading.is_due && !read_at_hand(reading, *part, part->answer)) {
        // Who has something to answer does not wait: what it has takes room itself.
        co_await read(shard.shard(), reading, *part, is_empty ? &room_deadline : nullptr);
      }
      part->seen = part->answer.high_watermark;
    }
    is_empty = is_empty && !part->answer.is_special() && part->answer.data.size == 0;
  }
  if (order && is_empty) arm_notice(shard, *order, parts);
}

void arm_notice(BrokerShard& shard, NoticeOrder order, std::span<FetchPart* const> parts) {
  std::vector<FetchNotices::Place> places;
  places.reserve(parts.size());
  for (const FetchPart* part : parts) {
    auto partition = part->found.lock();
    if (!partition || partition->is_retired()) partition = shard.find(part->topic, part->index);
    if (partition) places.push_back({std::move(partition), part->seen});
  }
  shard.notices().arm(order.notice, order.bytes_wanted, std::move(places));
}

}  // namespace gregor::broker
