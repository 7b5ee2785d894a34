// History: what model clients sent, what they were answered and what they read, and the invariants
// that follow. It is told of events and owns no clock, socket or file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error_code.h"
#include "model/ids.h"
#include "runtime/clock.h"
#include "sim/fetch_watch.h"
#include "sim/partition_history.h"
#include "sim/value.h"
#include "sim/violations.h"

namespace gregor::sim {

using BatchNumber = std::size_t;

/// How a batch that was sent stands.
enum class BatchState : std::uint8_t {
  pending,  ///< no answer yet, or none will come (acks=0)
  acked,
  refused,  ///< answered with an error that says that it was not appended
  unknown,  ///< the connection ended, or the error says nothing
  lost,     ///< it was in the log, a power loss took it
};

/// One record batch as a producer sent it; its records have numbers and time stamps in sequence.
struct SentBatch {
  PartitionKey where;
  ValueId first;
  std::int32_t count = 0;
  model::TimestampMs timestamp;       ///< of the first record
  bool is_valid = true;               ///< false: it has to be refused
  bool has_append_time = false;       ///< the topic's records get the time of the append
  model::ProducerId producer_id{-1};  ///< if it has one it may be sent again, and is there once
  std::optional<std::uint64_t> channel{};  ///< connection; batches of one channel keep their order
  runtime::Instant sent;
  BatchState state = BatchState::pending;
  model::Offset must_exceed{-1};        ///< the last acknowledged offset when it was sent
  std::optional<model::Offset> base{};  ///< by its acknowledgement or by the first read
  model::TimestampMs append_time{-1};

  [[nodiscard]] bool is_idempotent() const { return producer_id >= model::ProducerId(0); }
};

/// A record as a reader got it.
struct ReadRecord {
  model::Offset offset;
  model::TimestampMs timestamp;
  std::optional<ByteView> key;
  std::optional<ByteView> value;
};

/// A partition's share of a fetch answer, without an error.
struct FetchedPartition {
  struct Batch {
    model::Offset base;
    model::Offset next;
    std::vector<std::byte> content;  ///< what the records point into, where they were compressed
    std::vector<ReadRecord> records;
  };
  model::Offset high_watermark;
  model::Offset log_start;
  std::vector<Batch> batches;
};

/// Thread: one.
class History {
 public:
  History(bool is_flushed_each, runtime::Duration slack, Violations& violations)
      : is_flushed_each_(is_flushed_each), violations_(violations), fetches_(slack, violations) {}

  void add_topic(model::Uuid id, const std::string& name, std::int32_t partitions);
  [[nodiscard]] bool knows(const PartitionKey& where) const { return partitions_.contains(where); }
  /// It must have been added.
  [[nodiscard]] PartitionHistory& partition(const PartitionKey& where);

  // Producers.

  BatchNumber send(SentBatch batch);
  /// The same batch once more, on another connection.
  void send_again(BatchNumber number, std::uint64_t channel);
  /// [D2, D6, O1, O2, O3, D4: an invalid batch was taken]
  void acknowledge(BatchNumber number, model::Offset base, model::TimestampMs append_time,
                   runtime::Instant now);
  void refuse(BatchNumber number, ErrorCode error);
  void lose_sight(BatchNumber number);
  [[nodiscard]] const SentBatch& batch(BatchNumber number) const { return batches_.at(number); }
  /// Which batch holds a value; nothing if nobody sent it.
  [[nodiscard]] std::optional<BatchNumber> find(ValueId value) const;

  /// The broker has given this producer id to somebody. [I3]
  void take_producer_id(model::ProducerId id);
  /// A power loss was allowed to take records that were acknowledged.
  [[nodiscard]] bool may_have_lost() const { return has_lost_power_ && !is_flushed_each_; }

  // Readers.

  /// One answer. [O3, O4, O6, V1, V2, V3, V4, and of each record D2, D3, D4, D5, I1, TS]
  void read(const PartitionKey& where, const ReadMark& mark, model::Offset from,
            const FetchedPartition& answer);
  [[nodiscard]] FetchWatch& fetches() { return fetches_; }

  // The broker's life.

  void end_life(Ending ending);
  /// See PartitionHistory::restart.
  void restart(const PartitionKey& where, model::Offset end);
  /// Clients go on.
  void resume();
  [[nodiscard]] std::uint64_t lost_count() const { return lost_; }
  [[nodiscard]] std::uint64_t acked_count() const { return acked_; }
  [[nodiscard]] std::uint64_t read_count() const { return read_; }

 private:
  void read_batches(PartitionHistory& partition, const FetchedPartition& answer,
                    model::Offset from);
  void read_record(PartitionHistory& partition, const PartitionKey& where,
                   const ReadRecord& record);
  void place(SentBatch& batch, std::int64_t index, const ReadRecord& record,
             const std::string& name);
  void check_order(const SentBatch& batch, const std::string& name);
  void check_timestamp(SentBatch& batch, std::int64_t index, const ReadRecord& record,
                       const std::string& name);

  const bool is_flushed_each_;
  Violations& violations_;
  FetchWatch fetches_;
  std::map<PartitionKey, PartitionHistory> partitions_;
  std::vector<SentBatch> batches_;
  std::map<std::uint32_t, std::vector<BatchNumber>> by_producer_;  // a batch per counter, from 1
  std::map<std::pair<std::uint64_t, PartitionKey>, model::Offset> last_of_channel_;
  /// Where the batches of an idempotent producer lie, in the order of sending.
  std::map<std::pair<model::ProducerId, PartitionKey>, std::map<ValueId, model::Offset>> places_;
  std::set<model::ProducerId> producer_ids_;
  bool has_lost_power_ = false;
  std::uint64_t lost_ = 0;
  std::uint64_t acked_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace gregor::sim
