#include "storage/index_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/assert.h"

namespace gregor::storage {
namespace {

constexpr std::size_t block_bytes = 4096;

std::int32_t relative_to(model::Offset base, model::Offset offset) {
  const std::int64_t relative = offset - base;
  GREGOR_ASSERT(relative >= 0);
  GREGOR_ASSERT(relative <= static_cast<std::int64_t>(segment_bytes_limit));
  return static_cast<std::int32_t>(relative);
}

// What a damaged index says may lie behind the last offset that there is: that comes out below the
// base, which no caller believes.
model::Offset absolute(model::Offset base, std::int32_t relative) {
  const auto sum = static_cast<std::uint64_t>(base.value()) +
                   static_cast<std::uint64_t>(static_cast<std::int64_t>(relative));
  return model::Offset(static_cast<std::int64_t>(sum));
}

OffsetEntry decode(const std::byte* at, model::Offset base, OffsetEntry /*kind*/) {
  return {absolute(base, load_be<std::int32_t>(at)), load_be<std::uint32_t>(at + 4)};
}
TimeEntry decode(const std::byte* at, model::Offset base, TimeEntry /*kind*/) {
  return {model::TimestampMs(load_be<std::int64_t>(at)),
          absolute(base, load_be<std::int32_t>(at + 8))};
}

template <class Entry>
Result<void> read_entries(const IndexView<Entry>& index, std::uint32_t first, ByteSpan out) {
  const auto got = index.file->read_at(std::uint64_t{first} * Entry::size_bytes, out);
  if (!got) return fail(got.error());
  if (*got != out.size()) {
    return fail(ErrorCode::kafka_storage_error, "an index file is shorter than it was");
  }
  return {};
}

/// The last entry for which `is_below` holds, which it does for a (possibly empty) front part.
template <class Entry, class IsBelow>
Result<std::optional<Entry>> find_last(const IndexView<Entry>& index, IsBelow is_below) {
  constexpr std::uint32_t block_entries = block_bytes / Entry::size_bytes;
  std::uint32_t low = 0;  // the entries below `low` qualify
  std::uint32_t high = index.count;
  while (high - low > block_entries) {
    const std::uint32_t middle = low + (high - low) / 2;
    const auto entry = index.entry(middle);
    if (!entry) return fail(entry.error());
    if (is_below(*entry)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  // One block holds what is left, and the entry before it, which is the answer if none of it is.
  const std::uint32_t first = low == 0 ? 0 : low - 1;
  std::array<std::byte, block_bytes + Entry::size_bytes> block;
  const auto bytes = ByteSpan(block).first(std::size_t{high - first} * Entry::size_bytes);
  if (auto read = read_entries(index, first, bytes); !read) return fail(std::move(read.error()));
  std::optional<Entry> found;
  for (std::size_t at = 0; at < bytes.size(); at += Entry::size_bytes) {
    const Entry entry = decode(bytes.data() + at, index.base, Entry{});
    if (!is_below(entry)) break;
    found = entry;
  }
  return found;
}

/// All entries up to the first for which `follows(previous, entry)` is false.
template <class Entry, class Follows>
Result<std::vector<Entry>> read_while(const runtime::File& file, model::Offset base,
                                      Follows follows) {
  const auto size = file.size();
  if (!size) return fail(size.error());
  std::vector<Entry> entries;
  std::vector<std::byte> block(block_bytes * Entry::size_bytes);
  for (std::uint64_t at = 0; at < *size; at += block.size()) {
    const auto got = file.read_at(at, block);
    if (!got) return fail(got.error());
    for (std::size_t i = 0; i + Entry::size_bytes <= *got; i += Entry::size_bytes) {
      const Entry entry = decode(block.data() + i, base, Entry{});
      if (!follows(entries.empty() ? nullptr : &entries.back(), entry)) return entries;
      entries.push_back(entry);
    }
  }
  return entries;
}

}  // namespace

std::array<std::byte, OffsetEntry::size_bytes> encode(const OffsetEntry& entry,
                                                      model::Offset base) {
  std::array<std::byte, OffsetEntry::size_bytes> bytes;
  store_be(bytes.data(), relative_to(base, entry.offset));
  store_be(bytes.data() + 4, entry.position);
  return bytes;
}

std::array<std::byte, TimeEntry::size_bytes> encode(const TimeEntry& entry, model::Offset base) {
  std::array<std::byte, TimeEntry::size_bytes> bytes;
  store_be(bytes.data(), entry.timestamp.value());
  store_be(bytes.data() + 8, relative_to(base, entry.offset));
  return bytes;
}

template <class Entry>
Result<Entry> IndexView<Entry>::entry(std::uint32_t index) const {
  GREGOR_ASSERT(index < count);
  std::array<std::byte, Entry::size_bytes> bytes;
  if (auto read = read_entries(*this, index, bytes); !read) return fail(std::move(read.error()));
  return decode(bytes.data(), base, Entry{});
}

template <class Entry>
Result<std::optional<Entry>> IndexView<Entry>::last() const {
  if (count == 0) return std::nullopt;
  auto found = entry(count - 1);
  if (!found) return fail(std::move(found.error()));
  return *found;
}

template struct IndexView<OffsetEntry>;
template struct IndexView<TimeEntry>;

Result<std::optional<OffsetEntry>> find_offset(const OffsetIndexView& index, model::Offset target) {
  if (index.count == 0) return std::nullopt;
  return find_last(index, [target](const OffsetEntry& e) { return e.offset <= target; });
}

Result<std::optional<TimeEntry>> find_time(const TimeIndexView& index, model::TimestampMs target) {
  if (index.count == 0) return std::nullopt;
  return find_last(index, [target](const TimeEntry& e) { return e.timestamp <= target; });
}

Result<std::vector<OffsetEntry>> read_valid_prefix(const runtime::File& file, model::Offset base,
                                                   std::uint64_t log_bytes) {
  return read_while<OffsetEntry>(
      file, base, [base, log_bytes](const OffsetEntry* previous, const OffsetEntry& entry) {
        if (entry.offset < base || entry.position >= log_bytes) return false;
        // The first batch of a segment is never indexed, so zeros are no entry.
        if (previous == nullptr) return entry.position > 0;
        return entry.offset > previous->offset && entry.position > previous->position;
      });
}

Result<std::vector<TimeEntry>> read_valid_prefix(const runtime::File& file, model::Offset base) {
  return read_while<TimeEntry>(
      file, base, [base](const TimeEntry* previous, const TimeEntry& entry) {
        if (entry.offset < base || entry.timestamp < model::TimestampMs(0)) return false;
        if (previous == nullptr)
          return entry.timestamp > model::TimestampMs(0) || entry.offset > base;
        return entry.timestamp > previous->timestamp && entry.offset >= previous->offset;
      });
}

}  // namespace gregor::storage
