#include "storage/transaction_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace gregor::storage {
namespace {

constexpr std::int16_t version = 0;
constexpr std::size_t producer_at = sizeof version;
constexpr std::size_t first_at = producer_at + sizeof(std::int64_t);
constexpr std::size_t last_at = first_at + sizeof(std::int64_t);
constexpr std::size_t last_stable_at = last_at + sizeof(std::int64_t);
static_assert(last_stable_at + sizeof(std::int64_t) == AbortedTransaction::size_bytes);
// Read at once when a reader looks entries up.
constexpr std::uint32_t chunk_entries = 64;
// An index that a segment of 2 GiB could have.
constexpr std::uint64_t index_bytes_max = std::uint64_t{1} << 30;

tl::unexpected<Error> damaged(std::string what) {
  return fail(ErrorCode::corrupt_message, "transaction index: " + std::move(what));
}

Result<AbortedTransaction> decode(const std::byte* at) {
  if (const auto found = load_be<std::int16_t>(at); found != version) {
    return damaged(fmt::format("version {}", found));
  }
  AbortedTransaction entry;
  entry.producer = model::ProducerId(load_be<std::int64_t>(at + producer_at));
  entry.first = model::Offset(load_be<std::int64_t>(at + first_at));
  entry.last = model::Offset(load_be<std::int64_t>(at + last_at));
  entry.last_stable = model::Offset(load_be<std::int64_t>(at + last_stable_at));
  return entry;
}

std::vector<std::byte> encode_all(const std::vector<AbortedTransaction>& entries) {
  std::vector<std::byte> bytes;
  bytes.reserve(entries.size() * AbortedTransaction::size_bytes);
  for (const auto& entry : entries) {
    const auto encoded = encode(entry);
    bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  }
  return bytes;
}

/// Entries [begin, end) of a file that has them.
Result<std::vector<AbortedTransaction>> read_entries(const runtime::File& file, std::uint32_t begin,
                                                     std::uint32_t end) {
  std::vector<std::byte> bytes(std::size_t{end - begin} * AbortedTransaction::size_bytes);
  const auto got = file.read_at(std::uint64_t{begin} * AbortedTransaction::size_bytes, bytes);
  if (!got) return fail(got.error());
  if (*got < bytes.size()) return damaged("the file is shorter than it was");
  std::vector<AbortedTransaction> entries;
  entries.reserve(end - begin);
  for (std::size_t at = 0; at < bytes.size(); at += AbortedTransaction::size_bytes) {
    auto entry = decode(bytes.data() + at);
    if (!entry) return fail(std::move(entry.error()));
    entries.push_back(*entry);
  }
  return entries;
}

/// The first entry whose marker lies at or behind `offset`.
Result<std::uint32_t> first_ending_from(const runtime::File& file, std::uint32_t count,
                                        model::Offset offset) {
  std::uint32_t low = 0;
  std::uint32_t high = count;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    const auto entry = read_entries(file, middle, middle + 1);
    if (!entry) return fail(entry.error());
    if (entry->front().last < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

std::array<std::byte, AbortedTransaction::size_bytes> encode(const AbortedTransaction& entry) {
  std::array<std::byte, AbortedTransaction::size_bytes> bytes;
  store_be(bytes.data(), version);
  store_be(bytes.data() + producer_at, entry.producer.value());
  store_be(bytes.data() + first_at, entry.first.value());
  store_be(bytes.data() + last_at, entry.last.value());
  store_be(bytes.data() + last_stable_at, entry.last_stable.value());
  return bytes;
}

Result<void> append_aborted(runtime::FileSystem& files, const std::string& path,
                            std::uint32_t count, const std::vector<AbortedTransaction>& entries) {
  if (entries.empty()) return {};
  const auto file = files.open(path, runtime::OpenMode::create);
  if (!file) return fail(file.error());
  return (*file)->write_at(std::uint64_t{count} * AbortedTransaction::size_bytes,
                           encode_all(entries));
}

Result<std::vector<AbortedTransaction>> read_transaction_index(runtime::FileSystem& files,
                                                               const std::string& path,
                                                               model::Offset base) {
  const auto file = files.open(path, runtime::OpenMode::read);
  if (!file && file.error().os_error == ENOENT) return std::vector<AbortedTransaction>();
  if (!file) return fail(file.error());
  const auto size = (*file)->size();
  if (!size) return fail(size.error());
  if (*size % AbortedTransaction::size_bytes != 0 || *size > index_bytes_max) {
    return damaged(fmt::format("a size of {}", *size));
  }
  auto entries =
      read_entries(**file, 0, static_cast<std::uint32_t>(*size / AbortedTransaction::size_bytes));
  if (!entries) return entries;
  model::Offset before = base - 1;
  for (const auto& entry : *entries) {
    const bool is_possible = entry.producer >= model::ProducerId(0) &&
                             entry.first >= model::Offset(0) && entry.first < entry.last &&
                             entry.last > before;
    if (!is_possible) return damaged(fmt::format("a marker at {}", entry.last.value()));
    before = entry.last;
  }
  return entries;
}

Result<bool> replace_transaction_index(runtime::FileSystem& files, const std::string& path,
                                       model::Offset base,
                                       const std::vector<AbortedTransaction>& entries) {
  const auto found = read_transaction_index(files, path, base);
  if (!found && found.error().code == ErrorCode::kafka_storage_error) return fail(found.error());
  if (found && *found == entries && !entries.empty()) return false;
  if (entries.empty()) {
    const auto there = files.stat(path);
    if (!there && there.error().os_error == ENOENT) return false;
    if (auto removed = files.remove(path); !removed) return fail(std::move(removed.error()));
    return true;
  }
  const auto file = files.open(path, runtime::OpenMode::create);
  if (!file) return fail(file.error());
  if (auto cut = (*file)->truncate(0); !cut) return fail(std::move(cut.error()));
  if (auto wrote = (*file)->write_at(0, encode_all(entries)); !wrote) {
    return fail(std::move(wrote.error()));
  }
  return true;
}

bool collect_aborted(const AbortedTransaction& entry, model::OffsetRange range,
                     std::vector<AbortedTransaction>& out) {
  if (entry.last >= range.first && entry.first < range.end) out.push_back(entry);
  return entry.last_stable >= range.end;
}

Result<bool> collect_aborted(const runtime::File& file, std::uint32_t count,
                             model::OffsetRange range, std::vector<AbortedTransaction>& out) {
  const auto first = first_ending_from(file, count, range.first);
  if (!first) return fail(first.error());
  for (std::uint32_t at = *first; at < count; at += chunk_entries) {
    const auto entries = read_entries(file, at, std::min(count, at + chunk_entries));
    if (!entries) return fail(entries.error());
    for (const auto& entry : *entries) {
      if (collect_aborted(entry, range, out)) return true;
    }
  }
  return false;
}

}  // namespace gregor::storage
