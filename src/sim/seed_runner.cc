#include "sim/seed_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <utility>

#include "base/log.h"

namespace gregor::sim {
namespace {

// Below so many seeds shares say nothing.
constexpr std::uint64_t seeds_for_shares = 50;
constexpr double share_min = 0.2;

using GroupBug = group::PlantedBug;
using StorageBug = storage::PlantedBug;

constexpr std::array bugs{
    Bug{"none"},
    Bug{"acknowledge_before_write", StorageBug::acknowledge_before_write},
    Bug{"skip_tail_cut", StorageBug::skip_tail_cut},
    Bug{"wrong_base_offset", StorageBug::wrong_base_offset},
    Bug{"skip_directory_sync", StorageBug::skip_directory_sync},
    Bug{"keep_failed_sequences", StorageBug::keep_failed_sequences},
    Bug{"skip_producer_replay", StorageBug::skip_producer_replay},
    Bug{"lose_fetch_notice", StorageBug::lose_fetch_notice},
    Bug{"commit_unwritten", StorageBug::none, GroupBug::commit_unwritten},
    Bug{"keep_generation", StorageBug::none, GroupBug::keep_generation},
    Bug{"forget_at_load", StorageBug::none, GroupBug::forget_at_load},
    Bug{"accept_old_commit", StorageBug::none, GroupBug::accept_old_commit},
    Bug{"forget_deadline", StorageBug::none, GroupBug::forget_deadline},
    Bug{"lose_answer", StorageBug::none, GroupBug::lose_answer},
    Bug{"accept_fenced", StorageBug::none, GroupBug::accept_fenced},
};

std::atomic<std::uint64_t> seed_under_way{0};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

void print(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

// What all runs together did.
struct Totals {
  std::uint64_t runs = 0;
  std::uint64_t failed = 0;
  std::uint64_t rolled = 0;
  std::uint64_t torn = 0;
  std::uint64_t lost = 0;
  std::uint64_t woken = 0;
  std::uint64_t differing = 0;
  std::uint64_t acked = 0;
  std::uint64_t read = 0;
  std::uint64_t lost_acked = 0;
  std::uint64_t steps = 0;
  std::uint64_t crashes = 0;
  std::uint64_t topics = 0;
  std::uint64_t refused = 0;
  std::uint64_t recognised = 0;  // seeds
  std::uint64_t groups = 0;      // seeds with groups that had members
  std::uint64_t survived = 0;    // seeds whose members were known after a restart
  std::uint64_t returned = 0;    // seeds with static members that came back without a rebalance
  std::uint64_t fenced = 0;
  std::uint64_t assignments = 0;
  std::uint64_t commits = 0;
  std::uint64_t rejected = 0;
  double virtual_seconds = 0;
  double longest = 0;

  void add(const RunReport& report) {
    ++runs;
    if (!report.violations.empty()) ++failed;
    if (report.disk.rolled > 0) ++rolled;
    if (report.disk.torn_tails > 0) ++torn;
    if (report.disk.bytes_lost > 0) ++lost;
    if (report.clients.woken > 0) ++woken;
    acked += report.acked;
    read += report.read;
    lost_acked += report.lost_acked;
    steps += report.steps;
    crashes += report.disk.kills + report.disk.power_losses;
    topics += report.clients.topics_made;
    refused += report.clients.refused;
    if (report.clients.recognised > 0) ++recognised;
    if (report.clients.assignments > 0) ++groups;
    if (report.clients.survivors > 0) ++survived;
    if (report.clients.returned > 0) ++returned;
    fenced += report.clients.fenced;
    assignments += report.clients.assignments;
    commits += report.clients.commits;
    rejected += report.clients.rejected;
    virtual_seconds += report.virtual_seconds;
    longest = std::max(longest, report.virtual_seconds);
  }
};

class Runner {
 public:
  explicit Runner(const RunnerOptions& options) : options_(options) {}

  int run() {
    for (std::uint64_t seed = options_.first_seed; seed <= options_.last_seed; ++seed) {
      const RunReport report = run_one(seed);
      totals_.add(report);
      show(report);
      if (seed - options_.first_seed < options_.repeated && report.violations.empty())
        repeat(seed, report.hash);
      if (options_.expects_violation && !report.violations.empty()) {
        print(fmt::format("{} is found by seed {}", options_.bug.name, seed));
        return 0;
      }
    }
    summarize();
    if (options_.expects_violation) {
      print(fmt::format("{} is not found by {} seeds", options_.bug.name, totals_.runs));
      return 1;
    }
    return totals_.failed == 0 && totals_.differing == 0 && shares_suffice() ? 0 : 1;
  }

 private:
  RunReport run_one(std::uint64_t seed) {
    seed_under_way.store(seed, std::memory_order_relaxed);
    TraceSink sink;
    if (options_.is_verbose || options_.has_events) {
      sink.write = [](std::string_view line) { print(std::string(line)); };
      sink.has_events = options_.has_events;
    }
    const Settings settings = Settings::draw(seed);
    if (options_.is_verbose) print(fmt::format("seed {}: {}", seed, settings.describe()));
    return run_scenario(settings, std::move(sink));
  }

  void show(const RunReport& report) const {
    if (options_.has_hashes) print(fmt::format("hash {} {:016x}", report.seed, report.hash));
    if (options_.is_verbose) {
      print(fmt::format(
          "seed {}: {:.2f} virtual s, {} events, {} records acknowledged, {} read, {} "
          "lost to power, {} kills, {} power "
          "losses, {} in a start, {} clean stops, {} fetches woken, {} in vain, {} "
          "invalid batches refused, {} topics made, {} deleted, {} assignments, {} commits, {} "
          "rejected, {} survivors, {} returned, {} fenced",
          report.seed, report.virtual_seconds, report.steps, report.acked, report.read,
          report.lost_acked, report.disk.kills, report.disk.power_losses,
          report.disk.crashes_in_start, report.disk.clean_stops, report.clients.woken,
          report.clients.empty, report.clients.refused, report.clients.topics_made,
          report.clients.topics_deleted, report.clients.assignments, report.clients.commits,
          report.clients.rejected, report.clients.survivors, report.clients.returned,
          report.clients.fenced));
    }
    if (report.violations.empty()) return;
    const std::string bug =
        options_.bug.is_none() ? "" : fmt::format(" --bug {}", options_.bug.name);
    print(fmt::format("seed {} FAILED after {:.3f} virtual s, {} violations; {}", report.seed,
                      report.virtual_seconds, report.violations.count(), report.settings));
    for (const Violation& violation : report.violations.first())
      print(fmt::format("  {}: {}", violation.invariant, violation.text));
    print(fmt::format("  repeat: gregor_sim --seeds {0}..{0}{1} --verbose", report.seed, bug));
  }

  void repeat(std::uint64_t seed, std::uint64_t hash) {
    const RunReport again = run_one(seed);
    if (again.hash == hash) return;
    ++totals_.differing;
    print(fmt::format("seed {} gave another trace the second time: {:016x}, then {:016x}", seed,
                      hash, again.hash));
  }

  static std::string share(std::uint64_t part, std::uint64_t whole) {
    return fmt::format(
        "{} ({:.0f} %)", part,
        whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  }

  void summarize() const {
    const Totals& t = totals_;
    print(
        fmt::format("{} seeds, {} failed; {} rolled a segment, {} cut a torn tail, {} lost "
                    "un-synced bytes, {} woke a parked fetch, {} recognised a batch that was "
                    "sent again",
                    t.runs, t.failed, share(t.rolled, t.runs), share(t.torn, t.runs),
                    share(t.lost, t.runs), share(t.woken, t.runs), share(t.recognised, t.runs)));
    print(fmt::format(
        "{} crashes, {} records acknowledged, {} of them lost to power where they may be, {} read, "
        "{} invalid batches "
        "refused, {} topics made; {} events, {:.0f} virtual s, the longest run {:.1f} s",
        t.crashes, t.acked, t.lost_acked, t.read, t.refused, t.topics, t.steps, t.virtual_seconds,
        t.longest));
    print(fmt::format(
        "{} seeds had members of groups, {} of them members that a restart did not end, {} static "
        "members that started anew within a generation; {} assignments, {} commits acknowledged, "
        "{} members and commits rejected, {} requests of old processes",
        share(t.groups, t.runs), share(t.survived, t.runs), share(t.returned, t.runs),
        t.assignments, t.commits, t.rejected, t.fenced));
    const std::uint64_t repeated = std::min(options_.repeated, t.runs);
    if (repeated > 0)
      print(
          fmt::format("{} seeds ran twice, {} of them with another trace", repeated, t.differing));
  }

  [[nodiscard]] bool shares_suffice() const {
    if (totals_.runs < seeds_for_shares) return true;
    bool all = true;
    const auto check = [&](std::uint64_t part, const char* what) {
      if (static_cast<double>(part) >= share_min * static_cast<double>(totals_.runs)) return;
      print(fmt::format("too few seeds {}: {}", what, share(part, totals_.runs)));
      all = false;
    };
    check(totals_.rolled, "rolled a segment");
    check(totals_.torn, "cut a torn tail");
    check(totals_.lost, "lost un-synced bytes");
    check(totals_.woken, "woke a parked fetch");
    check(totals_.recognised, "recognised a batch that was sent again");
    check(totals_.groups, "had members of groups");
    return all;
  }

  const RunnerOptions options_;
  Totals totals_;
};

}  // namespace

std::optional<Bug> find_bug(std::string_view name) {
  for (const Bug& bug : bugs) {
    if (bug.name == name) return bug;
  }
  return std::nullopt;
}

std::uint64_t current_seed() { return seed_under_way.load(std::memory_order_relaxed); }

int run_seeds(const RunnerOptions& options) {
  log::configure(options.has_log ? log::Level::debug : log::Level::off, log::Format::text);
  options.bug.plant();
  return Runner(options).run();
}

}  // namespace gregor::sim
