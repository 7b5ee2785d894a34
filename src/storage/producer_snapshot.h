// The .snapshot files of a partition's folder: the producer state up to the offset in the name.
// Layout: docs/formats/log_segment.md.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "runtime/file_system.h"
#include "storage/producer_state.h"

namespace gregor::storage {

/// The bytes that Kafka would write, also in the order in which its map would give the producers.
/// Only the last batch of each is in a snapshot.
[[nodiscard]] std::vector<std::byte> encode_snapshot(std::vector<ProducerEntry> entries);

/// @errors corrupt_message: version, CRC, a count that does not fit the size
[[nodiscard]] Result<std::vector<ProducerEntry>> decode_snapshot(ByteView bytes);

/// Whether these can be the producers of all that lies below `end`. A CRC says nothing of a file
/// that was put there.
/// @errors corrupt_message: offsets at or behind `end`, or of no batch; a producer or the start of
///         a transaction twice
[[nodiscard]] Result<void> check_entries(const std::vector<ProducerEntry>& entries,
                                         model::Offset end);

/// "<directory>/00000000000000000042.snapshot".
[[nodiscard]] std::string snapshot_path(const std::string& directory, model::Offset offset);

// Thread: the I/O pool. @errors kafka_storage_error

/// Writes over what is there. @durable no: what a crash leaves of it is known by its CRC.
[[nodiscard]] Result<void> write_snapshot(runtime::FileSystem& files, const std::string& path,
                                          const std::vector<ProducerEntry>& entries);
/// @errors as decode_snapshot, too; a file of more than 64 MiB is none
[[nodiscard]] Result<std::vector<ProducerEntry>> read_snapshot(runtime::FileSystem& files,
                                                               const std::string& path);

}  // namespace gregor::storage
