// The frame of the tests of crashes: from a seed one history, several lives of one log on a
// simulated disk that loses, tears and reorders what was not synced, fails calls, and ends lives at
// any change of a file, also at those of a recovery.
#pragma once

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "storage/file_names.h"
#include "storage/simulated_test_support.h"

namespace gregor::storage::test {

using sim::CrashKind;
using sim::FileOperation;

/// What the histories of a test met, summed up.
struct CrashTally {
  int histories = 0;
  int lives = 0;
  int kills = 0;
  int power_losses = 0;
  int crashes_in_recovery = 0;
  int repeated_recoveries = 0;
  // Power losses after which of the writes that were not synced ...
  int lost = 0;
  int torn = 0;
  int reordered = 0;  ///< ... a later one was there, an earlier one was not
  int cut = 0;        ///< the end of a file was gone
  int unnamed = 0;    ///< a creation, renaming or removal was undone
  // Calls that failed.
  int io_errors = 0;
  int full_disks = 0;
  int errors_in_recovery = 0;  ///< of these
};

class QuietLog {
 public:
  QuietLog() { log::configure(log::Level::off, log::Format::text); }
  ~QuietLog() { log::configure(log::Level::info, log::Format::text); }
};

/// Which histories to run: GREGOR_SEEDS=n of them, from seed GREGOR_FIRST_SEED on.
struct SeedRange {
  std::uint64_t first = 1;
  std::uint64_t count = 0;
  bool is_large = true;  ///< enough for sums to be judged
};

inline SeedRange asked_seeds(std::uint64_t usual) {
  const auto asked = [](const char* name, std::uint64_t otherwise) -> std::uint64_t {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::stoull(text);
  };
  SeedRange range{asked("GREGOR_FIRST_SEED", 1), asked("GREGOR_SEEDS", usual)};
  range.is_large = range.count >= usual;
  return range;
}

/// One seed: several lives of a log on one disk. What a life does is for the test that derives.
class CrashHistory {
 public:
  CrashHistory(const CrashHistory&) = delete;
  CrashHistory& operator=(const CrashHistory&) = delete;
  virtual ~CrashHistory() = default;

  /// @return what went wrong; empty if nothing did
  std::string run() {
    ++crash_tally_.histories;
    for (int life = 0; life < life_count_ && complaint_.empty(); ++life) {
      ++crash_tally_.lives;
      live(life + 1 == life_count_);
    }
    return complaint_;
  }

 protected:
  CrashHistory(std::uint64_t seed, std::string_view name, int life_count, CrashTally& tally)
      : host_(options(seed)),
        random_(host_.world().split(name)),
        crash_tally_(tally),
        life_count_(life_count) {}

  /// Begins with open_log(), ends with end_life() or stop().
  virtual void live(bool is_last) = 0;

  void complain(const std::string& what) {
    if (complaint_.empty()) complaint_ = what;
  }
  [[nodiscard]] bool is_up() { return host_.node().is_up(); }
  [[nodiscard]] CrashKind draw_kind() {
    return random_.below(2) == 0 ? CrashKind::kill : CrashKind::power;
  }

  /// Opens the log for a life that `kind` ends. Some lives that may fail end here: in a crash or by
  /// an error of the disk; of some, recovery has to give the same log twice.
  /// @return false: this life is over
  bool open_log(const std::shared_ptr<const config::TopicConfig>& config, CrashKind kind,
                bool may_fail) {
    kind_ = kind;
    if (may_fail && random_.below(4) == 0) crash_within(40);
    if (may_fail && random_.below(6) == 0) fail_within(20);
    const auto opened = host_.open(config);
    const bool has_failed = has_met_fault();
    disarm_fault();
    if (!is_up()) {
      crash_tally_.crashes_in_recovery += was_made_ ? 1 : 0;
      end_life();
      return false;
    }
    crash_tally_.errors_in_recovery += has_failed && was_made_ ? 1 : 0;
    if (!opened && !has_failed) complain("can't be opened: " + opened.error().detail);
    if (!opened || (has_failed && host_.log().is_offline())) {
      end_life();
      return false;
    }
    was_made_ = true;
    return has_failed || random_.below(4) != 0 || recover_again(config);
  }

  /// This life ends at one of the next changes of a file.
  void crash_within(std::uint64_t changes) {
    host_.node().crash_after_file_operations(1 + random_.below(changes), kind_);
  }

  /// One of the next calls of some kind fails.
  void fail_within(std::uint64_t calls) {
    struct Kind {
      FileOperation operation;
      int os_error;
    };
    constexpr std::array kinds{
        Kind{FileOperation::write, EIO},       Kind{FileOperation::write, ENOSPC},
        Kind{FileOperation::create, EIO},      Kind{FileOperation::create, ENOSPC},
        Kind{FileOperation::rename, EIO},      Kind{FileOperation::rename, ENOSPC},
        Kind{FileOperation::truncate, EIO},    Kind{FileOperation::remove, EIO},
        Kind{FileOperation::sync_data, EIO},   Kind{FileOperation::sync_directory, EIO},
        Kind{FileOperation::read, EIO},        Kind{FileOperation::open, EIO},
        Kind{FileOperation::sync_data, ENOSPC}};
    const Kind kind = kinds.at(random_.below(kinds.size()));
    // A process that ends before it could note that a sync failed can't be helped.
    if (kind.operation == FileOperation::sync_data && kind_ == CrashKind::kill) {
      host_.disk().clear_crash_point();
    }
    const std::uint64_t n = 1 + random_.below(calls);
    fault_ = Fault{kind.operation, kind.os_error, host_.disk().count(kind.operation) + n};
    host_.disk().fail_nth(kind.operation, n, kind.os_error);
  }
  [[nodiscard]] bool has_met_fault() {
    return fault_ && host_.disk().count(fault_->operation) >= fault_->count;
  }

  /// Ends a life, unless the machine is down already, and begins the next one.
  void end_life() {
    disarm_fault();
    has_lost_power_ |= kind_ == CrashKind::power;
    crash(kind_);
  }
  void stop() {
    disarm_fault();
    host_.stop();
    is_on_disk_ = true;
  }
  /// Since this was asked last.
  [[nodiscard]] bool take_lost_power() { return std::exchange(has_lost_power_, false); }

  /// Whoever asks for an offset gets the batch that holds it. @param bytes the whole log
  void check_lookups(const Bytes& bytes, const std::string& when) {
    std::map<model::Offset, model::Offset> batches;  // last offset -> base offset
    model::BatchCursor cursor(bytes);
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
      batches[(*batch)->last_offset()] = (*batch)->base_offset();
    }
    const model::Offset start = host_.log().log_start();
    const model::Offset end = host_.log().log_end();
    for (int i = 0; i < 5 && start < end && is_up(); ++i) {
      const auto from =
          start + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(end - start)));
      const auto read = host_.try_wait(host_.log().read({from, end, 1, true}));
      if (!read || (!*read && has_met_fault())) return;
      if (!*read) return complain(when + ": " + read->error().detail);
      const auto found = batches.lower_bound(from);
      const bool is_same =
          found == batches.end() ? (*read)->slices.empty() : (*read)->first == found->second;
      if (!is_same)
        return complain(when + ": offset " + std::to_string(from.value()) + " is elsewhere");
    }
  }

  SimulatedHost host_;
  sim::Prng random_;
  std::string complaint_;

 private:
  struct Fault {
    FileOperation operation;
    int os_error;
    std::uint64_t count;  // of the call that fails
  };

  static sim::WorldOptions options(std::uint64_t seed) {
    auto options = sim::WorldOptions::swarm(seed);
    options.disk_bytes_max = 64U << 20;
    return options;
  }

  void disarm_fault() {
    if (has_met_fault()) {
      log::info("test", "a call failed: operation {}, errno {}",
                static_cast<int>(fault_->operation), fault_->os_error);
      (fault_->os_error == ENOSPC ? crash_tally_.full_disks : crash_tally_.io_errors) += 1;
    }
    fault_.reset();
    host_.disk().clear_failures();
  }

  void crash(CrashKind kind) {
    if (is_up()) host_.node().crash(kind);
    log::info("test", "life {} ends, crash {}", crash_tally_.lives, static_cast<int>(kind));
    (kind == CrashKind::kill ? crash_tally_.kills : crash_tally_.power_losses) += 1;
    if (kind == CrashKind::power) {
      const auto& loss = host_.node().last_power_loss();
      crash_tally_.lost += loss.sectors_lost > 0 ? 1 : 0;
      crash_tally_.torn += loss.sectors_torn > 0 ? 1 : 0;
      crash_tally_.reordered += loss.sectors_reordered > 0 ? 1 : 0;
      crash_tally_.cut += loss.bytes_cut > 0 ? 1 : 0;
      crash_tally_.unnamed += loss.entries_lost > 0 ? 1 : 0;
    }
    is_on_disk_ = kind == CrashKind::power;
    host_.restart();
  }

  /// A crash right after a recovery, and another recovery.
  bool recover_again(const std::shared_ptr<const config::TopicConfig>& config) {
    const auto before = segments();
    const auto end = host_.log().log_end();
    crash(is_on_disk_ ? draw_kind() : CrashKind::kill);
    const auto opened = host_.open(config);
    if (!opened) {
      complain("can't be opened again: " + opened.error().detail);
      return false;
    }
    ++crash_tally_.repeated_recoveries;
    if (segments() != before || host_.log().log_end() != end) {
      complain("a second recovery gives another log");
    }
    return complaint_.empty();
  }

  [[nodiscard]] std::map<std::string, Bytes> segments() {
    std::map<std::string, Bytes> contents;
    const auto entries = host_.files().list(host_.log_folder());
    if (!entries) return contents;
    for (const auto& entry : *entries) {
      if (!entry.name.ends_with(names::log_suffix)) continue;
      contents[entry.name] = read_file(host_.files(), host_.log_folder() + "/" + entry.name);
    }
    return contents;
  }

  CrashTally& crash_tally_;
  const int life_count_;
  CrashKind kind_ = CrashKind::kill;
  std::optional<Fault> fault_;
  bool was_made_ = false;   // the log has been opened once
  bool is_on_disk_ = true;  // what is there would outlive a power loss
  bool has_lost_power_ = false;
};

/// Runs all that are asked for, and prints what they met.
template <class History, class Tally>
void run_histories(const SeedRange& range, Tally& tally, const char* name) {
  std::optional<QuietLog> quiet;
  if (range.count > 1) quiet.emplace();  // of a single one everything is told
  for (std::uint64_t seed = range.first; seed < range.first + range.count; ++seed) {
    ASSERT_EQ(History(seed, tally).run(), "") << "seed " << seed;
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
  const CrashTally& met = tally;
  std::printf(
      "met by %s: histories=%d lives=%d kills=%d power-losses=%d crashes-in-recovery=%d "
      "repeated-recoveries=%d lost=%d torn=%d reordered=%d cut=%d unnamed=%d io-errors=%d "
      "full-disks=%d errors-in-recovery=%d\n",
      name, met.histories, met.lives, met.kills, met.power_losses, met.crashes_in_recovery,
      met.repeated_recoveries, met.lost, met.torn, met.reordered, met.cut, met.unnamed,
      met.io_errors, met.full_disks, met.errors_in_recovery);
}

/// @return what the first history of 400 that finds something says
template <class History, class Tally>
std::string first_complaint() {
  const QuietLog quiet;
  Tally tally;
  std::string complaint;
  for (std::uint64_t seed = 1; seed <= 400 && complaint.empty(); ++seed) {
    complaint = History(seed, tally).run();
  }
  return complaint;
}

}  // namespace gregor::storage::test
