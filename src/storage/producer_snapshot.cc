#include "storage/producer_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/crc32c.h"
#include "storage/file_names.h"
#include "storage/small_file.h"

namespace gregor::storage {
namespace {

using model::Offset;
using model::ProducerEpoch;
using model::ProducerId;
using model::TimestampMs;

constexpr std::int16_t version = 1;
constexpr std::size_t crc_at = sizeof version;
constexpr std::size_t count_at = crc_at + sizeof(std::uint32_t);  // the CRC is over all from here
constexpr std::size_t entries_at = count_at + sizeof(std::int32_t);

// An entry.
constexpr std::size_t id_at = 0;
constexpr std::size_t epoch_at = id_at + sizeof(std::int64_t);
constexpr std::size_t last_sequence_at = epoch_at + sizeof(std::int16_t);
constexpr std::size_t last_offset_at = last_sequence_at + sizeof(std::int32_t);
constexpr std::size_t offset_delta_at = last_offset_at + sizeof(std::int64_t);
constexpr std::size_t timestamp_at = offset_delta_at + sizeof(std::int32_t);
constexpr std::size_t coordinator_epoch_at = timestamp_at + sizeof(std::int64_t);
constexpr std::size_t transaction_start_at = coordinator_epoch_at + sizeof(std::int32_t);
constexpr std::size_t entry_bytes = transaction_start_at + sizeof(std::int64_t);
static_assert(entries_at == 10 && entry_bytes == 46);

tl::unexpected<Error> damaged(std::string what) {
  return fail(ErrorCode::corrupt_message, "producer snapshot: " + std::move(what));
}

/// Where a hash table of Java with `buckets` buckets, a power of two, keeps a long.
std::uint32_t java_bucket(ProducerId id, std::uint32_t buckets) {
  const auto value = static_cast<std::uint64_t>(id.value());
  const auto hash = static_cast<std::uint32_t>(value ^ (value >> 32));
  return (hash ^ (hash >> 16)) & (buckets - 1);
}

void sort_as_java_does(std::vector<ProducerEntry>& entries) {
  // It starts with 16 buckets and doubles them above a load of 3/4.
  std::uint32_t buckets = 16;
  while (entries.size() > std::size_t{buckets} / 4 * 3) buckets *= 2;
  std::ranges::sort(entries, {}, [buckets](const ProducerEntry& entry) {
    return std::pair(java_bucket(entry.id, buckets), entry.id);
  });
}

void encode_entry(std::byte* at, const ProducerEntry& entry) {
  const RememberedBatch none;
  const RememberedBatch& last = entry.batch_count == 0 ? none : *entry.last_batch();
  store_be(at + id_at, entry.id.value());
  store_be(at + epoch_at, entry.epoch.value());
  store_be(at + last_sequence_at, last.last_sequence);
  store_be(at + last_offset_at, last.last.value());
  store_be(at + offset_delta_at, last.offset_delta);
  store_be(at + timestamp_at, entry.last_timestamp.value());
  store_be(at + coordinator_epoch_at, entry.coordinator_epoch);
  store_be(at + transaction_start_at, entry.transaction_start.value());
}

ProducerEntry decode_entry(const std::byte* at) {
  ProducerEntry entry;
  entry.id = ProducerId(load_be<std::int64_t>(at + id_at));
  entry.epoch = ProducerEpoch(load_be<std::int16_t>(at + epoch_at));
  entry.last_timestamp = TimestampMs(load_be<std::int64_t>(at + timestamp_at));
  entry.coordinator_epoch = load_be<std::int32_t>(at + coordinator_epoch_at);
  entry.transaction_start =
      std::max(Offset(-1), Offset(load_be<std::int64_t>(at + transaction_start_at)));
  const Offset last(load_be<std::int64_t>(at + last_offset_at));
  if (last >= Offset(0)) {
    entry.batches[0] = {load_be<std::int32_t>(at + last_sequence_at),
                        load_be<std::int32_t>(at + offset_delta_at), last, entry.last_timestamp};
    entry.batch_count = 1;
  }
  return entry;
}

}  // namespace

std::vector<std::byte> encode_snapshot(std::vector<ProducerEntry> entries) {
  sort_as_java_does(entries);
  std::vector<std::byte> bytes(entries_at + entries.size() * entry_bytes);
  store_be(bytes.data(), version);
  store_be(bytes.data() + count_at, static_cast<std::int32_t>(entries.size()));
  std::byte* at = bytes.data() + entries_at;
  for (const auto& entry : entries) {
    encode_entry(at, entry);
    at += entry_bytes;
  }
  store_be(bytes.data() + crc_at, crc32c(ByteView(bytes).subspan(count_at)));
  return bytes;
}

Result<std::vector<ProducerEntry>> decode_snapshot(ByteView bytes) {
  if (bytes.size() < entries_at) return damaged(fmt::format("{} bytes", bytes.size()));
  if (const auto found = load_be<std::int16_t>(bytes.data()); found != version) {
    return damaged(fmt::format("version {}", found));
  }
  if (load_be<std::uint32_t>(bytes.data() + crc_at) != crc32c(bytes.subspan(count_at))) {
    return damaged("a wrong CRC");
  }
  const auto count = load_be<std::int32_t>(bytes.data() + count_at);
  const std::size_t room = bytes.size() - entries_at;
  if (count < 0 || room != static_cast<std::size_t>(count) * entry_bytes) {
    return damaged(fmt::format("{} producers in {} bytes", count, bytes.size()));
  }
  std::vector<ProducerEntry> entries;
  entries.reserve(static_cast<std::size_t>(count));
  for (std::size_t at = entries_at; at < bytes.size(); at += entry_bytes) {
    entries.push_back(decode_entry(bytes.data() + at));
  }
  return entries;
}

Result<void> check_entries(const std::vector<ProducerEntry>& entries, Offset end) {
  std::set<ProducerId> ids;
  std::set<Offset> starts;
  for (const auto& entry : entries) {
    const RememberedBatch* last = entry.last_batch();
    const bool is_below = entry.transaction_start < end && (last == nullptr || last->last < end);
    if (!is_below || (last != nullptr && (last->offset_delta < 0 || last->first() < Offset(0)))) {
      return damaged(fmt::format("offsets that producer {} can't have below {}", entry.id.value(),
                                 end.value()));
    }
    if (!ids.insert(entry.id).second ||
        (entry.has_transaction() && !starts.insert(entry.transaction_start).second)) {
      return damaged(
          fmt::format("producer {} or its transaction is there twice", entry.id.value()));
    }
  }
  return {};
}

std::string snapshot_path(const std::string& directory, Offset offset) {
  return join_path(directory, segment_file_name(offset, names::snapshot_suffix));
}

Result<void> write_snapshot(runtime::FileSystem& files, const std::string& path,
                            const std::vector<ProducerEntry>& entries) {
  const auto bytes = encode_snapshot(entries);
  const auto file = files.open(path, runtime::OpenMode::create);
  if (!file) return fail(file.error());
  if (auto cut = (*file)->truncate(0); !cut) return cut;
  return (*file)->write_at(0, bytes);
}

Result<std::vector<ProducerEntry>> read_snapshot(runtime::FileSystem& files,
                                                 const std::string& path) {
  const auto text = read_small_file(files, path);
  if (!text) return fail(text.error());
  if (!*text) return damaged("no file");
  return decode_snapshot(as_bytes(**text));
}

}  // namespace gregor::storage
