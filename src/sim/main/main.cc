// gregor_sim: runs seeds of the whole-broker simulation. README.md of src/sim says how to use it.
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "sim/seed_runner.h"

namespace {

using gregor::sim::RunnerOptions;

constexpr const char* usage =
    "usage: gregor_sim --seeds FIRST..LAST [--bug NAME] [--expect-found] [--verbose] [--events] "
    "[--log]\n"
    "                  [--hashes] [--repeat N]\n"
    "  --seeds A..B     the seeds to run, both included\n"
    "  --bug NAME       with a planted bug: acknowledge_before_write, skip_tail_cut, "
    "wrong_base_offset,\n"
    "                   skip_directory_sync, lose_fetch_notice, commit_unwritten, "
    "keep_generation,\n"
    "                   forget_at_load, accept_old_commit, ...\n"
    "  --expect-found   succeed if a seed finds it, fail if none does\n"
    "  --verbose        the steps of each run\n"
    "  --events         every event of each run\n"
    "  --log            the broker's log lines, on standard error\n"
    "  --hashes         the trace hash of each run, to compare builds\n"
    "  --repeat N       run the first N seeds twice and compare their traces (default 20)\n";

// An assertion of the broker ends the process: that is a finding, too. The handler may only call
// what is safe in one.
volatile std::sig_atomic_t is_finding_wanted = 0;

void put(std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

extern "C" void on_abort(int) {
  std::array<char, 24> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), gregor::sim::current_seed()).ptr;
  const std::string_view seed(digits.data(), static_cast<std::size_t>(end - digits.data()));
  put("seed ");
  put(seed);
  put(" FAILED: an assertion ended the process\n  repeat: gregor_sim --verbose --seeds ");
  put(seed);
  put("\n");
  if (is_finding_wanted != 0) std::_Exit(0);
}

bool parse_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_seeds(std::string_view text, RunnerOptions& options) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) {
    options.last_seed = 0;
    if (!parse_number(text, options.first_seed)) return false;
    options.last_seed = options.first_seed;
    return true;
  }
  return parse_number(text.substr(0, dots), options.first_seed) &&
         parse_number(text.substr(dots + 2), options.last_seed) &&
         options.first_seed <= options.last_seed;
}

bool parse_flag(std::string_view word, RunnerOptions& options) {
  if (word == "--expect-found") return options.expects_violation = true;
  if (word == "--verbose") return options.is_verbose = true;
  if (word == "--events") return options.has_events = true;
  if (word == "--hashes") return options.has_hashes = true;
  if (word == "--log") return options.has_log = true;
  return false;
}

bool parse(int count, char** words, RunnerOptions& options) {
  bool has_seeds = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (parse_flag(word, options)) continue;
    if (i + 1 == count) return false;
    const std::string_view value = words[++i];
    if (word == "--seeds") {
      has_seeds = parse_seeds(value, options);
      if (!has_seeds) return false;
    } else if (word == "--repeat") {
      if (!parse_number(value, options.repeated)) return false;
    } else if (word == "--bug") {
      const auto bug = gregor::sim::find_bug(value);
      if (!bug) return false;
      options.bug = *bug;
    } else {
      return false;
    }
  }
  return has_seeds;
}

}  // namespace

int main(int count, char** words) {
  RunnerOptions options;
  if (!parse(count, words, options)) {
    std::fputs(usage, stderr);
    return 2;
  }
  is_finding_wanted = options.expects_violation ? 1 : 0;
  std::signal(SIGABRT, on_abort);
  return gregor::sim::run_seeds(options);
}
