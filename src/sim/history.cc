#include "sim/history.h"

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

bool same_bytes(const std::optional<ByteView>& read,
                const std::optional<std::vector<std::byte>>& sent) {
  if (read.has_value() != sent.has_value()) return false;
  return !read || std::equal(read->begin(), read->end(), sent->begin(), sent->end());
}

}  // namespace

void History::add_topic(model::Uuid id, const std::string& name, std::int32_t partitions) {
  for (std::int32_t i = 0; i < partitions; ++i) {
    partitions_.try_emplace(PartitionKey{id, i}, fmt::format("{}-{}", name, i), is_flushed_each_,
                            violations_);
  }
}

PartitionHistory& History::partition(const PartitionKey& where) {
  const auto found = partitions_.find(where);
  GREGOR_ASSERT(found != partitions_.end());
  return found->second;
}

BatchNumber History::send(SentBatch batch) {
  const BatchNumber number = batches_.size();
  auto& numbers = by_producer_[producer_of(batch.first)];
  GREGOR_ASSERT(counter_of(batch.first) == numbers.size() + 1);
  numbers.insert(numbers.end(), static_cast<std::size_t>(batch.count), number);
  batch.must_exceed = partition(batch.where).mark().acked_end - 1;
  batches_.push_back(std::move(batch));
  return number;
}

void History::send_again(BatchNumber number, std::uint64_t channel) {
  SentBatch& batch = batches_.at(number);
  GREGOR_ASSERT(batch.is_idempotent());
  batch.channel = channel;
  // What was acknowledged when it was first sent may be gone since.
  batch.must_exceed = std::min(batch.must_exceed, partition(batch.where).mark().acked_end - 1);
  if (batch.state == BatchState::acked) return;
  if (batch.state == BatchState::lost) {
    batch.base.reset();
    batch.append_time = model::TimestampMs(-1);
  }
  batch.state = BatchState::pending;
}

void History::take_producer_id(model::ProducerId id) {
  if (!producer_ids_.insert(id).second)
    violations_.add("I3", fmt::format("producer id {} was given twice", id.value()));
}

std::optional<BatchNumber> History::find(ValueId value) const {
  const auto producer = by_producer_.find(producer_of(value));
  const std::uint64_t counter = counter_of(value);
  if (producer == by_producer_.end() || counter == 0 || counter > producer->second.size())
    return std::nullopt;
  return producer->second[counter - 1];
}

void History::acknowledge(BatchNumber number, Offset base, model::TimestampMs append_time,
                          runtime::Instant now) {
  SentBatch& batch = batches_.at(number);
  PartitionHistory& where = partition(batch.where);
  const std::string& name = where.name();
  if (!batch.is_valid)
    violations_.add("D4", fmt::format("{}: an invalid batch was taken at {}", name, base.value()));
  if (base <= batch.must_exceed) {
    violations_.add(
        "O2", fmt::format("{}: acknowledged at {}, but {} was acknowledged before it was sent",
                          name, base.value(), batch.must_exceed.value()));
  }
  if (batch.base && *batch.base != base) {
    violations_.add("D2", fmt::format("{}: {} was read at {} and acknowledged at {}", name,
                                      show(batch.first), batch.base->value(), base.value()));
  }
  if (batch.channel) {
    const auto [last, is_first] =
        last_of_channel_.emplace(std::pair(*batch.channel, batch.where), base);
    if (!is_first && base <= last->second) {
      violations_.add(
          "O1", fmt::format(
                    "{}: acknowledged at {} behind one sent before it on the same connection at {}",
                    name, base.value(), last->second.value()));
    }
    last->second = std::max(last->second, base);
  }
  batch.state = BatchState::acked;
  batch.base = base;
  batch.append_time = append_time;
  check_order(batch, name);
  for (std::int32_t i = 0; i < batch.count; ++i)
    where.assign(base + i, ValueId(batch.first.value() + static_cast<std::uint64_t>(i)), "ack");
  where.acknowledge(base + batch.count);
  fetches_.appended(batch.where, base + batch.count, now);
  acked_ += static_cast<std::uint64_t>(batch.count);
}

void History::refuse(BatchNumber number, ErrorCode error) {
  SentBatch& batch = batches_.at(number);
  batch.state = BatchState::refused;
  if (batch.base) {
    violations_.add(
        "D4", fmt::format("{}: {} was read, and refused with {}", partition(batch.where).name(),
                          show(batch.first), error_name(error)));
  }
}

void History::lose_sight(BatchNumber number) {
  SentBatch& batch = batches_.at(number);
  if (batch.state == BatchState::pending) batch.state = BatchState::unknown;
}

void History::read(const PartitionKey& where, const ReadMark& mark, Offset from,
                   const FetchedPartition& answer) {
  PartitionHistory& history = partition(where);
  history.see_positions(mark, answer.high_watermark, answer.log_start);
  read_batches(history, answer, from);
  for (const auto& batch : answer.batches) {
    for (const ReadRecord& record : batch.records) read_record(history, where, record);
  }
}

void History::read_batches(PartitionHistory& partition, const FetchedPartition& answer,
                           Offset from) {
  std::optional<Offset> next;
  for (const auto& batch : answer.batches) {
    if (!next && (batch.base > from || batch.next <= from)) {
      violations_.add("O4", fmt::format("{}: asked from {}, got [{}, {})", partition.name(),
                                        from.value(), batch.base.value(), batch.next.value()));
    }
    if (next && batch.base != *next) {
      violations_.add("O6", fmt::format("{}: a batch ends at {}, the next one starts at {}",
                                        partition.name(), next->value(), batch.base.value()));
    }
    next = batch.next;
    if (batch.next > answer.high_watermark) {
      violations_.add("V2", fmt::format("{}: records up to {}, high watermark {}", partition.name(),
                                        batch.next.value(), answer.high_watermark.value()));
    }
    Offset offset = batch.base;
    for (const ReadRecord& record : batch.records) {
      if (record.offset != offset) {
        violations_.add("O6", fmt::format("{}: offset {} where {} was due", partition.name(),
                                          record.offset.value(), offset.value()));
      }
      offset = record.offset + 1;
    }
    if (offset != batch.next) {
      violations_.add("O6", fmt::format("{}: the batch at {} has records up to {} and ends at {}",
                                        partition.name(), batch.base.value(), offset.value(),
                                        batch.next.value()));
    }
  }
}

void History::read_record(PartitionHistory& partition, const PartitionKey& where,
                          const ReadRecord& record) {
  ++read_;
  const std::string& name = partition.name();
  const auto value = record.value ? read_payload(*record.value) : std::nullopt;
  const auto number = value ? find(*value) : std::nullopt;
  if (!number) {
    violations_.add(
        "D3", fmt::format("{}: at {} is a record that nobody sent", name, record.offset.value()));
    return;
  }
  SentBatch& batch = batches_[*number];
  if (batch.where != where) {
    violations_.add("D3", fmt::format("{}: at {} is {}, sent to {}", name, record.offset.value(),
                                      show(*value), this->partition(batch.where).name()));
    return;
  }
  if (!same_bytes(record.key, make_key(*value))) {
    violations_.add("D3", fmt::format("{}: at {} {} has another key", name, record.offset.value(),
                                      show(*value)));
  }
  if (batch.state == BatchState::refused || !batch.is_valid) {
    violations_.add("D4", fmt::format("{}: at {} is {}, which was refused", name,
                                      record.offset.value(), show(*value)));
  }
  if (batch.state == BatchState::lost) {
    violations_.add("D1", fmt::format("{}: at {} is {}, which was gone before", name,
                                      record.offset.value(), show(*value)));
  }
  const auto index = static_cast<std::int64_t>(value->value() - batch.first.value());
  place(batch, index, record, name);
  check_timestamp(batch, index, record, name);
  partition.assign(record.offset, *value, "read");
}

// A batch lies at one place, whole.
void History::place(SentBatch& batch, std::int64_t index, const ReadRecord& record,
                    const std::string& name) {
  const Offset base = record.offset - index;
  if (!batch.base) {
    batch.base = base;
    check_order(batch, name);
  }
  if (*batch.base == base) return;
  const bool is_acked = batch.state == BatchState::acked;
  violations_.add(
      is_acked ? "D2" : "I1",
      fmt::format("{}: the batch of {} is at {}, {} at {}", name, show(batch.first), base.value(),
                  is_acked ? "acknowledged" : "and also", batch.base->value()));
}

// Batches of one idempotent producer lie in the order in which they were first sent.
void History::check_order(const SentBatch& batch, const std::string& name) {
  if (!batch.is_idempotent()) return;
  auto& places = places_[{batch.producer_id, batch.where}];
  const auto here = places.insert_or_assign(batch.first, *batch.base).first;
  const bool is_behind = here == places.begin() || std::prev(here)->second < here->second;
  const bool is_before = std::next(here) == places.end() || here->second < std::next(here)->second;
  if (is_behind && is_before) return;
  violations_.add("O3", fmt::format("{}: the batch of {} at {} lies out of the order of sending",
                                    name, show(batch.first), batch.base->value()));
}

void History::check_timestamp(SentBatch& batch, std::int64_t index, const ReadRecord& record,
                              const std::string& name) {
  model::TimestampMs wanted = batch.timestamp + index;
  if (batch.has_append_time) {
    if (batch.append_time < model::TimestampMs(0)) batch.append_time = record.timestamp;
    wanted = batch.append_time;
  }
  if (record.timestamp == wanted) return;
  violations_.add("TS",
                  fmt::format("{}: the record at {} has time stamp {}, not {}", name,
                              record.offset.value(), record.timestamp.value(), wanted.value()));
}

void History::end_life(Ending ending) {
  has_lost_power_ = has_lost_power_ || ending == Ending::power;
  for (auto& [where, partition] : partitions_) partition.end_life(ending);
}

void History::restart(const PartitionKey& where, Offset end) {
  for (const ValueId value : partition(where).restart(end)) {
    SentBatch& batch = batches_[*find(value)];
    if (batch.base && *batch.base < end) {
      violations_.add("PREFIX",
                      fmt::format("{}: the log ends at {} within the batch at {}",
                                  partition(where).name(), end.value(), batch.base->value()));
    }
    if (batch.state == BatchState::acked) ++lost_;
    if (batch.is_idempotent()) places_[{batch.producer_id, where}].erase(batch.first);
    batch.state = BatchState::lost;
  }
}

void History::resume() {
  last_of_channel_.clear();
  for (auto& [where, partition] : partitions_) partition.resume();
}

}  // namespace gregor::sim
