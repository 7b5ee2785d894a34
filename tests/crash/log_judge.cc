#include "crash/log_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace gregor::crash {
namespace {

std::string name(SendId id) { return fmt::format("send {:x}", id); }

std::string place(const ReadRecord& record) {
  return fmt::format("partition {} offset {}", record.partition, record.offset);
}

}  // namespace

void Violations::add(std::string kind, std::string text) {
  const int count = ++counts_[kind];
  if (count <= kept_per_kind) kept_.push_back({std::move(kind), std::move(text)});
}

std::int64_t LogJudge::next_offset(std::int32_t partition) const {
  const auto found = next_.find(partition);
  return found == next_.end() ? 0 : found->second;
}

void LogJudge::check_offset(const ReadRecord& record) {
  std::int64_t& next = next_[record.partition];
  if (record.offset > next) {
    violations_.add("offset_gap", fmt::format("{} follows {}", place(record), next - 1));
  } else if (record.offset < next) {
    violations_.add("offset_order", fmt::format("{} follows {}", place(record), next - 1));
  }
  next = record.offset + 1;
}

void LogJudge::read(const ReadRecord& record) {
  ++records_;
  check_offset(record);
  const SendId id = send_of(record.number);
  const Send* send = sends_.find(id);
  if (!record.is_intact) {
    violations_.add("wrong_bytes", fmt::format("{}, {}", place(record), name(id)));
  } else if (send == nullptr || index_of(record.number) >= send->count) {
    violations_.add("never_sent", fmt::format("{}, {}", place(record), name(id)));
  } else {
    check_record(record, *send);
  }
}

void LogJudge::check_record(const ReadRecord& record, const Send& send) {
  const SendId id = send_of(record.number);
  const int index = index_of(record.number);
  if (send.partition != record.partition) {
    violations_.add("wrong_partition",
                    fmt::format("{}, {} went to {}", place(record), name(id), send.partition));
    return;
  }
  const std::uint64_t bit = std::uint64_t{1} << index;
  std::uint64_t& seen = seen_[id];
  if ((seen & bit) != 0) {
    violations_.add("duplicate", fmt::format("{}, {} record {}", place(record), name(id), index));
    return;
  }
  seen |= bit;
  if (send.fate == Fate::refused) {
    violations_.add("refused_present",
                    fmt::format("{}, {} was refused with {}", place(record), name(id), send.error));
  } else if (send.fate == Fate::answered && record.offset != send.offset + index) {
    violations_.add("wrong_offset",
                    fmt::format("{}, {} record {} was answered with {}", place(record), name(id),
                                index, send.offset + index));
  } else {
    check_order(record);
  }
}

// Sends are numbered in the order in which they left.
void LogJudge::check_order(const ReadRecord& record) {
  const SendId id = send_of(record.number);
  const std::pair where(SendLog::producer_of(id), record.partition);
  SendId& last = last_sends_.try_emplace(where, id).first->second;
  if (id < last) {
    violations_.add("send_order",
                    fmt::format("{}: {} lies behind {}", place(record), name(id), name(last)));
  }
  last = std::max(last, id);
}

void LogJudge::unreadable(std::int32_t partition, std::int64_t offset, const std::string& why) {
  violations_.add("wrong_bytes", fmt::format("partition {} offset {}: {}", partition, offset, why));
}

void LogJudge::end(std::int32_t partition, std::int64_t log_end) {
  if (next_offset(partition) != log_end) {
    violations_.add("log_end", fmt::format("partition {}: the broker says {}, the records reach {}",
                                           partition, log_end, next_offset(partition)));
  }
}

void LogJudge::finish() {
  for (std::size_t producer = 0; producer < sends_.producers(); ++producer) {
    for (std::size_t i = 0; i < sends_.size(producer); ++i) {
      const SendId id = SendLog::id_of(producer, i);
      judge_send(id, *sends_.find(id));
    }
  }
}

void LogJudge::judge_send(SendId id, const Send& send) {
  const auto found = seen_.find(id);
  const int seen = found == seen_.end() ? 0 : std::popcount(found->second);
  if (seen == send.count || (seen == 0 && send.fate != Fate::answered)) return;
  if (!reported_.insert(id).second) return;
  const std::string what =
      fmt::format("{} of {} records to partition {}, offset {}, answered at {:.6f}", name(id),
                  send.count, send.partition, send.offset, send.answered_at);
  if (seen == 0) {
    violations_.add("lost", what);
  } else {
    violations_.add("torn_batch", fmt::format("{}: {} are there", what, seen));
  }
}

}  // namespace gregor::crash
