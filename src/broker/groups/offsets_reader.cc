#include "broker/groups/offsets_reader.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "model/record.h"
#include "model/record_batch.h"
#include "storage/dir_health.h"

namespace gregor::broker {
namespace {

using model::RecordBatchView;

// As many old segments as may be open are being sent to consumers: what loads waits for them.
constexpr std::chrono::milliseconds room_pause{5};
constexpr std::chrono::seconds room_wait_max{30};

Result<std::vector<std::byte>> read_slices(const std::vector<storage::LogSlice>& slices) {
  std::size_t size = 0;
  for (const storage::LogSlice& slice : slices) size += slice.size;
  std::vector<std::byte> bytes(size);
  std::size_t at = 0;
  for (const storage::LogSlice& slice : slices) {
    auto read = slice.file->read_at(slice.position, ByteSpan(bytes).subspan(at, slice.size));
    if (!read) return fail(std::move(read.error()));
    if (*read != slice.size)
      return fail(ErrorCode::kafka_storage_error, "a segment is shorter than it was");
    at += slice.size;
  }
  return bytes;
}

Result<void> take_marker(const RecordBatchView& batch, LoadedRun& run) {
  auto marker = model::read_end_marker(batch);
  if (!marker) return fail(std::move(marker.error()));
  if (*marker) run.items.push_back({batch.base_offset(), model::ProducerId(-1), **marker});
  return {};
}

Result<void> take_records(const RecordBatchView& batch, model::OffsetRange range, LoadedRun& run) {
  auto records = model::inflate_records(batch);
  if (!records) return fail(std::move(records.error()));
  model::RecordCursor cursor(*records);
  for (;;) {
    auto next = cursor.next();
    if (!next) return fail(std::move(next.error()));
    if (!*next) return {};
    const model::RecordView& record = **next;
    const model::Offset at = batch.base_offset() + record.offset_delta();
    if (at < range.first || at >= range.end || !record.key()) continue;
    auto decoded = group::decode_record(*record.key(), record.value());
    if (!decoded) {
      return fail(decoded.error().code,
                  fmt::format("offset {}: {}", at.value(), decoded.error().detail));
    }
    LoadedItem item{at, model::ProducerId(-1), std::move(*decoded)};
    if (batch.is_transactional()) item.transaction = batch.producer_id();
    run.items.push_back(std::move(item));
  }
}

Result<LoadedRun> take_apart(const std::vector<storage::LogSlice>& slices,
                             model::OffsetRange range) {
  auto bytes = read_slices(slices);
  if (!bytes) return fail(std::move(bytes.error()));
  LoadedRun run{{}, range.first};
  model::BatchCursor cursor(*bytes);
  for (;;) {
    auto batch = cursor.next();
    if (!batch) return fail(std::move(batch.error()));
    if (!*batch) return run;  // the end, or a batch that was cut
    auto taken =
        (*batch)->is_control() ? take_marker(**batch, run) : take_records(**batch, range, run);
    if (!taken) return fail(std::move(taken.error()));
    run.next = (*batch)->next_offset();
  }
}

}  // namespace

runtime::Task<Result<LoadedRun>> read_run(runtime::Shard& shard, storage::PartitionLog& log,
                                          model::OffsetRange range, std::uint64_t bytes_max) {
  storage::ReadRequest request;
  request.from = range.first;
  request.end = range.end;
  request.bytes_max = bytes_max;
  request.first_batch_whole = true;
  const runtime::Instant room_deadline = shard.clock().now() + room_wait_max;
  auto found = co_await log.read(request);
  while (!found && storage::is_out_of_descriptors(found.error())) {
    if (shard.clock().now() >= room_deadline) break;
    co_await runtime::sleep_until(shard, shard.clock().now() + room_pause);
    found = co_await log.read(request);
  }
  if (!found) co_return fail(std::move(found.error()));
  const std::vector<storage::LogSlice> slices = std::move(found->slices);
  auto work = [&slices, range] { return take_apart(slices, range); };
  co_return co_await runtime::offload(shard, work);
}

}  // namespace gregor::broker
