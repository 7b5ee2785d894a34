// FileImage: the contents of one simulated file, as the page cache has them and as the disk has
// them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "base/bytes.h"
#include "runtime/simulated/prng.h"
#include "runtime/simulated/sparse_bytes.h"

namespace gregor::runtime::simulated {

/// What a power loss did; sums over all files of a disk.
struct PowerLoss {
  std::uint64_t sectors_kept = 0;       ///< un-synced, on the disk all the same
  std::uint64_t sectors_lost = 0;       ///< un-synced, old content or zeros
  std::uint64_t sectors_torn = 0;       ///< un-synced, part new, part old or garbage
  std::uint64_t sectors_reordered = 0;  ///< kept ones behind one of the same file that was not
  std::uint64_t bytes_cut = 0;          ///< from ends of files, un-synced
  std::uint64_t entries_kept =
      0;  ///< un-synced directory operations that were on the disk all the same
  std::uint64_t entries_lost = 0;  ///< un-synced directory operations undone
};

/// Thread:    one.
/// Invariant: a sector that is not in unsynced_ has the same bytes in the cache and on the disk.
/// Model:     a sector of 512 bytes is written whole or torn; bytes that were synced and not
/// changed since never change.
class FileImage {
 public:
  static constexpr std::uint64_t sector_size = 512;

  [[nodiscard]] std::uint64_t size() const { return cached_.size(); }
  /// Size without holes.
  [[nodiscard]] std::uint64_t allocated() const { return cached_.allocated(); }
  /// @return the bytes read; fewer than asked at the end of the file.
  std::size_t read(std::uint64_t position, ByteSpan out) const {
    return cached_.read(position, out);
  }
  void write(std::uint64_t position, ByteView bytes);
  void truncate(std::uint64_t size);
  /// fdatasync that succeeds.
  void sync();
  /// fdatasync that fails: what was un-synced is no longer dirty and will never reach the disk
  /// unless written again.
  void fail_sync();
  [[nodiscard]] bool is_synced() const { return unsynced_.empty() && size() == durable_size_; }
  /// The cache is lost; what is left is what the disk has, un-synced sectors by the choice of
  /// `prng`.
  void lose_power(Prng& prng, PowerLoss& report);

 private:
  using Sector = std::array<std::byte, sector_size>;
  struct Unsynced {
    std::unique_ptr<Sector> old;  // what the disk has; null = zeros
    bool write_back_failed = false;
  };
  enum class Fate { kept, lost, torn };
  struct Fates;

  void mark(std::uint64_t first_byte, std::uint64_t end_byte);
  [[nodiscard]] std::unique_ptr<Sector> copy_sector(std::uint64_t sector) const;
  [[nodiscard]] std::uint64_t draw_size(Prng& prng) const;
  void restore(std::uint64_t sector, const Unsynced& unsynced, std::uint64_t from_byte);
  [[nodiscard]] Sector load(std::uint64_t sector) const;
  void store(std::uint64_t sector, const Sector& bytes);
  void tear(std::uint64_t sector, const Unsynced& unsynced, Prng& prng);

  SparseBytes cached_;
  std::map<std::uint64_t, Unsynced> unsynced_;
  std::uint64_t durable_size_ = 0;
  std::uint64_t smallest_size_ = 0;  // since the last sync
};

}  // namespace gregor::runtime::simulated
