#include "storage/log_move.h"

#include <utility>

namespace gregor::storage {

Relocation complete_move(LogDirs& dirs, LogCopy& copy, const FolderMove& move,
                         const FrozenLog& frozen, std::uint64_t missing_max) {
  Relocation relocation;
  if (copy.missing_bytes(frozen.extent) > missing_max) {
    relocation.done = fail(ErrorCode::operation_not_attempted, "too much is missing by now");
    return relocation;
  }
  auto active = copy.complete(frozen);
  if (!active) {
    relocation.done = fail(std::move(active.error()));
    return relocation;
  }
  SettledPositions positions;
  positions.log_end = frozen.extent.log_end;
  if (frozen.extent.log_start > frozen.extent.segments.front().base) {
    positions.log_start = frozen.extent.log_start;
  }
  positions.high_watermark = frozen.high_watermark;
  SettledMove settled = dirs.settle_move(move, positions);
  relocation.done = std::move(settled.done);
  relocation.is_halfway = settled.is_halfway;
  relocation.directory = std::move(settled.directory);
  relocation.health = move.health;
  relocation.active = std::move(*active);
  relocation.retired = std::move(settled.retired);
  return relocation;
}

}  // namespace gregor::storage
