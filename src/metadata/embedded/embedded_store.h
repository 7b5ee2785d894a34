// The metadata store of a broker without ZooKeeper: the whole tree in memory, made durable in one
// SQLite file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "metadata/request.h"
#include "runtime/shard.h"

namespace gregor::metadata {

/// Name of the store's file in the first log dir.
inline constexpr const char* embedded_store_file = "gregor-metadata.db";

/// How often the store went to the disk; for metrics and tests.
struct EmbeddedCounters {
  std::uint64_t requests = 0;  ///< changes asked for
  std::uint64_t commits = 0;   ///< SQLite transactions; all changes that wait share one
  std::uint64_t failed_commits = 0;
};

/// Thread:    the shard it was opened on. SQLite runs in that shard's I/O pool, one job at a time.
/// Invariant: the tree in memory is what the file says plus the changes of the jobs that wait or
/// run; an answer is given
///            once everything that it shows is durable. A failed commit answers `unknown` to all
///            that waited, reads the tree again from the file and reports disconnected, connected.
/// Durable:   synchronous=FULL, WAL. One process at a time (exclusive lock).
/// Lifetime:  close() before destruction, unless the shard's loop has stopped.
class EmbeddedStore : public RequestStore {
 public:
  /// Opens the file at `path` (made if absent); ephemeral nodes of the last run are removed.
  /// Session: a new one.
  /// @errors kafka_storage_error with a text for people: not a store of ours, made by a newer
  /// version, damaged, locked
  ///         by another process, unreadable. A damaged file is never taken for an empty one.
  static runtime::Task<Result<std::unique_ptr<EmbeddedStore>>> open(runtime::Shard& shard,
                                                                    std::string path);

  /// True if this open made the file.
  [[nodiscard]] virtual bool is_new() const = 0;
  [[nodiscard]] virtual const EmbeddedCounters& counters() const = 0;
};

}  // namespace gregor::metadata
