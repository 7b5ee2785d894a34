// The .txnindex of a segment: the aborted transactions whose marker it holds, in the order of the
// markers. The file is made with its first entry. Layout: docs/formats/log_segment.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"
#include "runtime/file_system.h"

namespace gregor::storage {

/// An entry: what a reader of committed records leaves out.
struct AbortedTransaction {
  model::ProducerId producer{-1};
  model::Offset first{-1};        ///< of its first record
  model::Offset last{-1};         ///< of its abort marker
  model::Offset last_stable{-1};  ///< once it was aborted, if all is replicated
  static constexpr std::size_t size_bytes = 34;
  friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
};

[[nodiscard]] std::array<std::byte, AbortedTransaction::size_bytes> encode(
    const AbortedTransaction& entry);

// Thread of all below: any, better the I/O pool.

/// Writes `entries` behind the `count` that the file holds, which is made if it is absent.
/// @durable no. @errors kafka_storage_error
[[nodiscard]] Result<void> append_aborted(runtime::FileSystem& files, const std::string& path,
                                          std::uint32_t count,
                                          const std::vector<AbortedTransaction>& entries);

/// The whole index; empty if there is no file.
/// @errors corrupt_message: a size, a version or an order that no index has; kafka_storage_error
[[nodiscard]] Result<std::vector<AbortedTransaction>> read_transaction_index(
    runtime::FileSystem& files, const std::string& path, model::Offset base);

/// Makes the index hold exactly `entries`; no entries, no file. @return true if it changed
[[nodiscard]] Result<bool> replace_transaction_index(
    runtime::FileSystem& files, const std::string& path, model::Offset base,
    const std::vector<AbortedTransaction>& entries);

/// Adds to `out` those of the first `count` entries that a reader of `range` must know.
/// @return true if the segments behind have no further ones
[[nodiscard]] Result<bool> collect_aborted(const runtime::File& file, std::uint32_t count,
                                           model::OffsetRange range,
                                           std::vector<AbortedTransaction>& out);

/// The same for an entry in memory.
[[nodiscard]] bool collect_aborted(const AbortedTransaction& entry, model::OffsetRange range,
                                   std::vector<AbortedTransaction>& out);

}  // namespace gregor::storage
