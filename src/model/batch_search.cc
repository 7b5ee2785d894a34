#include "model/batch_search.h"

#include "model/record_walk.h"

namespace gregor::model {
namespace {

/// The first record that `is_wanted` takes.
template <class Wanted>
Result<std::optional<FoundRecord>> find_first(const RecordBatchView& batch,
                                              std::size_t inflated_bytes_max, Wanted is_wanted) {
  std::optional<FoundRecord> found;
  const auto visit = [&](const WalkedRecord& record) -> const char* {
    if (found) return nullptr;
    const FoundRecord candidate{batch.base_offset() + record.offset_delta,
                                batch.record_timestamp(record.timestamp_delta)};
    if (is_wanted(candidate)) found = candidate;
    return nullptr;
  };
  auto walked = walk_batch(batch, inflated_bytes_max, visit);
  if (!walked) return fail(std::move(walked.error()));
  return found;
}

}  // namespace

Result<std::optional<FoundRecord>> find_timestamp(const RecordBatchView& batch,
                                                  const TimestampQuery& query) {
  if (batch.max_timestamp() < query.at_least || batch.last_offset() < query.from) {
    return std::nullopt;
  }
  return find_first(batch, query.inflated_bytes_max, [&query](const FoundRecord& record) {
    return record.offset >= query.from && record.timestamp >= query.at_least;
  });
}

Result<std::optional<FoundRecord>> find_max_timestamp(const RecordBatchView& batch,
                                                      std::size_t inflated_bytes_max) {
  const TimestampMs max = batch.max_timestamp();
  if (max == TimestampMs(-1)) return std::nullopt;
  return find_first(batch, inflated_bytes_max,
                    [max](const FoundRecord& record) { return record.timestamp == max; });
}

}  // namespace gregor::model
