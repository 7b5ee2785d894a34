// The two indexes of a segment: offset index and time index. Files of entries of fixed size, read
// with pread, never mapped. Layout: docs/formats/log_segment.md.
//
// The file is as long as its entries: nothing is allocated ahead. Kafka takes the length of an
// existing index for its number of entries, so it can take over what lies there at any time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"
#include "runtime/file_system.h"

namespace gregor::storage {

/// Positions and relative offsets are int32 in Kafka's indexes.
inline constexpr std::uint64_t segment_bytes_limit = 0x7fffffff;

/// An entry of the offset index: the last offset of a batch and where that batch begins.
struct OffsetEntry {
  model::Offset offset;
  std::uint32_t position = 0;
  static constexpr std::size_t size_bytes = 8;
  friend bool operator==(const OffsetEntry&, const OffsetEntry&) = default;
};

/// An entry of the time index: no record up to `offset` has a timestamp above `timestamp`. `offset`
/// is the last one of the batch that holds the maximum.
struct TimeEntry {
  model::TimestampMs timestamp{-1};
  model::Offset offset;
  static constexpr std::size_t size_bytes = 12;
  friend bool operator==(const TimeEntry&, const TimeEntry&) = default;
};

/// Wire form. `base` is the segment's base offset; offsets are stored relative to it.
[[nodiscard]] std::array<std::byte, OffsetEntry::size_bytes> encode(const OffsetEntry& entry,
                                                                    model::Offset base);
[[nodiscard]] std::array<std::byte, TimeEntry::size_bytes> encode(const TimeEntry& entry,
                                                                  model::Offset base);

/// The entries of an index file that count: a snapshot for reading, also while the segment grows.
///
/// Thread: any.
template <class Entry>
struct IndexView {
  std::shared_ptr<const runtime::File> file;
  model::Offset base;
  std::uint32_t count = 0;

  /// @errors kafka_storage_error: the file can't be read or is shorter than `count` entries
  [[nodiscard]] Result<Entry> entry(std::uint32_t index) const;
  /// The last entry; nullopt if there is none.
  [[nodiscard]] Result<std::optional<Entry>> last() const;
};
using OffsetIndexView = IndexView<OffsetEntry>;
using TimeIndexView = IndexView<TimeEntry>;

/// The entry with the largest offset <= `target`; nullopt if there is none. Reads at most 4 KiB and
/// a few entries.
[[nodiscard]] Result<std::optional<OffsetEntry>> find_offset(const OffsetIndexView& index,
                                                             model::Offset target);
/// The entry with the largest timestamp <= `target`; nullopt if there is none.
[[nodiscard]] Result<std::optional<TimeEntry>> find_time(const TimeIndexView& index,
                                                         model::TimestampMs target);

/// The entries at the front of an index that can be right: in order and inside of a segment of
/// `log_bytes`; what follows (the zero tail of a file that was allocated ahead, garbage) is no
/// entry. Reads the whole file.
[[nodiscard]] Result<std::vector<OffsetEntry>> read_valid_prefix(const runtime::File& file,
                                                                 model::Offset base,
                                                                 std::uint64_t log_bytes);
[[nodiscard]] Result<std::vector<TimeEntry>> read_valid_prefix(const runtime::File& file,
                                                               model::Offset base);

}  // namespace gregor::storage
