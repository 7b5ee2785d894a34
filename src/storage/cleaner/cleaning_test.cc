// Compaction of logs on a simulated disk: while they are appended to and read, with crashes between
// any two steps. Whoever reads the log from its beginning gets, for each key, its last value.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "model/record.h"
#include "storage/cleaner/log_cleaner.h"
#include "storage/crash_history.h"
#include "storage/file_names.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using model::ProducerId;
using model::TimestampMs;
using test::Bytes;

/// A record as it was appended; without a value it deletes its key.
struct Fact {
  std::string key;
  std::optional<std::string> value;
  ProducerId producer{-1};
  bool is_open = false;  ///< its transaction has not ended
  bool is_aborted = false;
};

using Table = std::map<std::string, std::string>;

void put(Table& table, const std::string& key, const std::optional<std::string>& value) {
  if (value) {
    table[key] = *value;
  } else {
    table.erase(key);
  }
}

Result<void> clean(test::SimulatedHost& host, std::optional<Offset>& checkpoint,
                   CleaningOutcome& outcome, std::uint64_t map_bytes = 1 << 20) {
  const auto facts = host.try_wait(host.log().cleaning_facts());
  if (!facts) return fail(ErrorCode::kafka_storage_error, "the machine crashed");
  if (!*facts) return fail(facts->error());
  const TimestampMs now(host.shard().clock().wall_ms());
  CleaningPlan plan{**facts, choose_cleaning(**facts, checkpoint, now)};
  CleanerOptions options;
  options.map.bytes_max = map_bytes;
  const auto done =
      host.try_wait(clean_log(host.shard(), host.log(), std::move(plan), options, outcome));
  if (!done) return fail(ErrorCode::kafka_storage_error, "the machine crashed");
  if (*done) checkpoint = outcome.cleaned_end;
  return *done;
}

struct Tally : test::CrashTally {
  int cleanings = 0;
  int crashed_cleanings = 0;
  int failed_cleanings = 0;  ///< an error of the disk came up
  int replaced_segments = 0;
  int aborted_transactions = 0;
};

/// One seed: several lives of a compacted log on one disk.
class CleaningRun final : public test::CrashHistory {
 public:
  CleaningRun(std::uint64_t seed, Tally& tally)
      : CrashHistory(seed, "cleaning test", 5, tally), tally_(tally) {
    config_ = std::make_shared<config::TopicConfig>();
    config_->cleanup_compact = true;
    config_->cleanup_delete = false;
    config_->segment_bytes = 700 + static_cast<std::int64_t>(random_.below(2500));
    config_->index_interval_bytes = static_cast<std::int64_t>(random_.below(400));
    config_->flush_messages = 1;
    // Readers below see a mixture of before and after: tombstones must outlive them.
    config_->delete_retention_ms = random_.below(2) == 0 ? 3'600'000 : 0;
  }

 private:
  void live(bool) override {
    const bool stops_cleanly = random_.below(4) == 0;
    if (!open_log(config_, draw_kind(), !stops_cleanly)) return;
    if (!adopt_what_was_not_acknowledged()) return end_life();
    check("after a start");
    if (random_.below(4) == 0) checkpoint_.reset();
    end_open_transactions();
    if (!stops_cleanly && random_.below(4) != 0) crash_within(400);
    if (!stops_cleanly && random_.below(3) == 0) fail_within(100);
    const std::uint64_t turns = 2 + random_.below(5);
    for (std::uint64_t turn = 0; turn < turns && goes_on() && complaint_.empty(); ++turn) {
      append_some();
      if (goes_on()) clean_once();
      if (goes_on() && random_.below(3) == 0 && !host_.write_checkpoints() && goes_on()) {
        complain("checkpoint");
      }
    }
    if (stops_cleanly && is_up()) return stop();
    end_life();
  }
  [[nodiscard]] bool goes_on() { return is_up() && !has_met_fault(); }

  void append_some() {
    const std::uint64_t count = random_.below(12);
    for (std::uint64_t i = 0; i < count && goes_on(); ++i) {
      const bool in_transaction = random_.below(4) == 0;
      append(in_transaction ? ProducerId(static_cast<std::int64_t>(random_.below(2)))
                            : ProducerId(-1));
      if (random_.below(4) == 0 && goes_on()) end_one_transaction();
    }
  }

  void append(ProducerId producer) {
    model::BatchOptions options;
    options.codec = random_.below(3) == 0 ? model::Codec::lz4 : model::Codec::none;
    if (producer >= ProducerId(0)) {
      options.producer_id = producer;
      options.producer_epoch = model::ProducerEpoch(0);
      options.base_sequence = sequence_[producer];
      options.is_transactional = true;
    }
    model::BatchBuilder builder(options);
    attempt_.clear();
    const std::uint64_t records = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < records; ++i) {
      Fact fact;
      fact.key = "key" + std::to_string(random_.below(8));
      if (random_.below(4) != 0) {
        fact.value = std::to_string(++last_value_) + std::string(random_.below(80), 'x');
      }
      fact.producer = producer;
      fact.is_open = producer >= ProducerId(0);
      const auto value = fact.value ? std::optional(as_bytes(*fact.value)) : std::nullopt;
      builder.add(
          {.timestamp = TimestampMs(++last_time_), .key = as_bytes(fact.key), .value = value});
      attempt_.push_back(fact);
    }
    attempt_sequence_ = static_cast<std::int32_t>(records);
    const auto result =
        host_.try_wait(host_.log().append(test::scratch(*builder.finish()), LeaderEpoch(1)));
    if (!result || !*result) return;
    acknowledge();
    take((**result).offsets.first);
  }

  void acknowledge() {
    acknowledged_end_ = host_.log().log_end();
    host_.log().set_high_watermark(acknowledged_end_);
  }

  /// The last attempt is in the log.
  void take(Offset first) {
    for (const Fact& fact : attempt_) {
      facts_[first] = fact;
      first = first + 1;
    }
    if (!attempt_.empty() && attempt_.front().producer >= ProducerId(0)) {
      sequence_[attempt_.front().producer] += attempt_sequence_;
    }
    attempt_.clear();
  }

  void end_one_transaction() {
    for (const auto& producer : host_.log().producers()) {
      if (producer.transaction_start >= Offset(0)) {
        return end_transaction(producer.id, random_.below(2) == 0);
      }
    }
  }

  void end_transaction(ProducerId producer, bool commits) {
    const model::EndMarker marker{producer, model::ProducerEpoch(0), 0, commits, TimestampMs(1)};
    pending_end_ = {producer, commits};
    const auto result = host_.try_wait(host_.log().append_end_marker(marker, LeaderEpoch(1)));
    if (!result || !*result) return;
    acknowledge();
    note_end();
  }

  void note_end() {
    for (auto& [offset, fact] : facts_) {
      if (!fact.is_open || fact.producer != pending_end_->first) continue;
      fact.is_open = false;
      fact.is_aborted = !pending_end_->second;
    }
    tally_.aborted_transactions += !pending_end_->second;
    pending_end_.reset();
  }

  void end_open_transactions() {
    for (const auto& producer : host_.log().producers()) {
      if (producer.transaction_start >= Offset(0) && is_up()) end_transaction(producer.id, false);
    }
  }

  /// What was being written when the machine went down may be there or not; if it is, it stays from
  /// here on. @return false if the machine went down before that was sure
  bool adopt_what_was_not_acknowledged() {
    const Offset end = host_.log().log_end();
    host_.log().set_high_watermark(end);
    if (end > acknowledged_end_) {
      const auto flushed = host_.try_wait(host_.log().flush());
      if (!flushed || !*flushed) return false;
      if (!attempt_.empty()) {
        take(acknowledged_end_);
      } else if (pending_end_) {
        note_end();
      } else {
        complain("there is more in the log than was written");
      }
    }
    if (end < acknowledged_end_) complain("acknowledged records are gone");
    attempt_.clear();
    pending_end_.reset();
    return true;
  }

  void clean_once() {
    const std::uint64_t before = host_.log().segment_count();
    CleaningOutcome outcome;
    const std::uint64_t map_bytes = random_.below(3) == 0 ? 240 : 1 << 14;
    acknowledged_end_ = host_.log().log_end();
    std::optional<Result<Bytes>> read;
    // A reader comes by while segments are swapped.
    const bool reads = config_->delete_retention_ms > 0;
    if (reads) host_.start(read_along(), &read);
    const auto done = clean(host_, checkpoint_, outcome, map_bytes);
    if (is_up()) host_.settle(std::chrono::seconds(2));
    // On a slow disk it takes its time.
    const auto limit = host_.world().now() + std::chrono::minutes(5);
    host_.world().run_while_not([&] { return !reads || read || !is_up(); }, limit);
    if (!is_up()) {
      tally_.crashed_cleanings += 1;
      return;
    }
    if (has_met_fault()) {
      tally_.failed_cleanings += 1;
      return;
    }
    if (!done) return complain("cleaning: " + done.error().detail);
    tally_.cleanings += 1;
    tally_.replaced_segments += static_cast<int>(outcome.segments_before);
    if (host_.log().segment_count() > before) complain("more segments than before");
    check("after a cleaning");
    if (reads && read && read->has_value()) {
      check_table(**read, "read meanwhile");
    } else if (reads) {
      complain("the reader did not end, or: " + (read ? read->error().detail : ""));
    }
    remove_deleted(outcome.deleted_files);
  }

  void remove_deleted(const std::vector<std::string>& paths) {
    if (random_.below(2) == 0) return;  // left for the next start
    for (const auto& path : paths) EXPECT_TRUE(host_.files().remove(path).has_value());
  }

  runtime::Task<Result<Bytes>> read_along() {
    Bytes all;
    Offset from = host_.log().log_start();
    const Offset end = host_.log().log_end();
    while (from < end) {
      auto reading = host_.log().read({from, end, 300, true});
      const auto got = co_await std::move(reading);
      if (!got) co_return fail(got.error());
      if (got->slices.empty()) break;
      Bytes part(got->slices.front().size);
      const auto size = got->slices.front().file->read_at(got->slices.front().position, part);
      if (!size) co_return fail(size.error());
      model::BatchCursor cursor(part);
      for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
        test::append_to(all, (*batch)->bytes());
        from = (*batch)->next_offset();
      }
      auto napping = runtime::sleep_until(
          host_.shard(), host_.shard().clock().now() + std::chrono::milliseconds(3));
      co_await std::move(napping);
    }
    co_return all;
  }

  [[nodiscard]] Table expected() const {
    Table table;
    for (const auto& [offset, fact] : facts_) {
      if (!fact.is_aborted && !fact.is_open) put(table, fact.key, fact.value);
    }
    return table;
  }

  void check(const std::string& when) {
    if (!complaint_.empty()) return;
    acknowledged_end_ = host_.log().log_end();
    const auto bytes = host_.read_all(host_.log().log_start(), acknowledged_end_, 500);
    if (!is_up() || (!bytes && has_met_fault())) return;
    if (!bytes) return complain(when + ": can't be read: " + bytes.error().detail);
    check_table(*bytes, when);
    check_lookups(*bytes, when);
  }

  /// A reader of committed records sees what was written, of each key the last.
  void check_table(const Bytes& bytes, const std::string& when) {
    const auto listed = host_.try_wait(
        host_.log().aborted_transactions({host_.log().log_start(), host_.log().log_end() + 1}));
    if (!listed || (!*listed && has_met_fault())) return;
    if (!*listed) return complain(when + ": " + listed->error().detail);
    Table table;
    Offset next(0);
    model::BatchCursor cursor(bytes);
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
      if (!(*batch)->crc_is_valid()) return complain(when + ": a wrong CRC");
      if ((*batch)->base_offset() < next) return complain(when + ": offsets go backwards");
      next = (*batch)->next_offset();
      if ((*batch)->is_control() || is_aborted(**listed, **batch)) continue;
      const auto plain = model::inflate_records(**batch);
      model::RecordCursor records(*plain);
      for (auto record = records.next(); record && *record; record = records.next()) {
        const Offset offset = (*batch)->base_offset() + (*record)->offset_delta();
        const auto fact = facts_.find(offset);
        if (fact == facts_.end()) return complain(when + ": a record that nobody wrote");
        if (fact->second.is_open) continue;
        const auto& value = (*record)->value();
        const bool is_same = as_text(*(*record)->key()) == fact->second.key &&
                             (value ? std::optional(std::string(as_text(*value))) : std::nullopt) ==
                                 fact->second.value;
        if (!is_same) return complain(when + ": another record");
        put(table, fact->second.key, fact->second.value);
      }
    }
    if (table != expected()) complain(when + ": other values than were written");
  }

  static bool is_aborted(const std::vector<AbortedTransaction>& aborted,
                         const model::RecordBatchView& batch) {
    if (!batch.is_transactional()) return false;
    return std::any_of(aborted.begin(), aborted.end(), [&](const AbortedTransaction& entry) {
      return entry.producer == batch.producer_id() && entry.first <= batch.base_offset() &&
             batch.last_offset() < entry.last;
    });
  }

  Tally& tally_;
  std::shared_ptr<config::TopicConfig> config_;
  std::map<Offset, Fact> facts_;
  std::vector<Fact> attempt_;
  std::int32_t attempt_sequence_ = 0;
  std::optional<std::pair<ProducerId, bool>> pending_end_;  // it commits
  std::map<ProducerId, std::int32_t> sequence_;
  Offset acknowledged_end_{0};
  std::optional<Offset> checkpoint_;
  std::uint64_t last_value_ = 0;
  std::int64_t last_time_ = 1000;
};

TEST(CleaningCrashTest, the_last_value_of_each_key_survives_in_every_seed) {
  Tally tally;
  const auto range = test::asked_seeds(300);
  test::run_histories<CleaningRun>(range, tally, "CleaningCrashTest");
  if (!range.is_large || HasFatalFailure()) return;
  EXPECT_GT(tally.cleanings, 500);
  EXPECT_GT(tally.crashed_cleanings, 50);
  EXPECT_GT(tally.failed_cleanings, 20);
  EXPECT_GT(tally.replaced_segments, 1000);
  EXPECT_GT(tally.aborted_transactions, 50);
}

}  // namespace
}  // namespace gregor::storage
