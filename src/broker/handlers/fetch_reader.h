// The owning side of Fetch: reads partitions on the shard that has them, and leaves notices there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "broker/broker_shard.h"
#include "model/uuid.h"
#include "storage/partition_log.h"
#include "storage/transaction_index.h"

namespace gregor::broker {

struct FetchAnswer {
  ErrorCode error = ErrorCode::none;
  model::Offset high_watermark{-1};
  model::Offset last_stable{-1};
  model::Offset log_start{-1};
  std::optional<storage::PartitionLog::EpochEnd> diverging;
  storage::ReadResult data;
  std::vector<storage::AbortedTransaction> aborted;  ///< those that a read_committed reader skips

  /// Something that is to be told at once, but no records.
  [[nodiscard]] bool is_special() const { return error != ErrorCode::none || diverging; }
};

/// One partition's share of a fetch, and what came of it.
struct FetchPart {
  std::string_view topic;
  model::Uuid topic_id;  ///< that it must have; zero = asked for by name
  std::int32_t index = 0;
  std::int64_t offset = 0;
  std::uint64_t bytes_max = 0;
  std::int32_t current_leader_epoch = -1;
  std::int32_t last_fetched_epoch = -1;
  bool is_read_committed = false;
  model::Offset seen{0};           ///< high watermark at the last read
  std::weak_ptr<Partition> found;  ///< at the last read; to be used on its shard only
  bool was_read = false;
  bool lacks_room = false;  ///< too many old segments were open to read it
  FetchAnswer answer;
};

/// A notice that is to be left on a shard.
struct NoticeOrder {
  NoticeId notice = 0;
  std::uint64_t bytes_wanted = 0;  ///< of that shard's partitions together
};

/// Which parts a visit reads. `moved`: those whose partition has changed since its last read; the
/// answers of the others stay.
enum class FetchRange { all, moved };

/// Reads parts, the first batch whole even above its limit, and notes what it has seen. Leaves the
/// notice, if one is ordered, when there was nothing to read and no error. Thread: the owning
/// shard.
runtime::Task<void> read_parts(BrokerShard& shard, std::span<FetchPart* const> parts,
                               FetchRange range, std::optional<NoticeOrder> order);

/// Leaves a notice that fires when these partitions have grown so far beyond what was seen of them,
/// or one has gone. Replaces one of the same name.
void arm_notice(BrokerShard& shard, NoticeOrder order, std::span<FetchPart* const> parts);

}  // namespace gregor::broker
