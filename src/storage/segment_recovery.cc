// recover_segment of segment_files.h: what a crash left of a segment becomes a sound one.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/assert.h"
#include "base/log.h"
#include "model/record_batch.h"
#include "storage/index_writer.h"
#include "storage/planted_bug.h"
#include "storage/segment_files.h"

namespace gregor::storage {
namespace {

using runtime::OpenMode;

Result<void> open_for_recovery(runtime::FileSystem& files, const SegmentPlace& place,
                               SegmentFiles& out) {
  auto log = files.open(place.log_path(), OpenMode::read_write);
  if (!log) return fail(std::move(log.error()));
  auto offset_index = files.open(place.offset_index_path(), OpenMode::create);
  if (!offset_index) return fail(std::move(offset_index.error()));
  auto time_index = files.open(place.time_index_path(), OpenMode::create);
  if (!time_index) return fail(std::move(time_index.error()));
  out = {std::move(*log), std::move(*offset_index), std::move(*time_index)};
  return {};
}

/// The tail behind the last batch that was indexed below the recovery point, if that batch is there
/// and good; else an empty one.
Result<SegmentTail> trusted_part(const SegmentFiles& files, const SegmentPlace& place,
                                 std::uint64_t log_bytes, model::Offset recovery_point) {
  const SegmentTail nothing = SegmentTail::empty(place.base);
  if (recovery_point <= place.base) return nothing;
  const auto offsets = read_valid_prefix(*files.offset_index, place.base, log_bytes);
  if (!offsets) return fail(offsets.error());
  const auto end = std::find_if(
      offsets->begin(), offsets->end(),
      [recovery_point](const OffsetEntry& entry) { return entry.offset >= recovery_point; });
  if (end == offsets->begin()) return nothing;
  const OffsetEntry last = *std::prev(end);
  BatchScanner scanner(*files.log, last.position, log_bytes);
  const auto batch = scanner.next(BatchScanner::Check::header_and_crc);
  if (!batch && batch.error().code == ErrorCode::kafka_storage_error) return fail(batch.error());
  if (!batch || !*batch || (*batch)->header.last_offset != last.offset) return nothing;

  const auto times = read_valid_prefix(*files.time_index, place.base);
  if (!times) return fail(times.error());
  SegmentTail tail = nothing;
  tail.offset_entries = static_cast<std::uint32_t>(end - offsets->begin());
  for (const auto& time : *times) {
    if (time.offset > last.offset) break;
    tail.max_timestamp = time;
    tail.last_time_entry = time.timestamp;
    ++tail.time_entries;
  }
  const auto& header = (*batch)->header;
  if (header.indexed_timestamp() > tail.max_timestamp.timestamp)
    return nothing;  // an entry is missing
  tail.size_bytes = (*batch)->end_position();
  tail.unindexed_bytes = header.size_bytes;
  tail.next_offset = header.next_offset();
  return tail;
}

void note_epoch(LeaderEpochCache& epochs, const BatchHeader& header) {
  if (header.leader_epoch >= model::LeaderEpoch(0) && header.leader_epoch > epochs.latest()) {
    epochs.assign(header.leader_epoch, header.base_offset);
  }
}

/// True for a whole message of magic 0 or 1, by its CRC-32 (as in zlib, not CRC-32C); slow.
Result<bool> is_old_message(const runtime::File& log, std::uint64_t position,
                            std::uint64_t log_bytes) {
  namespace layout = model::batch_layout;
  constexpr std::size_t crc_at = 12;    // of magic 0 and 1, over all that follows it
  constexpr std::size_t size_min = 26;  // of magic 0, without key and value
  constexpr std::uint32_t polynomial = 0xedb88320;
  std::array<std::byte, layout::sized_prefix_bytes> prefix;
  const auto got = log.read_at(position, prefix);
  if (!got) return fail(got.error());
  if (*got != prefix.size()) return false;
  const auto magic = load_be<std::int8_t>(prefix.data() + layout::magic_at);
  const auto length = load_be<std::int32_t>(prefix.data() + layout::length_at);
  if (magic != 0 && magic != 1) return false;
  const std::uint64_t size = layout::prefix_bytes + static_cast<std::uint64_t>(length);
  if (length <= 0 || size < size_min || size > log_bytes - position) return false;
  std::vector<std::byte> message(size);
  const auto read = log.read_at(position, message);
  if (!read) return fail(read.error());
  std::uint32_t crc = ~0U;
  for (const std::byte byte : ByteView(message).subspan(crc_at + sizeof crc)) {
    crc ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
  }
  return *read == size && ~crc == load_be<std::uint32_t>(message.data() + crc_at);
}

/// Walks on from the tail to the first batch that is not good. @return why it is not; empty = the
/// end
Result<std::string> walk(RecoveredSegment& segment, std::uint64_t log_bytes,
                         const RecoveryRules& rules, LeaderEpochCache& epochs,
                         IndexWriter& writer) {
  SegmentTail& tail = segment.tail;
  const runtime::File& log = *segment.files.log;
  BatchScanner scanner(log, tail.size_bytes, log_bytes, BatchScanner::window_bytes_large);
  for (;;) {
    auto batch = scanner.next(BatchScanner::Check::header_and_crc);
    if (!batch && batch.error().code == ErrorCode::kafka_storage_error) {
      return fail(std::move(batch.error()));
    }
    if (!batch) {
      // Garbage, or a log that must not be cut because it is old.
      const auto old = is_old_message(log, scanner.position(), log_bytes);
      if (!old) return fail(old.error());
      if (*old) {
        return fail(ErrorCode::unsupported_for_message_format,
                    "messages of a format before v2, which is not supported");
      }
      return std::move(batch.error().detail);
    }
    if (!*batch) return std::string();
    const auto& header = (*batch)->header;
    if (const char* reason = tail.misplaced(header.base_offset, header.last_offset)) {
      return std::string(reason);
    }
    segment.has_gaps |= header.base_offset > tail.next_offset;
    note_epoch(epochs, header);
    writer.add(tail.add({header.last_offset, header.indexed_timestamp(), header.size_bytes},
                        rules.index_interval_bytes));
  }
}

}  // namespace

Result<RecoveredSegment> recover_segment(runtime::FileSystem& files, const SegmentPlace& place,
                                         const RecoveryRules& rules, LeaderEpochCache& epochs) {
  RecoveredSegment recovered;
  if (auto opened = open_for_recovery(files, place, recovered.files); !opened) {
    return fail(std::move(opened.error()));
  }
  const auto size = recovered.files.log->size();
  if (!size) return fail(size.error());
  const std::uint64_t walked_bytes = std::min(*size, segment_bytes_limit);
  auto trusted = trusted_part(recovered.files, place, walked_bytes, rules.recovery_point);
  if (!trusted) return fail(std::move(trusted.error()));
  SegmentTail& tail = recovered.tail;
  tail = *trusted;
  recovered.checked_from = tail.size_bytes;
  if (tail.size_bytes > 0) {
    const auto first = first_batch_timestamp(*recovered.files.log, walked_bytes);
    if (!first) return fail(first.error());
    tail.first_batch_timestamp = *first;
  }
  IndexWriter writer(place.base, tail.offset_entries, tail.time_entries);
  const auto& [log, offset_index, time_index] = recovered.files;
  auto cut = offset_index->truncate(std::uint64_t{tail.offset_entries} * OffsetEntry::size_bytes);
  if (!cut) return fail(std::move(cut.error()));
  cut = time_index->truncate(std::uint64_t{tail.time_entries} * TimeEntry::size_bytes);
  if (!cut) return fail(std::move(cut.error()));

  auto reason = walk(recovered, walked_bytes, rules, epochs, writer);
  if (!reason) return fail(std::move(reason.error()));
  writer.add({std::nullopt, tail.close()});
  if (auto wrote = writer.write(recovered.files); !wrote) return fail(std::move(wrote.error()));

  GREGOR_ASSERT(tail.size_bytes <= *size);
  recovered.cut_bytes = *size - tail.size_bytes;
  recovered.cut_reason = std::move(*reason);
  if (recovered.cut_bytes == 0) return recovered;
  if (is_planted(PlantedBug::skip_tail_cut)) {
    tail.size_bytes = *size;
    return recovered;
  }
  if (auto shortened = log->truncate(tail.size_bytes); !shortened) {
    return fail(std::move(shortened.error()));
  }
  return recovered;
}

}  // namespace gregor::storage
