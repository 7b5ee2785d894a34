#include "storage/cleaner/log_cleaner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <memory>
#include <utility>

#include "base/log.h"
#include "storage/dir_health.h"
#include "storage/segment_swap.h"

namespace gregor::storage {
namespace {

using runtime::Task;

// Read between two looks at what else there is to do: about 10 ms of work.
constexpr std::uint64_t step_bytes = std::uint64_t{4} << 20;
// The longest that a throttled cleaning sleeps before it looks whether it should end.
constexpr std::chrono::milliseconds nap_max(50);

/// Keeps to a number of bytes per second, from now on.
class Throttle {
 public:
  Throttle(runtime::Clock& clock, double bytes_per_second)
      : clock_(clock), began_(clock.now()), bytes_per_second_(bytes_per_second) {}

  /// When `bytes` may have been used.
  [[nodiscard]] runtime::Instant due(std::uint64_t bytes) const {
    const double seconds = static_cast<double>(bytes) / bytes_per_second_;
    constexpr double seconds_max = 1e6;
    return began_ + std::chrono::milliseconds(std::llround(std::min(seconds, seconds_max) * 1000));
  }
  [[nodiscard]] runtime::Instant now() const { return clock_.now(); }

 private:
  runtime::Clock& clock_;
  const runtime::Instant began_;
  const double bytes_per_second_;
};

CleaningRequest request_of(CleaningFacts facts, const CleaningChoice& choice) {
  CleaningRequest request;
  for (const auto& segment : facts.segments) {
    if (segment.base >= choice.end) break;
    request.segments.push_back({segment.base, segment.size_bytes});
  }
  request.directory = std::move(facts.directory);
  request.config = std::move(facts.config);
  request.first_dirty = choice.first_dirty;
  request.end = choice.end;
  return request;
}

/// Carries one cleaning from step to step.
class Cleaning {
 public:
  Cleaning(runtime::Shard& shard, PartitionLog& log, const CleanerOptions& options,
           CleaningOutcome& outcome)
      : shard_(shard),
        log_(log),
        options_(options),
        outcome_(outcome),
        throttle_(shard.clock(), options.bytes_per_second) {}

  Task<Result<void>> run(CleaningRequest request) {
    auto listing = log_.aborted_transactions(
        {std::max(request.segments.front().base, log_.log_start()), request.end});
    auto aborted = co_await std::move(listing);
    if (!aborted) co_return fail(std::move(aborted.error()));
    request.aborted = std::move(*aborted);
    request.producers = log_.active_producers();
    request.now = model::TimestampMs(shard_.clock().wall_ms());
    MapLimits limits = options_.map;
    limits.secret = {shard_.random().next(), shard_.random().next()};
    CleaningJob job(shard_.file_system(), std::move(request), limits);
    auto going = go_through(job);
    auto gone = co_await std::move(going);
    outcome_.tally = job.tally();
    outcome_.cleaned_end = job.cleaned_end();
    if (gone) co_return gone;
    auto work = [&job] { return job.discard(); };
    auto discarding = runtime::offload(shard_, std::move(work));
    const auto discarded = co_await std::move(discarding);
    if (!discarded) {
      log::warn("cleaner", "{}: what was made can't be removed: {}", log_.directory(),
                discarded.error().detail);
    }
    co_return gone;
  }

 private:
  [[nodiscard]] bool should_end() const {
    return log_.is_closing() || (options_.is_stopping != nullptr && options_.is_stopping->load());
  }

  Task<Result<void>> go_through(CleaningJob& job) {
    for (;;) {
      if (should_end()) co_return fail(ErrorCode::operation_not_attempted, "it is being ended");
      auto work = [&job] { return job.step(step_bytes); };
      auto stepping = runtime::offload(shard_, std::move(work));
      const auto progress = co_await std::move(stepping);
      if (!progress) co_return fail(progress.error());
      if (*progress == CleaningJob::Progress::done) co_return Result<void>();
      if (*progress == CleaningJob::Progress::segment_ready) {
        auto swapping = swap(job.take_segment());
        auto swapped = co_await std::move(swapping);
        if (!swapped) co_return swapped;
      }
      const auto due = throttle_.due(job.tally().read_bytes + job.tally().written_bytes);
      while (!should_end() && throttle_.now() < due) {
        auto napping = runtime::sleep_until(shard_, std::min(due, throttle_.now() + nap_max));
        co_await std::move(napping);
      }
    }
  }

  Task<Result<void>> swap(CleanedSegment cleaned) {
    const std::size_t replaced = cleaned.replaced.size();
    const model::Offset base = cleaned.base();
    const std::string directory = log_.directory();
    auto replacing = log_.replace_segments(std::move(cleaned));
    auto deleted = co_await std::move(replacing);
    // Of a log that has failed the files are left as they are: the next start knows what to do.
    if (!deleted && !log_.failure()) {
      auto work = [this, &directory, base] {
        return discard_cleaned(shard_.file_system(), directory, base);
      };
      auto discarding = runtime::offload(shard_, std::move(work));
      const auto discarded = co_await std::move(discarding);
      if (!discarded) log::warn("cleaner", "{}: {}", directory, discarded.error().detail);
    }
    if (!deleted) co_return fail(std::move(deleted.error()));
    outcome_.segments_before += replaced;
    ++outcome_.segments_after;
    std::move(deleted->begin(), deleted->end(), std::back_inserter(outcome_.deleted_files));
    co_return Result<void>();
  }

  runtime::Shard& shard_;
  PartitionLog& log_;
  const CleanerOptions& options_;
  CleaningOutcome& outcome_;
  Throttle throttle_;
};

}  // namespace

bool may_be_cleaned_later(const Error& error) {
  return error.code == ErrorCode::operation_not_attempted ||
         error.code == ErrorCode::offset_out_of_range || is_passing(error);
}

Task<Result<void>> clean_log(runtime::Shard& shard, PartitionLog& log, CleaningPlan plan,
                             CleanerOptions options, CleaningOutcome& outcome) {
  const auto hold = log.hold_for_cleaning();
  if (hold == nullptr) co_return fail(ErrorCode::operation_not_attempted, "the log is closed");
  outcome.cleaned_end = plan.choice.first_dirty;
  CleaningRequest request = request_of(std::move(plan.facts), plan.choice);
  if (request.segments.empty() || plan.choice.end <= plan.choice.first_dirty)
    co_return Result<void>();
  Cleaning cleaning(shard, log, options, outcome);
  auto running = cleaning.run(std::move(request));
  co_return co_await std::move(running);
}

}  // namespace gregor::storage
