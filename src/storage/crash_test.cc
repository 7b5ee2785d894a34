// Many short lives of one log under random crashes, from seeds: what was acknowledged is there, the
// rest is a prefix of what was appended, and the files are such that Kafka's tools don't complain.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <list>
#include <map>
#include <set>

#include "base/log.h"
#include "model/record.h"
#include "storage/file_names.h"
#include "storage/index_file.h"
#include "storage/planted_bug.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage {
namespace {

using model::LeaderEpoch;
using model::Offset;
using test::Bytes;
using test::sim::CrashKind;

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
struct Tally {
  int rolls = 0;
  int cuts = 0;
  int lost = 0;
  int kills = 0;
  int power_losses = 0;
  int acknowledged = 0;
  int deletions = 0;
};

/// One seed: several lives of a log on one disk.
class CrashRun {
 public:
  CrashRun(std::uint64_t seed, Tally& tally)
      : tally_(tally), host_(options(seed)), random_(host_.world().split("crash test")) {
    config_ = std::make_shared<config::TopicConfig>();
    config_->segment_bytes = 1500 + static_cast<std::int64_t>(random_.below(3000));
    config_->index_interval_bytes = static_cast<std::int64_t>(random_.below(500));
    flushes_ = random_.below(2) == 0;
    if (flushes_) config_->flush_messages = 1;
    config_->retention_ms = -1;  // its records are of 1970
    deletes_ = random_.below(3) == 0;
    if (deletes_) config_->retention_bytes = static_cast<std::int64_t>(random_.below(6000));
  }

  /// @return what went wrong; empty if nothing did
  std::string run() {
    for (int life = 0; life < 4 && complaint_.empty(); ++life) live();
    return complaint_;
  }

 private:
  static test::sim::WorldOptions options(std::uint64_t seed) {
    auto options = test::sim::WorldOptions::swarm(seed);
    options.disk_bytes_max = 64U << 20;
    return options;
  }
  void complain(const std::string& what) {
    if (complaint_.empty()) complaint_ = what;
  }

  void live() {
    // Some lives end with a clean stop, some while the log is being opened.
    stops_cleanly_ = random_.below(5) == 0;
    const bool crashes_early = !stops_cleanly_ && random_.below(4) == 0;
    // The notice may come when this life is over already.
    const auto crashed = std::make_shared<bool>(false);
    kind_ = random_.below(2) == 0 ? CrashKind::kill : CrashKind::power;
    if (crashes_early) {
      host_.node().crash_after_file_operations(1 + random_.below(12), kind_,
                                               [crashed] { *crashed = true; });
    }
    const auto opened = host_.open(config_);
    if (!opened && !crashes_early) return complain("can't be opened: " + opened.error().detail);
    if (!opened) return end_life();
    check();
    append_for_a_while(*crashed);
    if (stops_cleanly_) {
      host_.stop();
      const auto complaints = index_complaints(host_.files(), host_.log_folder());
      if (!complaints.empty()) complain("after a clean stop: " + complaints.front());
      return;
    }
    end_life();
  }

  void end_life() {
    (kind_ == CrashKind::kill ? tally_.kills : tally_.power_losses) += 1;
    if (kind_ == CrashKind::power && !flushes_) may_lose_ = true;
    host_.crash(kind_);
  }

  struct Attempt {
    std::uint64_t id = 0;
    Bytes batch;
    std::optional<AppendResult<AppendInfo>> result;
    bool is_counted = false;
  };

  void append_for_a_while(const bool& crashed) {
    std::list<Attempt> attempts;
    const auto segments = host_.log().segment_count();
    const std::uint64_t turns = random_.below(40);
    if (!stops_cleanly_ && random_.below(2) == 0) {
      host_.node().crash_after_file_operations(1 + random_.below(150), kind_);
    }
    for (std::uint64_t turn = 0; turn < turns && host_.node().is_up() && !crashed; ++turn) {
      const std::uint64_t count = 1 + random_.below(4);
      for (std::uint64_t i = 0; i < count; ++i) {
        attempts.push_back(attempt());
        host_.shard().post([this, &next = attempts.back()] {
          host_.start(host_.log().append(next.batch, LeaderEpoch(3)), &next.result);
        });
      }
      host_.world().run_for(std::chrono::microseconds(random_.below(3000)));
      collect(attempts);
      if (deletes_ && random_.below(8) == 0 && host_.node().is_up()) delete_old_segments();
      if (random_.below(10) == 0 && host_.node().is_up()) {
        if (!host_.write_checkpoints() && host_.node().is_up()) complain("checkpoint");
      }
    }
    collect(attempts);
    // A machine that is down leaves what only its memory knew.
    if (host_.node().is_up()) start_seen_ = std::max(start_seen_, host_.log().first_base());
    const bool has_deleted = std::ranges::any_of(deletions_, [](const auto& deleted) {
      return deleted && deleted->has_value() && (**deleted).count > 0;
    });
    const auto size = static_cast<std::int64_t>(host_.log().size_bytes());
    if (has_deleted && size < config_->retention_bytes)
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

  /// What was deleted stays so; what had to be kept is judged by what is acknowledged.
  void check_start(Offset start) {
    for (const auto& deleted : deletions_) {
      if (deleted && deleted->has_value() && (**deleted).count > 0) ++tally_.deletions;
    }
    deletions_.clear();
    if (start < start_seen_) complain("the log start went back");
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
    return made;
  }

  /// Notes what was answered by now.
  void collect(std::list<Attempt>& attempts) {
    for (auto& attempt : attempts) {
      if (!attempt.result || attempt.is_counted) continue;
      attempt.is_counted = true;
      if (!attempt.result->has_value()) continue;
      acknowledged_[(**attempt.result).offsets.first] = attempt.id;
      tally_.acknowledged += 1;
    }
  }

  /// The log holds what it must, in order, each batch once.
  void check() {
    if (host_.loaded().cut_bytes > 0) tally_.cuts += 1;
    const auto end = host_.log().log_end();
    const auto start = host_.log().log_start();
    check_start(start);
    const auto bytes = host_.read_all(start, end);
    if (!host_.node().is_up()) return;
    if (!bytes) return complain("can't be read: " + bytes.error().detail);
    std::map<Offset, std::uint64_t> found;
    std::set<std::uint64_t> seen;
    Offset next = start;
    model::BatchCursor cursor(*bytes);
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
      if ((*batch)->base_offset() != next) {
        return complain("offset " + std::to_string(next.value()) + " is missing");
      }
      next = (*batch)->next_offset();
      model::RecordCursor records((*batch)->records());
      const auto record = records.next();
      const std::uint64_t id = std::stoull(std::string(as_text(*(*record)->value())));
      if (!seen.insert(id).second) return complain("a batch is there twice");
      found[(*batch)->base_offset()] = id;
    }
    if (next != end) return complain("ends elsewhere than it says");
    for (auto at = acknowledged_.begin(); at != acknowledged_.end();) {
      const auto is_there = found.find(at->first);
      if (is_there != found.end() && is_there->second == at->second) {
        ++at;
      } else if (may_lose_ && at->first >= end) {
        tally_.lost += 1;
        at = acknowledged_.erase(at);
      } else {
        return complain("acknowledged batch " + std::to_string(at->second) + " at offset " +
                        std::to_string(at->first.value()) + " is not there");
      }
    }
    may_lose_ = false;
    const auto complaints = index_complaints(host_.files(), host_.log_folder());
    if (host_.loaded().last && !complaints.empty()) complain(complaints.front());
  }

  Tally& tally_;
  test::SimulatedHost host_;
  test::sim::Prng random_;
  std::shared_ptr<config::TopicConfig> config_;
  bool flushes_ = false;
  bool deletes_ = false;
  Offset start_seen_{0};  ///< of this life, or what the last one left
  std::list<std::optional<Result<DeletedSegments>>> deletions_;
  bool may_lose_ = false;
  bool stops_cleanly_ = false;
  CrashKind kind_ = CrashKind::kill;
  std::uint64_t last_id_ = 0;
  std::map<Offset, std::uint64_t> acknowledged_;
  std::list<Attempt> ended_;
  std::string complaint_;
};

class QuietLog {
 public:
  QuietLog() { log::configure(log::Level::off, log::Format::text); }
  ~QuietLog() { log::configure(log::Level::info, log::Format::text); }
};

/// GREGOR_SEEDS=n asks for more than the usual number.
std::uint64_t seed_count() {
  constexpr std::uint64_t usual = 400;
  const char* asked = std::getenv("GREGOR_SEEDS");
  return asked == nullptr ? usual : std::stoull(asked);
}

TEST(CrashTest, what_was_acknowledged_survives_in_every_seed) {
  const QuietLog quiet;
  Tally tally;
  for (std::uint64_t seed = 1; seed <= seed_count(); ++seed) {
    CrashRun run(seed, tally);
    const auto complaint = run.run();
    ASSERT_EQ(complaint, "") << "seed " << seed;
  }
  EXPECT_GT(tally.acknowledged, 1000);
  EXPECT_GT(tally.rolls, 80);
  EXPECT_GT(tally.cuts, 80);
  EXPECT_GT(tally.lost, 80);
  EXPECT_GT(tally.kills, 80);
  EXPECT_GT(tally.power_losses, 80);
  EXPECT_GT(tally.deletions, 80);
}

class PlantedBugTest : public ::testing::TestWithParam<PlantedBug> {};

TEST_P(PlantedBugTest, is_found) {
  const QuietLog quiet;
  Tally tally;
  std::string complaint;
  plant_bug(GetParam());
  for (std::uint64_t seed = 1; seed <= 400 && complaint.empty(); ++seed) {
    complaint = CrashRun(seed, tally).run();
  }
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
