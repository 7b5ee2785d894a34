// Many short lives of one log under random crashes, from seeds: what was acknowledged is there, the
// rest is a prefix of what was appended, and the files are such that Kafka's tools don't complain.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <map>
#include <set>

#include "model/record.h"
#include "storage/crash_history.h"
#include "storage/file_names.h"
#include "storage/index_file.h"
#include "storage/planted_bug.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using test::Bytes;

/// What kafka.tools.DumpLogSegments checks of the indexes of a folder. @return complaints
std::vector<std::string> index_complaints(runtime::FileSystem& files, const std::string& folder) {
  std::vector<std::string> complaints;
  const auto entries = files.list(folder);
  for (const auto& entry : *entries) {
    const auto name = parse_segment_file_name(entry.name);
    if (!name || name->suffix != names::log_suffix) continue;
    const SegmentPlace place{folder, name->base};
    const auto log = *files.open(place.log_path(), runtime::OpenMode::read);
    std::map<Offset, PlacedBatch> batches;  // by last offset
    BatchScanner scanner(*log, 0, entry.size);
    for (auto batch = scanner.next(BatchScanner::Check::header_and_crc); batch && *batch;
         batch = scanner.next(BatchScanner::Check::header_and_crc)) {
      batches[(*batch)->header.last_offset] = **batch;
    }
    if (scanner.position() != entry.size) complaints.push_back(entry.name + ": garbage");
    const auto complain = [&](const std::string& what) {
      complaints.push_back(entry.name + ": " + what);
    };
    const auto index = test::read_file(files, place.offset_index_path());
    if (index.size() % OffsetEntry::size_bytes != 0) complain("odd index size");
    for (std::size_t at = 0; at + 8 <= index.size(); at += 8) {
      const Offset offset = name->base + load_be<std::int32_t>(index.data() + at);
      const auto position = load_be<std::uint32_t>(index.data() + at + 4);
      const auto found = batches.find(offset);
      if (found == batches.end() || found->second.position != position) complain("index entry");
    }
    const auto times = test::read_file(files, place.time_index_path());
    std::int64_t previous = -1;
    for (std::size_t at = 0; at + 12 <= times.size(); at += 12) {
      const auto timestamp = load_be<std::int64_t>(times.data() + at);
      const auto found = batches.find(name->base + load_be<std::int32_t>(times.data() + at + 8));
      if (found == batches.end())
        complain("time entry without a batch");
      else if (found->second.header.max_timestamp.value() != timestamp)
        complain("time entry");
      if (timestamp <= previous) complain("time entries out of order");
      previous = timestamp;
    }
  }
  return complaints;
}

/// What a run did, summed over all of them.
struct Tally : test::CrashTally {
  int rolls = 0;
  int cuts = 0;
  int lost_records = 0;
  int acknowledged = 0;
  int deletions = 0;
  int moved_starts = 0;
};

/// One seed: several lives of a log on one disk.
class CrashRun final : public test::CrashHistory {
 public:
  CrashRun(std::uint64_t seed, Tally& tally)
      : CrashHistory(seed, "crash test", 4, tally), tally_(tally) {
    config_ = std::make_shared<config::TopicConfig>();
    config_->segment_bytes = 1500 + static_cast<std::int64_t>(random_.below(3000));
    config_->index_interval_bytes = static_cast<std::int64_t>(random_.below(500));
    flushes_ = random_.below(2) == 0;
    if (flushes_) config_->flush_messages = 1;
    config_->retention_ms = -1;  // its records are of 1970
    deletes_ = random_.below(3) == 0;
    if (deletes_) config_->retention_bytes = static_cast<std::int64_t>(random_.below(6000));
    moves_start_ = random_.below(4) == 0;
  }

 private:
  void live(bool) override {
    stops_cleanly_ = random_.below(5) == 0;
    if (!open_log(config_, draw_kind(), !stops_cleanly_)) return;
    check();
    append_for_a_while();
    if (!stops_cleanly_) return end_life();
    stop();
    const auto complaints = index_complaints(host_.files(), host_.log_folder());
    if (!complaints.empty()) complain("after a clean stop: " + complaints.front());
  }

  struct Attempt {
    std::uint64_t id = 0;
    Bytes batch;
    std::optional<AppendResult<AppendInfo>> result;
    bool is_counted = false;
  };

  void append_for_a_while() {
    std::list<Attempt> attempts;
    const auto segments = host_.log().segment_count();
    const std::uint64_t turns = random_.below(40);
    if (!stops_cleanly_ && random_.below(2) == 0) crash_within(150);
    if (!stops_cleanly_ && random_.below(3) == 0) fail_within(60);
    for (std::uint64_t turn = 0; turn < turns && is_up(); ++turn) {
      const std::uint64_t count = 1 + random_.below(4);
      for (std::uint64_t i = 0; i < count; ++i) {
        attempts.push_back(attempt());
        host_.shard().post([this, &next = attempts.back()] {
          host_.start(host_.log().append(next.batch, LeaderEpoch(3)), &next.result);
        });
      }
      host_.world().run_for(std::chrono::microseconds(random_.below(3000)));
      collect(attempts);
      if (deletes_ && random_.below(8) == 0 && is_up()) delete_old_segments();
      if (moves_start_ && random_.below(8) == 0 && is_up()) move_start();
      if (random_.below(10) == 0 && is_up()) write_checkpoints();
    }
    collect(attempts);
    // A machine that is down leaves what only its memory knew.
    if (is_up() && !has_met_fault()) start_seen_ = std::max(start_seen_, host_.log().first_base());
    const bool has_deleted = std::ranges::any_of(deletions_, [](const auto& deleted) {
      return deleted && deleted->has_value() && (**deleted).count > 0;
    });
    const auto size = static_cast<std::int64_t>(host_.log().size_bytes());
    if (has_deleted && !moves_start_ && !has_shrunk_ && size < config_->retention_bytes)
      complain("deleted too much: " + std::to_string(size) + " are left of " +
               std::to_string(config_->retention_bytes));
    if (host_.log().segment_count() > segments) tally_.rolls += 1;
    // The frames of those that have not ended refer to them until the node is gone.
    ended_.splice(ended_.end(), attempts);
  }

  /// Retention runs beside the appends; a crash may end it.
  void delete_old_segments() {
    deletions_.emplace_back();
    host_.log().set_high_watermark(host_.log().log_end());
    host_.shard().post([this, &result = deletions_.back()] {
      host_.start(host_.log().apply_retention(), &result);
    });
  }

  void move_start() {
    auto& log = host_.log();
    log.set_high_watermark(log.log_end());
    const auto all = static_cast<std::uint64_t>(log.log_end() - log.log_start());
    const Offset to = log.log_start() + static_cast<std::int64_t>(random_.below(all + 1));
    start_asked_ = std::max(start_asked_, to);
    moves_.emplace_back();
    host_.shard().post([this, to, &result = moves_.back()] {
      host_.start(host_.log().move_log_start(to), &result);
    });
    ++tally_.moved_starts;
  }

  void write_checkpoints() {
    if (has_failed_log()) return;
    const Offset start = host_.log().log_start();
    if (host_.write_checkpoints()) {
      if (!host_.log().is_offline()) start_seen_ = std::max(start_seen_, start);
    } else if (is_up() && !has_met_fault()) {
      complain("checkpoint");
    }
  }

  /// What was deleted stays so; what had to be kept is judged by what is acknowledged.
  void check_start(Offset start) {
    for (const auto& deleted : deletions_) {
      if (deleted && deleted->has_value() && (**deleted).count > 0) ++tally_.deletions;
    }
    deletions_.clear();
    if (start < start_seen_) complain("the log start went back");
    if (!deletes_ && start > start_asked_) complain("the log starts behind what was deleted");
    start_seen_ = start;
    acknowledged_.erase(acknowledged_.begin(), acknowledged_.lower_bound(start));
  }

  Attempt attempt() {
    Attempt made;
    made.id = ++last_id_;
    model::BatchBuilder builder({});
    const std::uint64_t records = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < records; ++i) {
      const std::string value = std::to_string(made.id) + std::string(random_.below(300), 'x');
      builder.add({.timestamp = model::TimestampMs(1000 + static_cast<std::int64_t>(last_id_)),
                   .key = as_bytes("k"),
                   .value = as_bytes(value),
                   .headers = {},
                   .offset_delta = {}});
    }
    made.batch = *builder.finish();
    sent_[made.id] = made.batch;
    return made;
  }

  /// Notes what was answered by now.
  void collect(std::list<Attempt>& attempts) {
    for (auto& attempt : attempts) {
      if (!attempt.result || attempt.is_counted) continue;
      attempt.is_counted = true;
      if (!attempt.result->has_value()) {
        // Of one that found the disk full nothing stays, while the machine is up.
        if (is_up() && attempt.result->error().error.os_error == ENOSPC && !has_failed_log())
          refused_.insert(attempt.id);
        continue;
      }
      acknowledged_[(**attempt.result).offsets.first] = attempt.id;
      tally_.acknowledged += 1;
    }
  }

  [[nodiscard]] bool has_failed_log() { return host_.log().failure().has_value(); }

  /// The log holds what it must, in order, each batch once, byte by byte.
  void check() {
    if (host_.loaded().cut_bytes > 0) tally_.cuts += 1;
    const bool may_lose = take_lost_power() && !flushes_;
    if (may_lose) refused_.clear();
    has_shrunk_ |= may_lose;
    const auto end = host_.log().log_end();
    const auto start = host_.log().log_start();
    check_start(start);
    const auto bytes = host_.read_all(start, end);
    if (!is_up()) return;
    if (!bytes) return complain("can't be read: " + bytes.error().detail);
    std::map<Offset, std::uint64_t> found;
    if (!check_batches(*bytes, found)) return;
    check_acknowledged(found, may_lose);
    const auto complaints = index_complaints(host_.files(), host_.log_folder());
    if (host_.loaded().last && !complaints.empty()) complain(complaints.front());
    check_lookups(*bytes, "after a start");
  }

  bool check_batches(const Bytes& bytes, std::map<Offset, std::uint64_t>& found) {
    std::set<std::uint64_t> seen;
    Offset next = host_.log().log_start();
    model::BatchCursor cursor(bytes);
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
      const Offset base = (*batch)->base_offset();
      // The first one may hold the log start.
      const bool is_next = base == next || (seen.empty() && base < next);
      if (!is_next) complain("offset " + std::to_string(next.value()) + " is missing");
      next = (*batch)->next_offset();
      model::RecordCursor records((*batch)->records());
      const auto record = records.next();
      if (!record || !*record) complain("a batch without a record");
      if (!complaint_.empty()) return false;
      const std::uint64_t id = std::stoull(std::string(as_text(*(*record)->value())));
      if (!seen.insert(id).second) complain("a batch is there twice");
      if (refused_.contains(id)) complain("a batch that was refused is there");
      // The base offset and the leader epoch are the log's.
      const auto is_own = [](ByteView whole) { return whole.subspan(16); };
      const auto sent = sent_.find(id);
      if (sent == sent_.end() ||
          !std::ranges::equal(is_own(sent->second), is_own((*batch)->bytes()))) {
        complain("other bytes than were sent");
      }
      const auto before = seen_at_.find(base);
      if (before != seen_at_.end() && before->second != id) complain("another batch than before");
      found[base] = id;
    }
    if (next != host_.log().log_end()) complain("ends elsewhere than it says");
    seen_at_ = found;
    return complaint_.empty();
  }

  void check_acknowledged(const std::map<Offset, std::uint64_t>& found, bool may_lose) {
    for (auto at = acknowledged_.begin(); at != acknowledged_.end();) {
      const auto is_there = found.find(at->first);
      if (is_there != found.end() && is_there->second == at->second) {
        ++at;
      } else if (may_lose && at->first >= host_.log().log_end()) {
        tally_.lost_records += 1;
        at = acknowledged_.erase(at);
      } else {
        return complain("acknowledged batch " + std::to_string(at->second) + " at offset " +
                        std::to_string(at->first.value()) + " is not there");
      }
    }
  }

  Tally& tally_;
  std::shared_ptr<config::TopicConfig> config_;
  bool flushes_ = false;
  bool deletes_ = false;
  bool moves_start_ = false;
  Offset start_seen_{0};   ///< of this life, or what the last one left
  Offset start_asked_{0};  ///< the greatest
  std::list<std::optional<Result<DeletedSegments>>> deletions_;
  std::list<std::optional<Result<Offset>>> moves_;
  bool stops_cleanly_ = false;
  bool has_shrunk_ = false;  ///< a power loss may have taken what retention had counted
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Bytes> sent_;
  std::map<Offset, std::uint64_t> acknowledged_;
  std::map<Offset, std::uint64_t> seen_at_;  ///< after the last start
  std::set<std::uint64_t> refused_;
  std::list<Attempt> ended_;
};

TEST(CrashTest, what_was_acknowledged_survives_in_every_seed) {
  Tally tally;
  const auto range = test::asked_seeds(400);
  test::run_histories<CrashRun>(range, tally, "CrashTest");
  if (!range.is_large || HasFatalFailure()) return;
  EXPECT_GT(tally.acknowledged, 1000);
  EXPECT_GT(tally.rolls, 80);
  EXPECT_GT(tally.cuts, 80);
  EXPECT_GT(tally.lost_records, 80);
  EXPECT_GT(tally.kills, 80);
  EXPECT_GT(tally.power_losses, 80);
  EXPECT_GT(tally.deletions, 80);
  EXPECT_GT(tally.moved_starts, 80);
  EXPECT_GT(tally.reordered, 40);
  EXPECT_GT(tally.crashes_in_recovery, 40);
  EXPECT_GT(tally.repeated_recoveries, 80);
  EXPECT_GT(tally.io_errors, 40);
  EXPECT_GT(tally.full_disks, 10);
  EXPECT_GT(tally.errors_in_recovery, 20);
}

class PlantedBugTest : public ::testing::TestWithParam<PlantedBug> {};

TEST_P(PlantedBugTest, is_found) {
  plant_bug(GetParam());
  const auto complaint = test::first_complaint<CrashRun, Tally>();
  plant_bug(PlantedBug::none);
  EXPECT_NE(complaint, "");
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBugTest,
                         ::testing::Values(PlantedBug::acknowledge_before_write,
                                           PlantedBug::skip_tail_cut, PlantedBug::wrong_base_offset,
                                           PlantedBug::skip_directory_sync),
                         [](const auto& tested) {
                           return std::to_string(static_cast<int>(tested.param));
                         });

}  // namespace
}  // namespace gregor::storage
