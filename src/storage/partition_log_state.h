// PartitionLog::State: the data of a log on its shard and the steps that work on it. Private to the
// partition_log*.cc files:
//   partition_log.cc        the public face, bounds and epochs
//   partition_log_append.cc stage: validation, offsets, the order of appends
//   partition_log_write.cc  write: one pwritev per turn and segment, rolling, cutting back
//   partition_log_producers.cc  producers and transactions: judging, snapshots, aborted lists
//   partition_log_flush.cc  flush: group commit, recovery point; close and retire
//   partition_log_read.cc   slices for readers, lookups by time
//   partition_log_retention.cc  deleting old segments
//   partition_log_cleaning.cc  what the log cleaner may do
//   partition_log_move.cc  going on in another log dir
#pragma once

#include <coroutine>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/append_preparation.h"
#include "storage/index_writer.h"
#include "storage/log_cleaning.h"
#include "storage/log_copy.h"
#include "storage/log_counters.h"
#include "storage/log_loader.h"
#include "storage/open_segments.h"
#include "storage/partition_log.h"
#include "storage/producer_snapshot.h"
#include "storage/producer_state.h"
#include "storage/retention_rules.h"
#include "storage/segment_read.h"
#include "storage/tail_cache.h"
#include "storage/wait_list.h"

namespace gregor::storage {

/// What is true while it lives.
class Flag {
 public:
  explicit Flag(bool& flag) : flag_(flag) { flag_ = true; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  ~Flag() { flag_ = false; }

 private:
  bool& flag_;
};

/// A segment on the shard. Its files are opened when they are needed.
struct Segment {
  model::Offset base;
  std::uint64_t size_bytes = 0;  ///< written and readable
  SegmentFiles files;
  OpenSegments::Entry entry;         ///< held while the files are open
  OpenSegments::Wish wish;           ///< for room to open it
  std::uint32_t offset_entries = 0;  ///< in the index files; valid if they are open
  std::uint32_t time_entries = 0;
  std::optional<TimeEntry> largest_time;  ///< of a segment that no longer grows, once it is known
  std::optional<model::TimestampMs> first_timestamp;  ///< of its first batch, once it is known
  VerifiedRanges verified;
  std::string named_damage;         ///< what the log has told last
  std::uint32_t aborted_count = 0;  ///< entries of the .txnindex, which is opened when needed
  bool has_unsynced_data = false;
  bool has_unsynced_indexes = false;
  bool has_unsynced_aborted = false;
  std::uint64_t unsynced_bytes = 0;  ///< written by this process since the last sync
  std::uint64_t identity = 0;        ///< another one once its content was compacted
  std::uint64_t used = 0;  ///< number of the last use, for closing the one not used for longest
};

/// A batch between stage() and the end of its write; lives in the frame of its append().
struct StagedAppend {
  ByteSpan bytes;
  model::Offset first;
  model::Offset last;
  model::TimestampMs max_timestamp{-1};
  bool has_producer = false;  ///< the producer state holds it as staged
  bool is_duplicate = false;  ///< nothing to write: first and last are the original's
  std::optional<AbortedTransaction> aborted;  ///< by this marker
  std::coroutine_handle<> waiting;
  bool is_done = false;
  std::optional<Error> error;

  /// `co_await staged.written()`
  struct Awaiter {
    StagedAppend& staged;
    [[nodiscard]] bool await_ready() const noexcept { return staged.is_done; }
    void await_suspend(std::coroutine_handle<> handle) const { staged.waiting = handle; }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] Awaiter written() { return Awaiter{*this}; }
};

/// What one pwritev takes: staged batches that follow each other in one segment.
struct WriteRun {
  std::vector<StagedAppend*> appends;
  std::vector<ByteView> parts;
  std::uint64_t size_bytes = 0;
  SegmentTail planned;           ///< the tail once it is written
  IndexWriter::Mark index_mark;  ///< the index writer before it
  std::vector<AbortedTransaction> aborted;
};

struct WriteOutcome {
  Result<void> log;      ///< the batches
  Result<void> cut;      ///< if they were not written: cutting the file back
  Result<void> index;    ///< the index entries
  Result<void> aborted;  ///< those of the transaction index
  runtime::Instant start;
  runtime::Instant end;
};

enum class FlushScope {
  data,          ///< .log files and new directory entries: what acknowledgements wait for
  everything,    ///< the indexes too: the recovery point moves to the end of the log
  old_segments,  ///< everything of all segments but the active one: it moves to that one's base
};

/// What is appended: a producer's records field, or a marker.
struct AppendInput {
  ByteSpan field;
  std::optional<model::EndMarker> marker;
};

/// What one flush syncs, in this order.
struct FlushJob {
  struct Item {
    SegmentPlace place;
    SegmentFiles files;  ///< not open: the job opens them
    bool data = false;
    bool indexes = false;
    bool aborted = false;
  };
  std::vector<Item> items;
  std::vector<std::string> snapshots;
  std::string directory;  ///< empty: no entries to sync
  model::Offset end;      ///< all below is on the disk once it is done
  std::uint64_t bytes = 0;
};

class PartitionLog::State final : public std::enable_shared_from_this<State>,
                                  public OpenSegments::Owner {
 public:
  State(runtime::Shard& shard, LoadedLog loaded);

  // The operations of PartitionLog; each holds the State while it runs.
  static runtime::Task<AppendResult<AppendInfo>> append(std::shared_ptr<State> self,
                                                        AppendInput input,
                                                        model::LeaderEpoch epoch);
  static runtime::Task<Result<std::vector<AbortedTransaction>>> aborted_transactions(
      std::shared_ptr<State> self, model::OffsetRange range);
  [[nodiscard]] bool may_have_aborted(model::Offset from) const;
  [[nodiscard]] std::vector<ProducerInfo> list_producers() const;
  void expire_producers();
  static runtime::Task<Result<ReadResult>> read(std::shared_ptr<State> self, ReadRequest request);
  [[nodiscard]] std::optional<ReadResult> read_at_hand(const ReadRequest& request);
  static runtime::Task<Result<TimestampOffset>> offset_for_time(std::shared_ptr<State> self,
                                                                model::TimestampMs timestamp,
                                                                model::Offset end);
  static runtime::Task<Result<TimestampOffset>> offset_of_max_timestamp(std::shared_ptr<State> self,
                                                                        model::Offset end);
  static runtime::Task<Result<void>> become_leader(std::shared_ptr<State> self,
                                                   model::LeaderEpoch epoch);
  static runtime::Task<Result<void>> set_topic_id(std::shared_ptr<State> self, model::Uuid id);
  static runtime::Task<Result<void>> flush(std::shared_ptr<State> self);
  static runtime::Task<Result<model::Offset>> move_log_start(std::shared_ptr<State> self,
                                                             model::Offset to);
  static runtime::Task<Result<DeletedSegments>> apply_retention(std::shared_ptr<State> self);
  static runtime::Task<Result<CleaningFacts>> cleaning_facts(std::shared_ptr<State> self);
  [[nodiscard]] std::vector<ActiveProducer> active_producers() const;
  static std::shared_ptr<void> hold(std::shared_ptr<State> self);
  /// The cleaner ends soon when the log is closed or goes to another log dir.
  [[nodiscard]] bool is_closing() const { return is_closing_ || is_relocating_; }
  static runtime::Task<Result<LogExtent>> extent(std::shared_ptr<State> self);
  static runtime::Task<Result<Relocation>> relocate(std::shared_ptr<State> self,
                                                    RelocationWork work);
  static runtime::Task<Result<std::vector<std::string>>> replace_segments(
      std::shared_ptr<State> self, CleanedSegment cleaned);
  /// New settings from now on.
  void set_config(std::shared_ptr<const config::TopicConfig> next);
  /// True once its log dir has failed; `failure` says why then.
  bool note_offline();
  bool release_files();
  bool close_segment(model::Offset base) override;
  /// The segment that begins at `base`; nullptr if there is none any more.
  [[nodiscard]] Segment* find_segment(model::Offset base);
  static runtime::Task<Result<void>> close(std::shared_ptr<State> self);
  static runtime::Task<Result<std::string>> retire(std::shared_ptr<State> self,
                                                   std::string unique_suffix);

  // Read by PartitionLog's accessors.
  model::TopicPartition partition;
  std::string directory;
  std::shared_ptr<const config::TopicConfig> config;
  std::optional<model::Uuid> topic_id;
  std::optional<Error> failure;
  LeaderEpochCache epochs;
  std::vector<Segment> segments;  ///< >= 1; the last one is active
  model::Offset log_start;
  model::Offset log_end;
  model::Offset recovery_point;
  model::Offset high_watermark;
  ProducerState producers;
  UniqueFunction<void(model::Offset)> log_end_callback;
  LogCounters* counters = nullptr;  ///< may stay so

 private:
  /// Counts an operation that runs, so that close() can wait for it.
  class Operation {
   public:
    explicit Operation(State& state) : state_(state) { ++state_.operations_; }
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() {
      if (--state_.operations_ == 0 && state_.is_closing_) state_.idle_.wake_all();
    }

   private:
    State& state_;
  };
  /// Suspends until it is this append's turn to be staged.
  struct Turn {
    State& state;
    std::uint64_t ticket;
    [[nodiscard]] bool await_ready() const noexcept { return state.serving_ == ticket; }
    void await_suspend(std::coroutine_handle<> waiting) const {
      state.waiting_turns_.emplace(ticket, waiting);
    }
    void await_resume() const noexcept {}
  };

  [[nodiscard]] Segment& active() { return segments.back(); }
  [[nodiscard]] SegmentPlace place(model::Offset base) const { return {directory, base}; }
  /// Why nothing may be done, read, or changed any more; nullopt if it may.
  [[nodiscard]] std::optional<Error> closed_refusal() const;
  [[nodiscard]] std::optional<Error> read_refusal() const;
  [[nodiscard]] std::optional<Error> append_refusal() const;
  void fail_for_good(const Error& error, std::string_view what);

  // stage
  [[nodiscard]] PreparationOptions preparation_options();
  runtime::Task<Result<void>> prepare_to_stage(model::LeaderEpoch epoch);
  [[nodiscard]] std::optional<BatchError> stage(StagedAppend& staged, const PreparedBatch& prepared,
                                                model::LeaderEpoch epoch);
  void stage_unawaited(StagedAppend& staged);
  void pass_turn();
  [[nodiscard]] bool needs_flush() const;

  // write
  void schedule_write();
  void write_turn();
  runtime::Task<void> write_slowly();
  void end_writing();
  [[nodiscard]] bool is_roll_due(const SegmentTail& tail, const StagedAppend& next);
  void plan_run();
  [[nodiscard]] WriteOutcome perform_run();
  void apply_run(WriteOutcome outcome, std::vector<std::coroutine_handle<>>& finished);
  void finish_run(std::vector<std::coroutine_handle<>>& finished);
  void fail_staged(const Error& error, std::vector<std::coroutine_handle<>>& finished);
  void resume_later(std::vector<std::coroutine_handle<>> finished);
  runtime::Task<Result<void>> roll(model::Offset base);
  void start_active_segment(model::Offset base, SegmentFiles files, OpenSegments::SlotPointer slot);
  void begin_roll_time();

  // producers
  void take_producers(ReplayedProducers found);
  [[nodiscard]] Result<void> stage_producer(StagedAppend& staged, const PreparedBatch& prepared);
  void stage_duplicate(StagedAppend& staged, const RememberedBatch& original);
  void settle_duplicates(const std::optional<Error>& error,
                         std::vector<std::coroutine_handle<>>& finished);
  [[nodiscard]] bool has_pending_aborted() const {
    return !pending_aborted_.empty() || !run_.aborted.empty();
  }
  [[nodiscard]] Result<void> write_aborted();
  void note_aborted_written();
  runtime::Task<Result<std::vector<AbortedTransaction>>> find_aborted(model::OffsetRange range);
  void note_snapshot(model::Offset at);
  runtime::Task<Result<void>> save_snapshot();
  [[nodiscard]] ReplayRequest replay_request() const;

  // open
  struct FoundEnd {
    SegmentEnd end;
    std::optional<ReplayedProducers> producers;  ///< if they are others than was thought
  };
  runtime::Task<Result<void>> open_end();
  [[nodiscard]] Result<FoundEnd> look_for_end(const RecoveryRules& rules, LeaderEpochCache& cache,
                                              ReplayRequest& replay);
  void take_end(SegmentEnd end, OpenSegments::SlotPointer slot);
  void settle_end(model::Offset end);
  runtime::Task<Result<void>> open_inactive(std::size_t index);
  runtime::Task<Result<void>> open_for_lookup(model::Offset base);
  void close_least_used();
  void keep_open(Segment& segment, SegmentFiles files, OpenSegments::SlotPointer slot);
  static void let_go(Segment& segment);

  // flush
  [[nodiscard]] FlushJob collect_unsynced(FlushScope scope);
  void give_back(const FlushJob& job);
  [[nodiscard]] Result<void> write_pending_indexes();
  [[nodiscard]] bool has_unsynced() const;
  [[nodiscard]] bool has_unsynced_old_segments() const;
  runtime::Task<Result<void>> flush_to(model::Offset target, FlushScope scope);
  runtime::Task<Result<void>> flush_once(FlushScope scope);
  void flush_in_background();
  void arm_flush_timer();
  runtime::Task<void> flush_in_time();
  runtime::Task<void> flush_old_segments();
  runtime::Task<Result<void>> save_epochs();
  runtime::Task<void> wait_until_idle();
  runtime::Task<Result<void>> finish();
  void close_files();

  // read
  [[nodiscard]] std::size_t segment_of(model::Offset offset) const;
  [[nodiscard]] model::Offset end_of(std::size_t index) const;
  [[nodiscard]] SegmentView view_of(std::size_t index) const;
  static void name_damage(Segment* segment, const Error& error);
  [[nodiscard]] std::optional<ReadResult> read_hot(const ReadRequest& request);
  runtime::Task<Result<std::optional<ReadResult>>> read_segment(ReadRequest request,
                                                                std::size_t index);
  /// Where the segment behind the one at `base` begins; nullopt if there is none.
  [[nodiscard]] std::optional<model::Offset> base_after(model::Offset base) const;
  runtime::Task<Result<void>> learn_largest_times();
  [[nodiscard]] TimeEntry largest_time_of(std::size_t index) const;

  // cleaning
  runtime::Task<Result<void>> learn_first_timestamps();
  [[nodiscard]] std::optional<std::size_t> replaced_by(const CleanedSegment& cleaned) const;
  runtime::Task<Result<void>> settle_files(const CleanedSegment& cleaned);
  void apply_replacement(const CleanedSegment& cleaned);

  // moving
  [[nodiscard]] LogExtent extent_now() const;
  runtime::Task<Result<void>> wait_for_others();
  runtime::Task<Result<void>> hold_still();
  void go_on();
  void apply_relocation(const Relocation& relocation);
  void fail_halfway(const Error& error);

  // retention
  [[nodiscard]] std::vector<SegmentSpan> spans() const;
  runtime::Task<Result<std::size_t>> count_deletable(DeletionReason reason);
  runtime::Task<Result<std::size_t>> count_too_old();
  runtime::Task<Result<std::int64_t>> largest_time_ms(std::size_t index);
  runtime::Task<Result<void>> learn_largest_time(std::size_t index);
  runtime::Task<Result<void>> delete_oldest(std::size_t count, DeletionReason reason,
                                            DeletedSegments& deleted);
  runtime::Task<Result<bool>> roll_active();
  void raise_log_start(model::Offset to);
  runtime::Task<Result<void>> take_out(std::size_t count, DeletionReason reason,
                                       DeletedSegments& deleted);

  runtime::Shard& shard_;
  runtime::FileSystem& files_;
  const std::string partition_name_;
  std::shared_ptr<DirHealth> health_;
  const std::shared_ptr<OpenSegments> open_segments_;

  // The active segment, if its end is known (is_end_open_).
  bool is_end_open_ = false;
  bool is_opening_ = false;
  WaitList opened_;
  SegmentTail tail_;
  IndexWriter index_writer_;  ///< while a write runs in the pool, the pool's
  bool is_index_behind_ = false;
  std::int64_t active_since_ms_ = 0;
  std::int64_t roll_jitter_ms_ = 0;
  TailCache tail_cache_;
  std::uint64_t written_from_;  ///< position in the active segment from which on this process wrote

  // Staging.
  model::Offset staged_end_;
  std::uint64_t next_ticket_ = 0;
  std::uint64_t serving_ = 0;
  std::map<std::uint64_t, std::coroutine_handle<>> waiting_turns_;
  std::vector<StagedAppend*> queue_;
  std::vector<StagedAppend*> duplicates_;  ///< of appends that are staged
  std::vector<std::pair<std::unique_ptr<StagedAppend>, std::vector<std::byte>>> unawaited_;
  bool is_write_scheduled_ = false;
  bool is_writing_ = false;  ///< write_slowly() runs
  WriteRun run_;

  // Producers.
  std::vector<AbortedTransaction> pending_aborted_;  ///< written, but not yet in the .txnindex
  model::Offset last_snapshot_;
  std::vector<std::string> unsynced_snapshots_;

  // Flushing.
  model::Offset flushed_end_;  ///< records below are on the disk
  bool is_flushing_ = false;
  WaitList flushed_;
  bool has_unsynced_entries_ = false;
  bool is_background_flush_running_ = false;
  runtime::TimerId flush_timer_ = 0;  ///< of flush.ms, for the oldest record that is not synced
  bool are_epochs_unsaved_ = false;
  bool is_saving_epochs_ = false;
  WaitList epochs_saved_;

  // The list of segments. Rolling appends to it, which leaves indexes into it as they are.
  bool is_reshaping_ = false;  ///< somebody takes segments out or replaces some: one at a time
  std::uint64_t layout_ = 0;   ///< moves when that is done: indexes from before no longer hold
  bool is_replacing_ = false;  ///< files get other names now; is_opening_ holds too
  std::size_t cleanings_ = 0;  ///< hold_for_cleaning() that are held
  bool is_relocating_ = false;
  WaitList write_ended_;  ///< write_slowly() or a roll

  std::uint64_t use_count_ = 0;
  std::size_t operations_ = 0;
  bool is_closing_ = false;
  WaitList idle_;
  runtime::TaskGroup tasks_;  // last: its tasks are destroyed before what they use
};

}  // namespace gregor::storage
