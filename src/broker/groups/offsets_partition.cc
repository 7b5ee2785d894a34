#include "broker/groups/offsets_partition.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "group/planted_bug.h"
#include "model/batch_builder.h"

namespace gregor::broker {
namespace {

constexpr std::string_view component = "groups";
// Tombstones in one batch where several will do, so that it stays below max.message.bytes. Each has
// the names of its group and topic.
constexpr std::size_t removed_at_once = 500;
constexpr std::size_t removed_bytes_at_once = std::size_t{256} << 10;
constexpr std::size_t removal_overhead_bytes = 32;

model::Codec codec_of(const config::BrokerConfig& config) {
  return model::codec_from_bits(config.offsets_topic_compression_codec)
      .value_or(model::Codec::none);
}

// Those of `rest` whose removal fits into one batch: one at least.
std::span<const model::TopicPartition> first_batch_of(std::span<const model::TopicPartition> rest,
                                                      std::string_view group) {
  std::size_t count = 0;
  std::size_t bytes = 0;
  while (count < std::min(rest.size(), removed_at_once)) {
    bytes += group.size() + rest[count].topic.size() + removal_overhead_bytes;
    if (count > 0 && bytes > removed_bytes_at_once) break;
    ++count;
  }
  return rest.first(count);
}

// Of the partitions those that have an offset.
void add_removals(GroupWrite& what, const group::GroupOffsets* offsets,
                  std::span<const model::TopicPartition> partitions) {
  if (offsets == nullptr) return;
  for (const auto& place : partitions) {
    if (offsets->find(place.topic, place.partition) != nullptr)
      what.offsets.emplace_back(place, std::nullopt);
  }
}

void add(model::BatchBuilder& builder, const group::EncodedRecord& record, model::TimestampMs now) {
  model::RecordData data;
  data.timestamp = now;
  data.key = record.key;
  if (record.value) data.value = *record.value;
  builder.add(data);
}

}  // namespace

// An append goes on when its client is no longer waited for.
struct OffsetsPartition::Append {
  Append(std::shared_ptr<OffsetsPartition> partition, GroupWrite changes)
      : owner(std::move(partition)), what(std::move(changes)), done(owner->place_.shard.shard()) {}
  std::shared_ptr<OffsetsPartition> owner;
  GroupWrite what;
  std::vector<std::byte> batch;
  ErrorCode error = ErrorCode::none;
  runtime::OneShot done;
};

OffsetsPartition::OffsetsPartition(Place place, std::shared_ptr<Partition> partition)
    : place_(place),
      partition_(std::move(partition)),
      index_(partition_->log().partition().partition.value()) {}

ErrorCode OffsetsPartition::availability() const {
  if (state_ == State::loading) return ErrorCode::coordinator_load_in_progress;
  return state_ == State::active ? ErrorCode::none : ErrorCode::not_coordinator;
}

void OffsetsPartition::end() {
  const bool had_groups = state_ == State::active;
  state_ = State::ended;
  if (had_groups) place_.groups.let_go(index_);
}

std::optional<ErrorCode> OffsetsPartition::write_fault() const {
  const Leadership& leadership = partition_->leadership();
  if (state_ != State::active || partition_->is_retired() ||
      leadership.leader != place_.shard.broker_id())
    return ErrorCode::not_leader_or_follower;
  const auto isr_size = static_cast<std::int32_t>(leadership.isr.size());
  if (isr_size < partition_->min_insync_replicas()) return ErrorCode::not_enough_replicas;
  return std::nullopt;
}

Result<std::vector<std::byte>> OffsetsPartition::encode(const GroupWrite& what) const {
  const model::TimestampMs now(place_.shard.shard().clock().wall_ms());
  model::BatchOptions options;
  options.codec = codec_of(place_.shard.config());
  model::BatchBuilder builder(options);
  for (const auto& [partition, value] : what.offsets) {
    auto record = group::encode(group::OffsetRecord{what.group, partition, value});
    if (!record) return fail(std::move(record.error()));
    add(builder, *record, now);
  }
  if (what.content) {
    auto record = group::encode(*what.content);
    if (!record) return fail(std::move(record.error()));
    add(builder, *record, now);
  }
  return builder.finish();
}

runtime::Task<ErrorCode> OffsetsPartition::write(std::shared_ptr<OffsetsPartition> self,
                                                 GroupWrite what) {
  if (what.offsets.empty() && !what.content) co_return ErrorCode::none;
  if (const auto fault = self->write_fault()) co_return *fault;
  auto batch = self->encode(what);
  if (!batch) {
    log::warn(component, "partition {}: group {}: {}", self->index_, what.group,
              batch.error().detail);
    co_return batch.error().code;
  }
  runtime::Shard& shard = self->place_.shard.shard();
  const auto timeout =
      std::chrono::milliseconds(self->place_.shard.config().offsets_commit_timeout_ms);
  const runtime::Instant deadline = shard.clock().now() + timeout;
  auto append = std::make_shared<Append>(self, std::move(what));
  append->batch = std::move(*batch);
  group::GroupOffsets& offsets = self->offsets(append->what.group);
  for (const auto& [partition, value] : append->what.offsets)
    offsets.begin(partition.topic, partition.partition);
  self->place_.tasks.spawn(run(append));
  if (group::is_planted(group::PlantedBug::commit_unwritten)) co_return ErrorCode::none;
  const bool in_time = co_await append->done.wait_until(deadline);
  co_return in_time ? append->error : ErrorCode::request_timed_out;
}

runtime::Task<void> OffsetsPartition::run(std::shared_ptr<Append> append) {
  OffsetsPartition& self = *append->owner;
  const std::shared_ptr<Partition> partition = self.partition_;
  auto appended = co_await partition->log().append(append->batch, partition->leadership().epoch);
  Result<model::Offset> first = model::Offset(-1);
  if (appended) {
    first = appended->offsets.first;
  } else {
    append->error = appended.error().error.code;
    log::error(component, "partition {}: group {}: {}", self.index_, append->what.group,
               appended.error().error.detail);
    first = fail(std::move(appended.error().error));
  }
  self.finish(append->what, first);
  append->done.set();
}

void OffsetsPartition::finish(const GroupWrite& what, const Result<model::Offset>& first) {
  group::GroupOffsets& of_group = offsets(what.group);
  model::Offset at = first ? *first : model::Offset(-1);
  for (const auto& [partition, value] : what.offsets) {
    if (first) {
      of_group.commit(partition.topic, partition.partition, value, at);
    } else {
      of_group.cancel(partition.topic, partition.partition);
    }
    ++at;
  }
  const bool has_offsets = !of_group.is_empty();
  forget_if_unused(what.group);
  // A group that went while this was on its way is there again.
  if (has_offsets && state_ == State::active) place_.groups.ensure(index_, what.group);
}

runtime::Task<ErrorCode> OffsetsPartition::remove_offsets(
    std::shared_ptr<OffsetsPartition> self, std::string id,
    std::vector<model::TopicPartition> partitions) {
  std::span<const model::TopicPartition> rest(partitions);
  while (!rest.empty()) {
    GroupWrite what;
    what.group = id;
    const auto some = first_batch_of(rest, id);
    add_removals(what, self->offsets_of(id), some);
    rest = rest.subspan(some.size());
    const ErrorCode error = co_await write(self, std::move(what));
    if (error != ErrorCode::none) co_return error;
  }
  co_return ErrorCode::none;
}

runtime::Task<ErrorCode> OffsetsPartition::remove_group(std::shared_ptr<OffsetsPartition> self,
                                                        std::string id) {
  // In one batch, so that no crash leaves a part of it; and at once, so that who joins a new group
  // of this name from now on writes behind it.
  GroupWrite what;
  what.group = id;
  if (const auto* offsets = self->offsets_of(id))
    add_removals(what, offsets, offsets->partitions());
  what.content = group::GroupRecord{id, std::nullopt};
  co_return co_await write(self, std::move(what));
}

const group::GroupOffsets* OffsetsPartition::offsets_of(std::string_view id) const {
  const auto found = offsets_.find(id);
  return found == offsets_.end() ? nullptr : &found->second;
}

group::GroupOffsets& OffsetsPartition::offsets(std::string_view id) {
  auto found = offsets_.find(id);
  if (found == offsets_.end())
    found = offsets_.emplace(std::string(id), group::GroupOffsets{}).first;
  return found->second;
}

void OffsetsPartition::forget_if_unused(std::string_view id) {
  const auto found = offsets_.find(id);
  if (found != offsets_.end() && found->second.is_unused()) offsets_.erase(found);
}

bool OffsetsPartition::is_unstable(std::string_view id, std::string_view topic,
                                   model::PartitionIndex partition) const {
  for (const auto& [producer, records] : open_) {
    for (const OpenOffset& open : records) {
      const model::TopicPartition& place = open.record.partition;
      if (open.record.group == id && place.topic == topic && place.partition == partition)
        return true;
    }
  }
  return false;
}

std::vector<std::string> OffsetsPartition::groups_with_offsets() const {
  std::vector<std::string> ids;
  for (const auto& [id, offsets] : offsets_) {
    if (!offsets.is_empty()) ids.push_back(id);
  }
  return ids;
}

std::size_t OffsetsPartition::offset_count() const {
  std::size_t count = 0;
  for (const auto& [id, offsets] : offsets_) count += offsets.count();
  return count;
}

ErrorCode offset_commit_error(ErrorCode error) {
  switch (error) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append:
      return ErrorCode::coordinator_not_available;
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::kafka_storage_error:
      return ErrorCode::not_coordinator;
    case ErrorCode::message_too_large:
    case ErrorCode::record_list_too_large:
    case ErrorCode::invalid_fetch_size:
      return ErrorCode::invalid_commit_offset_size;
    default:
      return error;
  }
}

ErrorCode group_store_error(ErrorCode error) {
  if (error == ErrorCode::request_timed_out) return ErrorCode::rebalance_in_progress;
  const ErrorCode mapped = offset_commit_error(error);
  return mapped == ErrorCode::invalid_commit_offset_size ? ErrorCode::unknown_server_error : mapped;
}

}  // namespace gregor::broker
