#include "runtime/simulated/file_image.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::runtime::simulated {

void FileImage::write(std::uint64_t position, ByteView bytes) {
  if (bytes.empty()) return;
  mark(position, position + bytes.size());
  cached_.write(position, bytes);
}

void FileImage::truncate(std::uint64_t size) {
  if (size < cached_.size()) mark(size, cached_.size());
  cached_.resize(size);
  smallest_size_ = std::min(smallest_size_, size);
}

void FileImage::sync() {
  std::erase_if(unsynced_, [](const auto& entry) { return !entry.second.write_back_failed; });
  durable_size_ = smallest_size_ = size();
}

void FileImage::fail_sync() {
  for (auto& [sector, unsynced] : unsynced_) unsynced.write_back_failed = true;
}

FileImage::Sector FileImage::load(std::uint64_t sector) const {
  Sector bytes;
  bytes.fill(std::byte{0});
  cached_.read(sector * sector_size, bytes);
  return bytes;
}

// Never changes the size.
void FileImage::store(std::uint64_t sector, const Sector& bytes) {
  const std::uint64_t start = sector * sector_size;
  if (start >= size()) return;
  cached_.write(start, ByteView(bytes).first(std::min(sector_size, size() - start)));
}

std::unique_ptr<FileImage::Sector> FileImage::copy_sector(std::uint64_t sector) const {
  const std::uint64_t start = sector * sector_size;
  if (start >= std::min(durable_size_, size())) return nullptr;  // beyond both: zeros on the disk
  return std::make_unique<Sector>(load(sector));
}

// Keeps what the disk has before the cache changes.
void FileImage::mark(std::uint64_t first_byte, std::uint64_t end_byte) {
  GREGOR_ASSERT(first_byte < end_byte);
  const std::uint64_t end = (end_byte + sector_size - 1) / sector_size;
  for (std::uint64_t sector = first_byte / sector_size; sector < end; ++sector) {
    const auto [position, added] = unsynced_.try_emplace(sector);
    if (added) position->second.old = copy_sector(sector);
    position->second.write_back_failed = false;
  }
}

// Sizes that a journal may have on record: before, after, the lowest in between, or the middle of
// growing.
std::uint64_t FileImage::draw_size(Prng& prng) const {
  if (durable_size_ == size() && smallest_size_ == size()) return size();
  switch (prng.below(4)) {
    case 0:
      return durable_size_;
    case 1:
      return size();
    case 2:
      return smallest_size_;
    default:
      return prng.between(smallest_size_, std::max(durable_size_, size()));
  }
}

// One crash has one character, else many independent coins would never lose or keep a whole file.
struct FileImage::Fates {
  enum class Character { all_lost, all_kept, prefix, mixed };
  Fates(Prng& numbers, std::size_t sectors)
      : prng(numbers),
        character(static_cast<Character>(numbers.below(4))),
        left(numbers.below(sectors + 1)) {}

  Fate next(const Unsynced& unsynced) {
    if (unsynced.write_back_failed) return Fate::lost;
    const bool in_prefix = left > 0;
    if (in_prefix) --left;
    switch (character) {
      case Character::all_lost:
        return Fate::lost;
      case Character::all_kept:
        return Fate::kept;
      case Character::prefix:
        if (in_prefix) return left == 0 ? Fate::torn : Fate::kept;
        return Fate::lost;
      case Character::mixed:
        break;
    }
    return static_cast<Fate>(prng.below(3));
  }

  Prng& prng;
  const Character character;
  std::uint64_t left;
};

void FileImage::restore(std::uint64_t sector, const Unsynced& unsynced, std::uint64_t from_byte) {
  Sector bytes = load(sector);
  for (std::uint64_t i = from_byte; i < sector_size; ++i) {
    bytes[i] = unsynced.old ? (*unsynced.old)[i] : std::byte{0};
  }
  store(sector, bytes);
}

// New up to a random byte, then old, or garbage where nothing durable was.
void FileImage::tear(std::uint64_t sector, const Unsynced& unsynced, Prng& prng) {
  const std::uint64_t cut = prng.below(sector_size);
  const bool garbage = prng.chance(0.5);
  restore(sector, unsynced, cut);
  if (!garbage) return;
  Sector bytes = load(sector);
  const std::uint64_t start = sector * sector_size;
  for (std::uint64_t i = cut; i < sector_size; ++i) {
    if (start + i >= durable_size_) bytes[i] = static_cast<std::byte>(prng.next() >> 56);
  }
  store(sector, bytes);
}

void FileImage::lose_power(Prng& prng, PowerLoss& report) {
  const std::uint64_t cached_size = size();
  const std::uint64_t left_size = draw_size(prng);
  if (cached_size > left_size)
    report.bytes_cut += cached_size - std::max(left_size, std::min(durable_size_, cached_size));
  cached_.resize(std::max(cached_size, left_size));
  Fates fates(prng, unsynced_.size());
  const std::uint64_t kept_before = report.sectors_kept;
  std::uint64_t kept_in_order = 0;
  bool is_in_order = true;
  for (const auto& [sector, unsynced] : unsynced_) {
    switch (fates.next(unsynced)) {
      case Fate::kept:
        ++report.sectors_kept;
        kept_in_order += is_in_order ? 1 : 0;
        break;
      case Fate::lost:
        ++report.sectors_lost;
        is_in_order = false;
        restore(sector, unsynced, 0);
        break;
      case Fate::torn:
        ++report.sectors_torn;
        is_in_order = false;
        tear(sector, unsynced, prng);
        break;
    }
    // The part that was cut off in the cache only: a shorter size was not on record, so the old
    // bytes are there.
    const std::uint64_t start = sector * sector_size;
    if (start + sector_size > cached_size)
      restore(sector, unsynced, cached_size > start ? cached_size - start : 0);
  }
  report.sectors_reordered += report.sectors_kept - kept_before - kept_in_order;
  cached_.resize(left_size);
  unsynced_.clear();
  durable_size_ = smallest_size_ = left_size;
}

}  // namespace gregor::runtime::simulated
