#include "broker/groups/record_times.h"

#include <vector>

#include "model/record.h"
#include "model/record_batch.h"

namespace gregor::broker {
namespace {

// Reads of one shard for one page.
constexpr std::size_t looked_up_max = 200;

// The time of the first record at or behind `offset` in a batch.
std::optional<model::TimestampMs> time_in(ByteView bytes, model::Offset offset) {
  auto batch = model::RecordBatchView::parse(bytes);
  if (!batch) return std::nullopt;
  auto records = model::inflate_records(*batch);
  if (!records) return std::nullopt;
  model::RecordCursor cursor(*records);
  for (;;) {
    auto next = cursor.next();
    if (!next || !*next) return std::nullopt;
    if (batch->base_offset() + (*next)->offset_delta() >= offset)
      return model::record_timestamp(*batch, **next);
  }
}

runtime::Task<std::optional<model::TimestampMs>> read_time(runtime::Shard& shard,
                                                           Partition& partition,
                                                           model::Offset offset) {
  storage::ReadRequest request;
  request.from = offset;
  request.end = partition.log().high_watermark();
  request.bytes_max = 1;
  request.first_batch_whole = true;
  auto found = co_await partition.log().read(request);
  if (!found || found->slices.empty()) co_return std::nullopt;
  const storage::LogSlice slice = found->slices.front();
  auto read = [&slice, offset]() -> std::optional<model::TimestampMs> {
    std::vector<std::byte> bytes(slice.size);
    auto size = slice.file->read_at(slice.position, bytes);
    if (!size || *size != bytes.size()) return std::nullopt;
    return time_in(bytes, offset);
  };
  co_return co_await runtime::offload(shard, read);
}

}  // namespace

void RecordTimes::begin_round() {
  before_ = std::move(known_);
  known_.clear();
  looked_up_ = 0;
}

runtime::Task<std::optional<model::TimestampMs>> RecordTimes::find(runtime::Shard& shard,
                                                                   Partition& partition,
                                                                   model::Offset offset) {
  const std::pair key(partition.log().partition(), offset);
  if (const auto known = known_.find(key); known != known_.end()) co_return known->second;
  if (auto moved = before_.extract(key)) co_return known_.insert(std::move(moved)).position->second;
  if (looked_up_ == looked_up_max) co_return std::nullopt;
  ++looked_up_;
  const auto time = co_await read_time(shard, partition, offset);
  if (time) known_.emplace(key, *time);
  co_return time;
}

}  // namespace gregor::broker
