// OffsetsPartition: loading, which reads the partition's log from its start to its end.
#include <utility>

#include "base/log.h"
#include "broker/groups/offsets_partition.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "groups";
// So many records are applied before the shard's loop gets its turn.
constexpr std::size_t applied_at_once = 1000;

}  // namespace

runtime::Task<void> OffsetsPartition::load(std::shared_ptr<OffsetsPartition> self, Turns& turns) {
  co_await turns.take();
  const Turns::Holder turn(turns);
  if (self->state_ != State::loading) co_return;
  const model::Offset end = self->partition_->log().log_end();
  auto loaded = co_await self->load_all(end);
  if (self->state_ != State::loading) co_return;
  if (!loaded) {
    self->state_ = State::failed;
    self->offsets_.clear();
    log::error(component, "{} can't be loaded, its groups are not served: {}",
               to_string(self->partition_->log().partition()), loaded.error().detail);
    co_return;
  }
  if (self->foreign_records_ > 0) {
    log::warn(component, "{}: {} records of kinds that are not known are ignored",
              to_string(self->partition_->log().partition()), self->foreign_records_);
  }
  LoadedGroups groups = self->take_groups();
  if (!groups.empty()) {
    log::info(component, "{}: {} groups, {} offsets",
              to_string(self->partition_->log().partition()), groups.size(), self->offset_count());
  }
  self->state_ = State::active;
  self->place_.groups.take_over(self->index_, std::move(groups));
}

runtime::Task<Result<void>> OffsetsPartition::load_all(model::Offset end) {
  const std::shared_ptr<Partition> partition = partition_;
  model::Offset from = partition->log().log_start();
  while (from < end && state_ == State::loading) {
    const auto bytes_max =
        static_cast<std::uint64_t>(place_.shard.config().offsets_load_buffer_size);
    const model::OffsetRange range{from, end};
    auto run = co_await read_run(place_.shard.shard(), partition->log(), range, bytes_max);
    if (!run) co_return fail(std::move(run.error()));
    if (run->next <= from) break;
    from = run->next;
    co_await apply(std::move(run->items));
  }
  co_return Result<void>();
}

runtime::Task<void> OffsetsPartition::apply(std::vector<LoadedItem> items) {
  std::size_t applied = 0;
  for (LoadedItem& item : items) {
    apply(item);
    if (++applied % applied_at_once != 0) continue;
    runtime::Shard& shard = place_.shard.shard();
    co_await runtime::sleep_until(shard, shard.clock().now());
  }
}

void OffsetsPartition::apply(LoadedItem& item) {
  if (const auto* marker = std::get_if<model::EndMarker>(&item.content))
    return end_transaction(*marker);
  auto& record = std::get<group::CoordinatorRecord>(item.content);
  if (auto* offset = std::get_if<group::OffsetRecord>(&record)) {
    if (item.transaction >= model::ProducerId(0)) {
      open_[item.transaction].push_back({std::move(*offset), item.at});
    } else {
      apply_record(*offset, item.at);
    }
  } else if (auto* group = std::get_if<group::GroupRecord>(&record)) {
    if (group->value) {
      loaded_[group->group] = std::move(group->value);
    } else {
      loaded_.erase(group->group);
    }
  } else {
    ++foreign_records_;
  }
}

// Until its marker nobody sees the offsets of a transaction. What was committed behind one of them
// without a transaction stays.
void OffsetsPartition::end_transaction(const model::EndMarker& marker) {
  const auto found = open_.find(marker.producer);
  if (found == open_.end()) return;
  std::vector<OpenOffset> records = std::move(found->second);
  open_.erase(found);
  if (!marker.is_commit) return;
  for (OpenOffset& open : records) apply_record(open.record, open.at);
}

void OffsetsPartition::apply_record(group::OffsetRecord& record, model::Offset at) {
  const auto& [topic, partition] = record.partition;
  offsets(record.group).load(topic, partition, std::move(record.value), at);
  forget_if_unused(record.group);
}

LoadedGroups OffsetsPartition::take_groups() {
  LoadedGroups groups = std::move(loaded_);
  loaded_.clear();
  for (const auto& [id, offsets] : offsets_) groups.try_emplace(id, std::nullopt);
  return groups;
}

}  // namespace gregor::broker
