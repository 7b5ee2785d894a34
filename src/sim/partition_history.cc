#include "sim/partition_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace gregor::sim {

using model::Offset;

namespace {

std::string show(ValueId value) {
  return fmt::format("record {}.{}", producer_of(value), counter_of(value));
}

}  // namespace

void PartitionHistory::complain(std::string_view invariant, std::string text) const {
  violations_.add(invariant, fmt::format("{}: {}", name_, text));
}

ValueId PartitionHistory::value_at(Offset offset) const {
  const auto at = static_cast<std::size_t>(offset.value());
  return offset >= Offset(0) && at < values_.size() ? values_[at] : ValueId(0);
}

void PartitionHistory::assign(Offset offset, ValueId value, const char* source) {
  if (offset < Offset(0))
    return complain("O6", fmt::format("{}: offset {}", source, offset.value()));
  const auto at = static_cast<std::size_t>(offset.value());
  if (at >= values_.size()) values_.resize(at + 1);
  if (values_[at] == ValueId(0)) values_[at] = value;
  if (values_[at] == value) return;
  complain(std::string_view(source) == "ack" ? "D6" : "D5",
           fmt::format("{}: offset {} holds {}, before it held {}", source, offset.value(),
                       show(value), show(values_[at])));
}

void PartitionHistory::acknowledge(Offset end) { acked_end_ = std::max(acked_end_, end); }

void PartitionHistory::see_positions(const ReadMark& mark, Offset high_watermark,
                                     Offset log_start) {
  if (high_watermark < mark.high_watermark) {
    complain("V1", fmt::format("high watermark {} after {}", high_watermark.value(),
                               mark.high_watermark.value()));
  }
  if (high_watermark < mark.acked_end) {
    complain("V3", fmt::format("high watermark {} below the acknowledged end {}",
                               high_watermark.value(), mark.acked_end.value()));
  }
  if (log_start < mark.log_start || log_start > high_watermark) {
    complain("V4", fmt::format("log start {} after {}, high watermark {}", log_start.value(),
                               mark.log_start.value(), high_watermark.value()));
  }
  high_watermark_ = std::max(high_watermark_, high_watermark);
  log_start_ = std::max(log_start_, log_start);
}

void PartitionHistory::see_latest(const ReadMark& mark, Offset latest) {
  if (latest < mark.acked_end) {
    complain("V3", fmt::format("latest offset {} below the acknowledged end {}", latest.value(),
                               mark.acked_end.value()));
  }
  if (latest < mark.high_watermark) {
    complain("V1", fmt::format("latest offset {} after high watermark {}", latest.value(),
                               mark.high_watermark.value()));
  }
  high_watermark_ = std::max(high_watermark_, latest);
}

void PartitionHistory::end_life(Ending ending) {
  // A clean stop has synced what the lives before it left in the cache.
  if (ending == Ending::clean) durable_end_ = std::max({durable_end_, acked_end_, high_watermark_});
  ending_ = ending_ ? std::max(*ending_, ending) : ending;
}

void PartitionHistory::promise_durable(Offset end) { durable_end_ = std::max(durable_end_, end); }

std::vector<ValueId> PartitionHistory::restart(Offset end) {
  const Ending ending = ending_.value_or(Ending::clean);
  const bool lost_power = ending == Ending::power;
  // What a reader saw is there unless the power went; then what was synced.
  Offset must = lost_power ? durable_end_ : std::max(acked_end_, high_watermark_);
  if (lost_power && is_flushed_each_) must = std::max(must, acked_end_);
  if (end < must) {
    const char* invariant = lost_power && !is_flushed_each_ ? "S2" : "D1";
    complain(
        invariant,
        fmt::format("the log ends at {} after a restart, everything before {} had to be there ({})",
                    end.value(), must.value(), lost_power ? "power loss" : "page cache kept"));
  }
  // Nothing was appended since the restart before: the same log, unless it was in the cache only.
  const bool same_log = end_restarted_ && (!lost_power || end_restarted_by_ == Ending::power);
  if (same_log && end != *end_restarted_) {
    complain("S1", fmt::format("the log ended at {}, after another recovery at {}",
                               end_restarted_->value(), end.value()));
  }
  std::vector<ValueId> gone;
  const auto left = static_cast<std::size_t>(std::max(end, Offset(0)).value());
  for (std::size_t at = left; at < values_.size(); ++at) {
    if (values_[at] != ValueId(0)) gone.push_back(values_[at]);
  }
  if (values_.size() > left) values_.resize(left);
  high_watermark_ = end;
  acked_end_ = std::min(acked_end_, end);
  if (lost_power) durable_end_ = std::max(durable_end_, end);
  if (!end_restarted_ || lost_power) end_restarted_by_ = ending;
  end_restarted_ = end;
  ending_.reset();
  return gone;
}

}  // namespace gregor::sim
