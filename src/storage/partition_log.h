// The log of one partition: what the broker appends to and reads from. Start reading storage/ here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_function.h"
#include "config/topic_config.h"
#include "model/end_marker.h"
#include "model/ids.h"
#include "model/uuid.h"
#include "runtime/file_system.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "storage/transaction_index.h"

namespace gregor::storage {

struct ActiveProducer;
struct CleanedSegment;
struct CleaningFacts;
struct LogCounters;
struct LogExtent;
struct FrozenLog;
struct Relocation;
struct LoadedLog;  // log_loader.h: what loading found, before it is bound to a shard

/// Bytes of a segment that may be sent to a reader: whole batches, checked (written by this process
/// or CRC-checked since the file was opened) and resident in the page cache when handed out.
struct LogSlice {
  std::shared_ptr<const runtime::File> file;  ///< keeps an unlinked file readable
  std::uint64_t position = 0;
  std::uint64_t size = 0;
};

struct ReadRequest {
  model::Offset from;
  model::Offset
      end;  ///< nothing at or after this offset is returned (high watermark, LSO or log end)
  std::uint64_t bytes_max = 0;  ///< soft: the last batch may be cut at this limit
  bool first_batch_whole =
      false;               ///< return the first batch whole even if it is larger than bytes_max
  bool wants_end = false;  ///< look for a close ReadResult::end; costs a look into the index
};

struct ReadResult {
  std::vector<LogSlice> slices;  ///< in order; empty if nothing is there
  std::uint64_t size = 0;        ///< sum of the slices
  model::Offset first;           ///< base offset of the first batch returned; may lie below `from`
  std::uint64_t first_batch_bytes =
      0;  ///< size of the first batch as stored, even if it was cut or left out
  /// No record of the slices lies at or behind it: the end of what may be read, or a closer one.
  model::Offset end;
};

/// What an append was given.
struct AppendInfo {
  model::OffsetRange offsets;  ///< of a duplicate: those that the original has
  /// Set for LogAppendTime, else -1; of a duplicate: the max timestamp of the original.
  model::TimestampMs append_time{-1};
  model::Offset log_start;
  bool is_duplicate = false;  ///< it is in the log already: nothing was written
};

/// A producer as DescribeProducers shows it.
struct ProducerInfo {
  model::ProducerId id{-1};
  model::ProducerEpoch epoch{-1};
  std::int32_t last_sequence = -1;
  model::TimestampMs last_timestamp{-1};
  std::int32_t coordinator_epoch = -1;
  model::Offset transaction_start{-1};  ///< -1: no transaction is open
};

/// Segments that were taken out of a log: their files are renamed to ".deleted" and wait to be
/// removed.
struct DeletedSegments {
  std::uint64_t count = 0;
  std::uint64_t size_bytes = 0;
  std::vector<std::string> files;  ///< paths to remove
  std::int64_t delay_ms = 0;       ///< file.delete.delay.ms: how long they stay
};

/// An answer of a lookup by time; offset -1 = no match.
struct TimestampOffset {
  model::TimestampMs timestamp{-1};
  model::Offset offset{-1};
  model::LeaderEpoch leader_epoch{-1};
};

/// A rejected produce batch: the error and, for invalid records, which ones.
struct BatchError {
  Error error;
  bool log_consulted = true;  ///< false: the reply's LogStartOffset is -1
  struct Record {
    std::int32_t index = 0;
    std::string message;
  };
  std::vector<Record> records;
};

template <class T>
using AppendResult = tl::expected<T, BatchError>;

/// What puts a log that stands still into another log dir (log_copy.h). Thread: the I/O pool.
using RelocationWork = UniqueFunction<Relocation(const FrozenLog&)>;

/// The log of one partition in one log directory: ordered segments plus their indexes.
///
/// Thread:    owned by one shard; call only from it.
/// Owns:      its segments and their file handles. Borrows: Shard&, must outlive it.
/// Invariant: log_start <= recovery_point <= log_end <= staged_end; log_start <= high_watermark <=
/// log_end; segments are
///            contiguous and only the last is writable.
class PartitionLog {
 public:
  /// Binds what the loader found to its shard.
  PartitionLog(runtime::Shard& shard, LoadedLog loaded);
  /// Only after close() or retire() has ended, or once the shard's loop has stopped.
  ~PartitionLog();
  PartitionLog(const PartitionLog&) = delete;
  PartitionLog& operator=(const PartitionLog&) = delete;

  /// Appends one batch of a producer as the leader: validates it (every record is walked), gives
  /// offsets and epoch in place, rolls if needed, writes (all appends of one turn in one pwritev),
  /// and, if flush.messages asks for it, waits for the disk. Ends when the answer may be sent; the
  /// high watermark is not touched.
  ///
  /// A batch with a producer id is held against what its producer appended before: a duplicate of
  /// one of its last five batches is not written again, but gets the answer of the original, and
  /// waits for it if it is still being written. Whether a producer may write transactional batches
  /// is the caller's to know; they open a transaction here.
  ///
  /// @param batch  the records field of the request, wire bytes; changed in place; must stay until
  /// the task has ended
  /// @return  offsets given; nothing of it is in the log on an error
  /// @errors  corrupt_message, invalid_record, invalid_timestamp, message_too_large,
  /// record_list_too_large,
  ///          unsupported_compression_type, out_of_order_sequence_number,
  ///          invalid_producer_epoch, invalid_txn_state (a batch outside of the producer's open
  ///          transaction), kafka_storage_error (the log dir has failed, or has no room)
  /// @durable page cache; the disk if flush.messages asked for it
  runtime::Task<AppendResult<AppendInfo>> append(ByteSpan batch, model::LeaderEpoch epoch);
  /// Appends the marker that ends a producer's transaction, as the leader; its timestamp is set
  /// here. Waits as append() does.
  /// @errors invalid_producer_epoch, transaction_coordinator_fenced, kafka_storage_error
  runtime::Task<AppendResult<AppendInfo>> append_end_marker(model::EndMarker marker,
                                                            model::LeaderEpoch epoch);

  /// Finds the batches from request.from on, checked and resident (it may go through the I/O pool
  /// for that).
  /// @errors offset_out_of_range if from < log_start or from > log_end; corrupt_message (damage:
  /// file and offset in the
  ///         detail); kafka_storage_error
  runtime::Task<Result<ReadResult>> read(ReadRequest request);
  /// What read() would give, if it is at hand: the common case of a reader at the end of the log.
  [[nodiscard]] std::optional<ReadResult> read_at_hand(const ReadRequest& request);

  /// First record, by offset, with timestamp >= `timestamp` and log_start <= offset < `end`.
  runtime::Task<Result<TimestampOffset>> offset_for_time(model::TimestampMs timestamp,
                                                         model::Offset end);
  /// The earliest record that carries the greatest timestamp; nothing if it lies at or after `end`.
  runtime::Task<Result<TimestampOffset>> offset_of_max_timestamp(model::Offset end);

  /// Records below `to` are gone for every reader; the log start is only ever raised. Their
  /// segments stay.
  ///
  /// @return  the log start, also if it was not below `to` before
  /// @errors  offset_out_of_range if `to` is above the high watermark; kafka_storage_error
  /// @durable the records up to `to` are; the new start once the checkpoint file is written
  runtime::Task<Result<model::Offset>> move_log_start(model::Offset to);

  /// Deletes the oldest segments as the settings say: those wholly below the log start, then, with
  /// cleanup.policy=delete, by retention.bytes and by retention.ms. The log start is raised first,
  /// so that no reader gets there any more; of an active segment that has to go as well a new one
  /// is made before. One at a time: nothing happens while another one runs.
  /// @errors kafka_storage_error
  /// @durable yes: neither the segments nor the old log start come back
  runtime::Task<Result<DeletedSegments>> apply_retention();

  // For the log cleaner (storage/cleaner/); types in log_cleaning.h.

  /// What may be compacted. @errors kafka_storage_error
  runtime::Task<Result<CleaningFacts>> cleaning_facts();
  [[nodiscard]] std::vector<ActiveProducer> active_producers() const;
  /// As long as it is held, close() and retire() wait: to be let go soon once is_closing(). Null if
  /// the log takes no appends any more.
  [[nodiscard]] std::shared_ptr<void> hold_for_cleaning();
  [[nodiscard]] bool is_closing() const;
  /// Puts a cleaned segment into the place of those that it was made of; its files lie in the
  /// folder under their names for that. Readers see either; those that read go on with what they
  /// have.
  /// @return the old files, renamed to "*.deleted", to be removed some time later
  /// @errors operation_not_attempted: the segments are others by now, nothing was changed;
  /// kafka_storage_error. @durable yes
  runtime::Task<Result<std::vector<std::string>>> replace_segments(CleanedSegment cleaned);

  // For moves between log dirs; types in log_copy.h.

  /// What a copy of it has to hold by now. @errors kafka_storage_error
  runtime::Task<Result<LogExtent>> extent();
  /// Goes on in another folder. Appends wait while `work` makes that the log's folder; readers go
  /// on with what is open. Waits for the cleaner, which is told to end, and for deletions.
  /// @return what `work` gave. After an error nothing was changed, unless it is_halfway: then
  ///         nothing is appended any more until the next start, which finds out where the log is
  /// @errors operation_not_attempted: not now; kafka_storage_error
  /// @durable yes: everything up to log_end() is on the disk, in the new folder
  runtime::Task<Result<Relocation>> relocate(RelocationWork work);

  // For the scrub (segment_scrub.h).

  /// Base offsets of the segments that no longer grow.
  [[nodiscard]] std::vector<model::Offset> closed_segments() const;
  /// Bytes from `position` on of the segment at `base` are checked again before they are handed
  /// out.
  void forget_verified(model::Offset base, std::uint64_t position);

  [[nodiscard]] model::Offset log_start() const;
  /// Of the oldest segment: at or below log_start().
  [[nodiscard]] model::Offset first_base() const;
  [[nodiscard]] model::Offset log_end() const;  ///< end of what is written
  [[nodiscard]] model::Offset recovery_point() const;
  [[nodiscard]] model::Offset high_watermark() const;
  /// Clamped to [log_start, log_end].
  void set_high_watermark(model::Offset offset);
  /// Where readers of committed records stop: the high watermark, or the first record below it
  /// whose transaction is open or was ended above it.
  [[nodiscard]] model::Offset last_stable_offset() const;
  [[nodiscard]] std::uint64_t size_bytes() const;
  [[nodiscard]] std::uint64_t segment_count() const;

  /// The producers that are remembered, by id; only what is written counts.
  [[nodiscard]] std::vector<ProducerInfo> producers() const;
  [[nodiscard]] bool has_open_transaction(model::ProducerId id) const;
  /// The aborted transactions that a reader of `range` must know, in the order of their markers. No
  /// I/O if the log has none. @errors corrupt_message, kafka_storage_error
  runtime::Task<Result<std::vector<AbortedTransaction>>> aborted_transactions(
      model::OffsetRange range);
  /// False if aborted_transactions() of a range that begins at `from` gives none.
  [[nodiscard]] bool may_have_aborted(model::Offset from) const;
  /// Forgets producers that were silent for too long; appends of producers do it, too, bit by bit.
  void expire_producers();

  /// Called on the shard after each successful write, with the new log end. At most one; must not
  /// destroy the log.
  void on_log_end(UniqueFunction<void(model::Offset)> callback);
  /// Adds to `counters` from now on; they must outlive the log.
  void count_in(LogCounters& counters);

  /// Writes the epoch's entry (start = log end) before the first append under it. @durable yes.
  runtime::Task<Result<void>> become_leader(model::LeaderEpoch epoch);
  [[nodiscard]] model::LeaderEpoch latest_epoch() const;  ///< -1 if none
  /// Epoch of the record at `offset`; -1 unknown.
  [[nodiscard]] model::LeaderEpoch epoch_at(model::Offset offset) const;
  struct EpochEnd {
    model::LeaderEpoch epoch{-1};
    model::Offset end{-1};
  };
  /// storage fact sheet: endOffsetFor.
  [[nodiscard]] EpochEnd end_of_epoch(model::LeaderEpoch epoch) const;

  /// New settings from now on.
  void set_config(std::shared_ptr<const config::TopicConfig> config);
  /// Writes partition.metadata if absent. @errors inconsistent_topic_id if another id is there.
  runtime::Task<Result<void>> set_topic_id(model::Uuid id);
  [[nodiscard]] std::optional<model::Uuid> topic_id() const;

  /// Everything appended so far is on the disk when it ends; moves the recovery point.
  runtime::Task<Result<void>> flush();
  /// Closes the files until they are needed again, if no operation runs. For a log that has not
  /// been used for a while, when descriptors are short. @return false if an operation runs
  bool release_files();
  /// Waits for running work, flushes, trims the indexes, closes. Nothing may be called afterwards
  /// but the destructor.
  runtime::Task<Result<void>> close();
  /// Waits for running work, renames the folder to "...-delete" and closes; the files go later
  /// (remove_deleted).
  /// @return the new path. @durable yes.
  runtime::Task<Result<std::string>> retire(std::string unique_suffix);

  [[nodiscard]] const model::TopicPartition& partition() const;
  [[nodiscard]] const std::string& directory() const;  ///< path of the folder
  /// Set once a change of its files failed for good, or one of another log in its log dir:
  /// everything fails with it, reads as well.
  [[nodiscard]] const std::optional<Error>& failure() const;
  /// Its log dir has failed.
  [[nodiscard]] bool is_offline() const;

 private:
  class State;
  std::shared_ptr<State> state_;  ///< shared with the operations that run
};

}  // namespace gregor::storage
