#include "broker/compaction.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "storage/cleaner/cleaning_choice.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "cleaner";

// So many partitions are asked before the shard's other messages get their turn.
constexpr std::size_t asked_at_once = 64;

}  // namespace

struct Compaction::Cleaned {
  Result<void> result;
  storage::CleaningOutcome outcome;
  std::int64_t delay_ms = 0;  ///< file.delete.delay.ms
};

Compaction::Compaction(runtime::Shard& shard, BrokerShared& shared, storage::LogDirs& dirs)
    : shard_(shard),
      shared_(shared),
      dirs_(dirs),
      news_(std::make_unique<runtime::OneShot>(shard)),
      doomed_(shard, component, "a replaced segment") {}

void Compaction::start() {
  if (shared_.config.log_cleaner_enable) tasks_.spawn(run());
}

runtime::Task<void> Compaction::stop() {
  is_stopping_ = true;
  news_->set();
  co_await tasks_.join();
}

runtime::Task<void> Compaction::run() {
  while (!is_stopping_) {
    co_await doomed_.remove_due();
    co_await start_some();
    if (is_stopping_) co_return;
    const auto backoff =
        runtime::milliseconds_within_reach(shared_.shards[0]->config().log_cleaner_backoff_ms);
    const runtime::Instant next = shard_.clock().now() + backoff;
    co_await news_->wait_until(next);
    if (is_stopping_) co_return;
    news_ = std::make_unique<runtime::OneShot>(shard_);
  }
}

runtime::Task<void> Compaction::start_some() {
  while (!is_stopping_) {
    const std::int32_t threads = shared_.shards[0]->config().log_cleaner_threads;
    if (std::cmp_greater_equal(running_.size(), threads)) co_return;
    auto chosen = co_await choose();
    if (!chosen || is_stopping_) co_return;
    running_.insert(chosen->plan.facts.partition);
    figures_.running = running_.size();
    tasks_.spawn(clean(std::move(*chosen)));
  }
}

runtime::Task<std::vector<Compaction::Candidate>> Compaction::candidates_of(BrokerShard& shard) {
  std::vector<Candidate> candidates;
  std::size_t asked = 0;
  for (const auto& partition : shard.all()) {
    if (!partition->is_compacted() || partition->is_retired()) continue;
    if (++asked % asked_at_once == 0)
      co_await runtime::sleep_until(shard.shard(), shard.shard().clock().now());
    auto facts = co_await partition->log().cleaning_facts();
    if (!facts) continue;  // closed, or failed: others tell of it
    candidates.push_back({partition->topic_id(), shard.shard().id(), {std::move(*facts), {}}});
  }
  co_return candidates;
}

/// The log that needs it most; nothing if none does.
runtime::Task<std::optional<Compaction::Candidate>> Compaction::choose() {
  std::optional<Candidate> dirtiest;
  double max_ratio = 0;
  for (const auto& shard : shared_.shards) {
    BrokerShard* target = shard.get();
    auto ask = [target] { return candidates_of(*target); };
    auto candidates = co_await runtime::call_on(shard_, target->shard().id(), ask);
    for (Candidate& candidate : candidates) {
      storage::CleaningPlan& plan = candidate.plan;
      plan.choice = choose_cleaning(plan.facts, dirs_.first_dirty(plan.facts.partition),
                                    model::TimestampMs(shard_.clock().wall_ms()));
      const double ratio = plan.choice.dirty_ratio();
      max_ratio = std::max(max_ratio, ratio);
      if (!is_worth_cleaning(plan.choice, *plan.facts.config) || is_left_alone(candidate)) continue;
      if (!dirtiest || ratio > dirtiest->plan.choice.dirty_ratio()) dirtiest = std::move(candidate);
    }
  }
  figures_.max_dirty_ratio = max_ratio;
  co_return dirtiest;
}

bool Compaction::is_left_alone(const Candidate& candidate) {
  const auto& partition = candidate.plan.facts.partition;
  if (running_.contains(partition)) return true;
  const auto bad = uncleanable_.find(partition);
  if (bad != uncleanable_.end()) {
    if (bad->second == candidate.topic_id) return true;
    uncleanable_.erase(bad);  // another topic of that name
    figures_.uncleanable = uncleanable_.size();
  }
  const auto resting = resting_.find(partition);
  if (resting == resting_.end()) return false;
  if (resting->second > shard_.clock().now()) return true;
  resting_.erase(resting);
  return false;
}

storage::CleanerOptions Compaction::options() const {
  const config::BrokerConfig& config = shared_.shards[0]->config();
  const std::int32_t threads = std::max(config.log_cleaner_threads, 1);
  storage::CleanerOptions options;
  options.map.bytes_max = static_cast<std::uint64_t>(
      std::max<std::int64_t>(config.log_cleaner_dedupe_buffer_size, 0) / threads);
  options.map.load_factor = config.log_cleaner_io_buffer_load_factor;
  options.bytes_per_second = std::max(config.log_cleaner_io_max_bytes_per_second / threads, 1.0);
  options.is_stopping = &is_stopping_;
  return options;
}

/// On the shard that owns the log. The checkpoint is written before the log can be deleted, so that
/// it is not taken for that of a later one of its name.
runtime::Task<Compaction::Cleaned> Compaction::clean_on(BrokerShard& shard, storage::LogDirs& dirs,
                                                        const Candidate& chosen,
                                                        storage::CleanerOptions options) {
  Cleaned cleaned;
  const auto& name = chosen.plan.facts.partition;
  const auto partition = shard.find(name.topic, name.partition.value());
  const auto hold = partition != nullptr && partition->topic_id() == chosen.topic_id
                        ? partition->log().hold_for_cleaning()
                        : nullptr;
  // It may have gone to another log dir since it was chosen; now it stays where it is.
  if (hold == nullptr || partition->log().directory() != chosen.plan.facts.directory) {
    cleaned.result = fail(ErrorCode::operation_not_attempted, "it is gone");
    co_return cleaned;
  }
  cleaned.delay_ms = chosen.plan.facts.config->file_delete_delay_ms;
  auto cleaning = clean_log(shard.shard(), partition->log(), chosen.plan, options, cleaned.outcome);
  cleaned.result = co_await std::move(cleaning);
  if (!cleaned.result) co_return cleaned;
  const model::Offset end = cleaned.outcome.cleaned_end;
  auto write = [&dirs, &name, end] { return dirs.write_first_dirty(name, end); };
  cleaned.result = co_await runtime::offload(shard.shard(), write);
  co_return cleaned;
}

runtime::Task<void> Compaction::clean(Candidate chosen) {
  const runtime::Instant began = shard_.clock().now();
  BrokerShard* target = &shared_.shards[0]->peer(chosen.shard);
  auto work = [this, target, &chosen, wanted = options()] {
    return clean_on(*target, dirs_, chosen, wanted);
  };
  auto cleaned = co_await runtime::call_on(shard_, chosen.shard, work);
  note(chosen, std::move(cleaned), shard_.clock().now() - began);
  running_.erase(chosen.plan.facts.partition);
  figures_.running = running_.size();
  news_->set();
}

void Compaction::note(const Candidate& chosen, Cleaned cleaned, runtime::Duration took) {
  const auto& facts = chosen.plan.facts;
  const storage::CleaningTally& tally = cleaned.outcome.tally;
  figures_.read_bytes += tally.read_bytes;
  figures_.source_bytes += tally.source_bytes;
  figures_.written_bytes += tally.written_bytes;
  doomed_.add(std::move(cleaned.outcome.deleted_files),
              shard_.clock().now() + runtime::milliseconds_within_reach(cleaned.delay_ms));
  const std::string name = model::to_string(facts.partition);
  if (cleaned.result) {
    ++figures_.cleanings;
    figures_.durations.add(took);
    log::info(component,
              "{}: compacted from {} to {}: {} segments of {} bytes became {} of {} bytes; {} keys",
              name, chosen.plan.choice.first_dirty.value(), cleaned.outcome.cleaned_end.value(),
              cleaned.outcome.segments_before, tally.source_bytes, cleaned.outcome.segments_after,
              tally.written_bytes, tally.keys);
    return;
  }
  const Error& error = cleaned.result.error();
  const auto backoff =
      runtime::milliseconds_within_reach(shared_.shards[0]->config().log_cleaner_backoff_ms);
  resting_[facts.partition] = shard_.clock().now() + backoff;
  if (error.code == ErrorCode::operation_not_attempted) return;
  ++figures_.failed;
  if (storage::may_be_cleaned_later(error)) {
    log::warn(component, "{}: could not be compacted, it will be tried again: {}", name,
              error.detail);
    return;
  }
  uncleanable_[facts.partition] = chosen.topic_id;
  figures_.uncleanable = uncleanable_.size();
  log::error(component, "{}: can't be compacted and is left alone until the next start: {}", name,
             error.detail);
}

}  // namespace gregor::broker
