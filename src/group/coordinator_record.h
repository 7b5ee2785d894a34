// The records of __consumer_offsets: committed offsets and groups, as Apache Kafka 3.9 writes and
// reads them.
//
//   key    int16 type | fields                       type 0, 1: offset; 2: group; others: not ours
//   value  int16 version | fields                    null (a tombstone): it is gone
//
// Layouts: protocol/schemas/OffsetCommitKey.api and its neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "group/group_types.h"
#include "model/ids.h"

namespace gregor::group {

/// What a consumer has committed for one partition.
struct CommittedOffset {
  model::Offset offset{-1};
  model::LeaderEpoch leader_epoch{-1};  ///< of the last record consumed; -1 = not said
  std::string metadata;
  model::TimestampMs commit_time{-1};
  /// Only from old clients that asked for a time of their own.
  std::optional<model::TimestampMs> expire_time;
  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

/// A partition's committed offset, or that it is gone.
struct OffsetRecord {
  std::string group;
  model::TopicPartition partition;
  std::optional<CommittedOffset> value;
  friend bool operator==(const OffsetRecord&, const OffsetRecord&) = default;
};

/// A group, or that it is gone.
struct GroupRecord {
  std::string group;
  std::optional<StoredGroup> value;
  friend bool operator==(const GroupRecord&, const GroupRecord&) = default;
};

/// A record of a kind that this program does not know, e.g. of another group protocol.
struct ForeignRecord {
  std::int16_t type = -1;
  friend bool operator==(const ForeignRecord&, const ForeignRecord&) = default;
};

using CoordinatorRecord = std::variant<OffsetRecord, GroupRecord, ForeignRecord>;

/// Key and value as they lie in a record.
struct EncodedRecord {
  std::vector<std::byte> key;
  std::optional<std::vector<std::byte>> value;  ///< nullopt = tombstone
};

/// @errors invalid_request: a text is too long for the format (32767 bytes)
[[nodiscard]] Result<EncodedRecord> encode(const OffsetRecord& record);
[[nodiscard]] Result<EncodedRecord> encode(const GroupRecord& record);

/// @param value  nullopt = tombstone
/// @errors corrupt_message: shorter than its fields, or of a version that is not known
[[nodiscard]] Result<CoordinatorRecord> decode_record(ByteView key, std::optional<ByteView> value);

}  // namespace gregor::group
